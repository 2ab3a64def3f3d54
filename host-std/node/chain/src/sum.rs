//! The sum of the hashes of a set's entries: adding or removing one costs one hash, and their order does not matter.
//!
//! This is LtHash with BLAKE3, 1,024 lanes of 16 bits (Bellare and Micciancio 1997; Lewi, Kim, Maykov and Weis 2019): to find two sets of the
//! same sum is a short-vector problem on a lattice, at some 200 bits. A plain XOR of hashes would be broken by linear algebra.

const LANES: usize = 1_024;

/// A sum.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sum([u16; LANES]);

impl Sum {
    /// Of nothing.
    pub(crate) const fn new() -> Self {
        Self([0; LANES])
    }

    /// Of one entry.
    pub(crate) fn of(entry: &[u8]) -> Self {
        let mut bytes = [0; 2 * LANES];
        let mut hasher = blake3::Hasher::new_derive_key("subvm chain, version 1: entry of the state");
        hasher.update(entry).finalize_xof().fill(&mut bytes);
        let mut lanes = [0; LANES];
        for (lane, pair) in lanes.iter_mut().zip(bytes.chunks_exact(2)) {
            *lane = u16::from_le_bytes([pair[0], pair[1]]);
        }
        Self(lanes)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(lane, other)| *lane = lane.wrapping_add(*other));
    }

    pub(crate) fn remove(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(lane, other)| *lane = lane.wrapping_sub(*other));
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        let bytes: Vec<u8> = self.0.iter().flat_map(|lane| lane.to_le_bytes()).collect();
        *blake3::hash(&bytes).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_what_is_removed_was_never_there() {
        let [one, two] = [b"one", b"two"].map(|entry| Sum::of(entry));
        let (mut ab, mut ba) = (Sum::new(), Sum::new());
        ab.add(&one);
        ab.add(&two);
        ba.add(&two);
        ba.add(&one);
        assert_eq!(ab.digest(), ba.digest());
        ab.remove(&two);
        assert_eq!(ab.digest(), one.digest());
        assert_ne!(ab.digest(), ba.digest());
        let mut twice = one.clone();
        twice.add(&one);
        assert_ne!(twice.digest(), Sum::new().digest(), "an entry twice does not cancel out");
    }
}
