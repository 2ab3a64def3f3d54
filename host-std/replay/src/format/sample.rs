//! What stands for bytes in a guest's memory.

use std::fmt;

/// What stands for bytes of a guest's memory: how many they are, and up to eight themselves, else the first eight bytes of their BLAKE3.
///
/// ```
/// use subvm_replay::Sample;
/// assert_eq!(Sample::of(b"\x04\0\0\0").to_string(), "04000000");
/// assert!(Sample::of(&[7; 100]).to_string().starts_with("100 bytes, digest "));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    len: u64,
    /// Zeros behind fewer bytes.
    bytes: [u8; 8],
}

impl Sample {
    /// The sample of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut sampler = Sampler::default();
        sampler.add(bytes);
        sampler.finish()
    }

    /// How many bytes it stands for.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it stands for no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn from_parts(len: u64, kept: &[u8]) -> Self {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(kept).for_each(|(to, from)| *to = *from);
        Self { len, bytes }
    }

    /// What is kept of it.
    pub(crate) fn kept(&self) -> &[u8] {
        let len = usize::try_from(self.len).unwrap_or(usize::MAX).min(self.bytes.len());
        self.bytes.get(..len).unwrap_or_default()
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len > self.bytes.len() as u64 {
            write!(f, "{} bytes, digest ", self.len)?;
        }
        self.kept().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sample({self})")
    }
}

/// Bytes that are gathered and hashed at once: most calls move fewer, and setting up a hasher takes as long as hashing them.
const GATHERED: usize = 256;

/// Makes a sample of bytes that come in pieces.
pub(crate) struct Sampler {
    len: u64,
    gathered: [u8; GATHERED],
    /// Once there are more.
    hasher: Option<Box<blake3::Hasher>>,
}

impl Default for Sampler {
    fn default() -> Self {
        Self { len: 0, gathered: [0; GATHERED], hasher: None }
    }
}

impl Sampler {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let before = self.len as usize;
        self.len += bytes.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        } else if let Some(place) = self.gathered.get_mut(before..before + bytes.len()) {
            place.copy_from_slice(bytes);
        } else {
            let mut hasher = Box::new(blake3::Hasher::new());
            hasher.update(self.gathered.get(..before).unwrap_or_default()).update(bytes);
            self.hasher = Some(hasher);
        }
    }

    pub(crate) fn finish(self) -> Sample {
        let bytes = match self.hasher {
            None => {
                let gathered = self.gathered.get(..self.len as usize).unwrap_or_default();
                let digest;
                let kept = if gathered.len() > 8 {
                    digest = blake3::hash(gathered);
                    digest.as_bytes()
                } else {
                    gathered
                };
                return Sample::from_parts(self.len, kept);
            }
            Some(hasher) => {
                let mut bytes = [0; 8];
                hasher.finalize_xof().fill(&mut bytes);
                bytes
            }
        };
        Sample { len: self.len, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_as_the_whole() {
        let bytes: Vec<u8> = (0..=255).cycle().take(300).collect();
        for len in (0..40).chain(250..300) {
            for cut in (0..=len).step_by(3) {
                let mut sampler = Sampler::default();
                sampler.add(&bytes[..cut]);
                sampler.add(&bytes[cut..len]);
                let sample = sampler.finish();
                assert_eq!(sample, Sample::of(&bytes[..len]));
                let digest = blake3::hash(&bytes[..len]);
                let expected = if len <= 8 { &bytes[..len] } else { &digest.as_bytes()[..8] };
                assert_eq!(sample.kept(), expected);
                assert_eq!(Sample::from_parts(len as u64, expected), sample);
            }
        }
    }
}
