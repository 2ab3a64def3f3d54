//! The chaining values of zeros.

use super::memory::{LEAF_LEN, hash_leaf};
use alloc::vec;
use alloc::vec::Vec;
use blake3::hazmat::{ChainingValue, Mode, merge_subtrees_non_root};

/// The chaining values of subtrees that hold zeros alone, as far as they were asked for.
///
/// One may serve all memories of a process, one after the other. A value that it has not costs hashing the zeros
/// below it, once; those of 16 MiB below 4 GiB it has from the start, so that it never hashes more than 16 MiB of
/// zeros for a leaf that was touched. It grows to 4.4 MB when all leaves of 4 GiB were asked for.
///
/// ```
/// use subvm_core::fingerprint::{LEAF_LEN, ZeroTree, hash_memory};
/// let mut zeros = ZeroTree::default();
/// for pages in [4, 8] {
///     let memory = vec![0; pages * LEAF_LEN];
///     assert_eq!(hash_memory(&memory, None, &mut zeros), *blake3::hash(&memory).as_bytes());
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ZeroTree {
    /// `levels[k][i]` is that of 2^k leaves, from leaf `i << k` on.
    levels: Vec<Vec<Option<ChainingValue>>>,
    zeros: Vec<u8>,
}

/// The level of subtrees of 16 MiB.
const KNOWN_LEVEL: usize = 8;

/// The chaining values of zeros on that level, below 4 GiB, in order.
static KNOWN: &[u8; 256 * blake3::OUT_LEN] = include_bytes!("zeros.bin");

impl Default for ZeroTree {
    fn default() -> ZeroTree {
        ZeroTree { levels: Vec::new(), zeros: vec![0; LEAF_LEN] }
    }
}

impl ZeroTree {
    /// The chaining value of the 2^`level` leaves from leaf number `index << level` on, all of them zero.
    pub(super) fn chaining_value(&mut self, level: usize, index: usize) -> ChainingValue {
        if level == KNOWN_LEVEL
            && let Some(known) = KNOWN.as_chunks().0.get(index)
        {
            return *known;
        }
        if let Some(Some(known)) = self.levels.get(level).and_then(|values| values.get(index)) {
            return *known;
        }
        let value = match level.checked_sub(1) {
            None => hash_leaf(&self.zeros, index),
            Some(below) => {
                let left = self.chaining_value(below, 2 * index);
                let right = self.chaining_value(below, 2 * index + 1);
                merge_subtrees_non_root(&left, &right, Mode::Hash)
            }
        };
        self.keep(level, index, value);
        value
    }

    fn keep(&mut self, level: usize, index: usize, value: ChainingValue) {
        if self.levels.len() <= level {
            self.levels.resize(level + 1, Vec::new());
        }
        if let Some(values) = self.levels.get_mut(level) {
            if values.len() <= index {
                values.resize(index + 1, None);
            }
            if let Some(slot) = values.get_mut(index) {
                *slot = Some(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blake3::hazmat::{HasherExt, merge_subtrees_root};
    use std::format;

    const SUBTREE_LEN: usize = LEAF_LEN << KNOWN_LEVEL;

    fn hash_zeros(index: usize) -> ChainingValue {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset((index * SUBTREE_LEN) as u64);
        hasher.update(&vec![0; SUBTREE_LEN]);
        hasher.finalize_non_root()
    }

    /// `SUBVM_RECORD=1 cargo test -p subvm-core known_values` writes the file anew.
    #[test]
    fn known_values_are_those_of_zeros() {
        if std::env::var_os("SUBVM_RECORD").is_some() {
            let values: Vec<u8> = (0..256).flat_map(hash_zeros).collect();
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/fingerprint/zeros.bin");
            std::fs::write(file, values).expect("the file can be written");
        }
        let mut zeros = ZeroTree::default();
        for index in [0, 1, 100, 255, 256] {
            assert_eq!(zeros.chaining_value(KNOWN_LEVEL, index), hash_zeros(index), "{index}");
        }
    }

    /// All known values meet in this digest: that of 4 GiB of zeros, computed with the Python package `blake3`.
    #[test]
    fn known_values_meet_in_the_digest_of_4_gib_of_zeros() {
        let mut zeros = ZeroTree::default();
        let halves = [zeros.chaining_value(15, 0), zeros.chaining_value(15, 1)];
        let digest = merge_subtrees_root(&halves[0], &halves[1], Mode::Hash);
        assert_eq!(format!("{digest}"), "7dde7c9fed144013fedbe2b0bbf2d82f004b60b589485851cdec29b27be408d7");
    }
}
