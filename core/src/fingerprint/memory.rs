//! Plain BLAKE3 of a linear memory, in proportion to what the guest touched of it.
//!
//! BLAKE3 is a binary tree over chunks of 1 KiB. A subtree's chaining value depends on its bytes and on its place.
//! Most of a large memory is zero, and the chaining value of a subtree of zeros at its place can be kept: [`ZeroTree`].
//! What is left is to hash the leaves that are not zero, and to merge.

use super::{Touched, ZeroTree};
use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};

/// Bytes of a leaf: 64 KiB, the size of a WebAssembly page, and a subtree of 64 chunks.
pub const LEAF_LEN: usize = 65_536;

/// The BLAKE3 digest of `memory`, always that of [`blake3::hash`].
///
/// `touched` says which leaves may hold something else than zeros. It may name too many, never too few: a leaf that
/// it leaves out is taken as zero and not read. Those that it names are read, without it all are, and hashed where they are not zero: systems
/// commit two mebibytes for one byte that is written.
///
/// Recurses as deep as the tree: 16 levels for 4 GiB.
///
/// # Cost
///
/// Reading what `touched` names, or all of `memory`; hashing what of that is not zero, and what `zeros` has yet to learn, once. No gas: the price of a sub-VM covers it (`docs/spec/fingerprint.md`).
///
/// # Example
///
/// ```
/// use subvm_core::fingerprint::{LEAF_LEN, Touched, ZeroTree, hash_memory};
///
/// let mut memory = vec![0; 5 * LEAF_LEN];
/// memory[3 * LEAF_LEN + 7] = 1;
/// let mut touched = Touched::nothing();
/// touched.insert(3..4);
///
/// let mut zeros = ZeroTree::default();
/// let digest = hash_memory(&memory, Some(&touched), &mut zeros);
/// assert_eq!(digest, *blake3::hash(&memory).as_bytes());
/// assert_eq!(digest, hash_memory(&memory, None, &mut zeros));
/// ```
pub fn hash_memory(memory: &[u8], touched: Option<&Touched>, zeros: &mut ZeroTree) -> [u8; 32] {
    if memory.len() <= LEAF_LEN {
        return blake3::hash(memory).into();
    }
    let written = written(memory, touched);
    let (left, right) = Walk { written: &written, zeros }.children(memory, 0);
    merge_subtrees_root(&left, &right, Mode::Hash).into()
}

/// The whole leaves that are not zero, of those that were touched.
fn written(memory: &[u8], touched: Option<&Touched>) -> Touched {
    let (leaves, _) = memory.as_chunks::<LEAF_LEN>();
    let mut written = Touched::nothing();
    let mut look = |leaf: usize| {
        if leaves.get(leaf).is_some_and(|bytes| !is_zero(bytes)) {
            written.insert(leaf..leaf + 1);
        }
    };
    match touched {
        Some(touched) => touched.leaves().for_each(&mut look),
        None => (0..leaves.len()).for_each(&mut look),
    }
    written
}

struct Walk<'a> {
    /// Whole leaves that are not zero: all of them.
    written: &'a Touched,
    zeros: &'a mut ZeroTree,
}

impl Walk<'_> {
    /// The chaining values of both halves of a subtree above the leaves, which starts with leaf `first`.
    fn children(&mut self, bytes: &[u8], first: usize) -> (ChainingValue, ChainingValue) {
        let (left, right) = bytes.split_at(left_subtree_len(bytes.len() as u64) as usize);
        (self.subtree(left, first), self.subtree(right, first + left.len() / LEAF_LEN))
    }

    fn subtree(&mut self, bytes: &[u8], first: usize) -> ChainingValue {
        if let Some(level) = complete(bytes.len())
            && !self.written.any(first..first + bytes.len() / LEAF_LEN)
        {
            return self.zeros.chaining_value(level, first >> level);
        }
        if bytes.len() <= LEAF_LEN {
            return hash_leaf(bytes, first);
        }
        let (left, right) = self.children(bytes, first);
        merge_subtrees_non_root(&left, &right, Mode::Hash)
    }
}

/// The level of a subtree of 2^level whole leaves; `None` for what the end of the memory cuts short.
fn complete(len: usize) -> Option<usize> {
    (len.is_power_of_two() && len >= LEAF_LEN).then(|| (len / LEAF_LEN).trailing_zeros() as usize)
}

/// The chaining value of leaf number `index`, which is not the root; the last leaf may be shorter than the others.
pub(super) fn hash_leaf(bytes: &[u8], index: usize) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(index as u64 * LEAF_LEN as u64);
    hasher.update(bytes);
    hasher.finalize_non_root()
}

/// By blocks that a compiler turns into a few wide instructions, and stops at the first that is not zero.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(256).all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    /// All three ways to hash, with a tree of zeros that knows nothing and one that knows.
    fn check(memory: &[u8], touched: &Touched, zeros: &mut ZeroTree) {
        let plain: [u8; 32] = blake3::hash(memory).into();
        for zeros in [&mut ZeroTree::default(), zeros] {
            assert_eq!(hash_memory(memory, Some(touched), zeros), plain, "touched, {} bytes", memory.len());
            assert_eq!(hash_memory(memory, None, zeros), plain, "scanned, {} bytes", memory.len());
        }
    }

    fn touched_leaves(memory: &[u8]) -> Touched {
        let mut touched = Touched::nothing();
        for (index, leaf) in memory.chunks(LEAF_LEN).enumerate() {
            if !is_zero(leaf) {
                touched.insert(index..index + 1);
            }
        }
        touched
    }

    #[test]
    fn equals_plain_blake3_at_the_edges_of_chunks_and_leaves() {
        let mut zeros = ZeroTree::default();
        for leaves in [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17] {
            for extra in [0, 1, 1023, 1024, 1025, LEAF_LEN - 1] {
                let mut memory = vec![0; leaves * LEAF_LEN + extra];
                check(&memory, &Touched::nothing(), &mut zeros);
                if let Some(last) = memory.last_mut() {
                    *last = 1;
                    check(&memory, &touched_leaves(&memory), &mut zeros);
                }
            }
        }
    }

    #[test]
    fn a_leaf_that_is_left_out_is_taken_as_zero() {
        let mut memory = vec![0; 4 * LEAF_LEN];
        let zero = blake3::hash(&memory);
        memory[2 * LEAF_LEN] = 1;
        assert_eq!(hash_memory(&memory, Some(&Touched::nothing()), &mut ZeroTree::default()), *zero.as_bytes());
    }

    /// Large pages: what a system says was touched may be zero but for one leaf in 32.
    #[test]
    fn leaves_that_were_touched_and_are_zero_count_as_zero() {
        let mut memory = vec![0; 70 * LEAF_LEN];
        memory[40 * LEAF_LEN + 5] = 1;
        let mut touched = Touched::nothing();
        touched.insert(3..70);
        assert_eq!(written(&memory, Some(&touched)).leaves().collect::<Vec<_>>(), [40]);
        assert_eq!(written(&memory, None).leaves().collect::<Vec<_>>(), [40]);
        check(&memory, &touched, &mut ZeroTree::default());
    }

    #[test]
    fn is_zero_sees_every_byte() {
        let mut bytes = [0; 1000];
        assert!(is_zero(&bytes));
        for at in 0..bytes.len() {
            bytes[at] = 0x80;
            assert!(!is_zero(&bytes), "byte {at}");
            bytes[at] = 0;
        }
        assert!(!is_zero(&[0x80; 256]), "bytes that are alike");
    }

    /// A memory of up to 20 leaves and a bit, with bytes written here and there, and leaves named for nothing.
    fn memories() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
        (0..20 * LEAF_LEN, prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 0..6)).prop_flat_map(
            |(len, writes)| {
                let mut memory = vec![0; len];
                for (at, byte) in writes.iter().filter(|_| len > 0) {
                    memory[at.index(len)] = *byte;
                }
                (Just(memory), prop::collection::vec(0..24_usize, 0..4))
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn equals_plain_blake3((memory, superfluous) in memories()) {
            let mut touched = touched_leaves(&memory);
            for leaf in superfluous {
                touched.insert(leaf..leaf + 1);
            }
            check(&memory, &touched, &mut ZeroTree::default());
        }
    }
}
