//! What a sub-VM knows by itself: arguments and environment, clocks, randomness.

use rand_mt::Mt;
use subvm_core::wasi::Errno;

use super::{Done, Reference, prices};

/// MT19937 by `init_by_array` with the bytes of `GenLayer`. That `rand_mt` is that is held by `random_get.hex`, which CPython wrote.
pub(super) struct Generator(Mt);

impl Generator {
    fn seeded() -> Self {
        Self(Mt::new_with_key(b"GenLayer".iter().map(|byte| u32::from(*byte))))
    }

    /// As many words as are touched, the last one's other bytes dropped.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![];
        while bytes.len() < len {
            bytes.extend(self.0.next_u32().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

impl Reference {
    /// How many there are, and their bytes with the NULs.
    pub(super) fn sizes(&mut self, strings: &[String], count: u32, size: u32) -> Done {
        self.range(count, 4, 4)?;
        self.range(size, 4, 4)?;
        let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
        self.put(count, &(strings.len() as u32).to_le_bytes());
        self.put(size, &(bytes as u32).to_le_bytes());
        Ok(())
    }

    /// The pointers, then the strings that they point to.
    pub(super) fn strings(&mut self, strings: Vec<String>, pointers: u32, buffer: u32) -> Done {
        let mut places = vec![];
        let mut bytes = vec![];
        for string in strings {
            places.extend(buffer.wrapping_add(bytes.len() as u32).to_le_bytes());
            bytes.extend(string.into_bytes());
            bytes.push(0);
        }
        self.charge(prices::copying((places.len() + bytes.len()) as u64))?;
        self.range(pointers, places.len() as u64, 4)?;
        self.range(buffer, bytes.len() as u64, 1)?;
        self.put(pointers, &places);
        self.put(buffer, &bytes);
        Ok(())
    }

    /// `value`, of any of the four clocks.
    pub(super) fn clock(&mut self, id: u32, value: u64, at: u32) -> Done {
        if id > 3 {
            return Err(Errno::Inval.into());
        }
        self.range(at, 8, 8)?;
        self.put(at, &value.to_le_bytes());
        Ok(())
    }

    pub(super) fn random(&mut self, at: u32, len: u32) -> Done {
        let beginning = match (self.settings.deterministic, &self.generator) {
            (false, _) => prices::RANDOM_NODE,
            (true, None) => prices::RANDOM_SEED,
            (true, Some(_)) => 0,
        };
        self.charge(u64::from(len) * prices::RANDOM_BYTE + beginning)?;
        self.range(at, len.into(), 1)?;
        let bytes = if self.settings.deterministic {
            self.generator.get_or_insert_with(Generator::seeded).bytes(len as usize)
        } else if len > self.settings.host_random {
            return Err(Errno::Io.into());
        } else {
            (1..=255).cycle().take(len as usize).collect()
        };
        self.put(at, &bytes);
        Ok(())
    }
}
