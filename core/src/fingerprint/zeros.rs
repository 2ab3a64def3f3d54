//! The chaining values of zeros.

use super::memory::{LEAF_LEN, hash_leaf};
use alloc::vec;
use alloc::vec::Vec;
use blake3::hazmat::{ChainingValue, Mode, merge_subtrees_non_root};

/// The chaining values of subtrees that hold zeros alone, as far as they were asked for.
///
/// One may serve all memories of a process, one after the other. It grows to 4.2 MB once a memory of 4 GiB was
/// hashed; a value that it has not costs hashing the zeros below it, once.
#[derive(Clone, Debug)]
pub struct ZeroTree {
    /// `levels[k][i]` is that of 2^k leaves, from leaf `i << k` on.
    levels: Vec<Vec<Option<ChainingValue>>>,
    zeros: Vec<u8>,
}

impl Default for ZeroTree {
    fn default() -> ZeroTree {
        ZeroTree { levels: Vec::new(), zeros: vec![0; LEAF_LEN] }
    }
}

impl ZeroTree {
    /// The chaining value of the 2^`level` leaves from leaf number `index << level` on, all of them zero.
    pub(super) fn chaining_value(&mut self, level: usize, index: usize) -> ChainingValue {
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
