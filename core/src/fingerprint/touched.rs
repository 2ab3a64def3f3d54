//! Which parts of a memory were touched.

use alloc::vec::Vec;
use core::ops::Range;

/// The leaves of a memory that may hold something else than zeros, by number.
///
/// ```
/// use subvm_core::fingerprint::Touched;
/// let mut touched = Touched::nothing();
/// touched.insert(3..5);
/// assert!(touched.any(0..4) && !touched.any(5..100));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Leaf `i` is bit `i % 64` of word `i / 64`; words past the end are zero.
    words: Vec<u64>,
}

const BITS: usize = u64::BITS as usize;

impl Touched {
    /// No leaf at all.
    pub const fn nothing() -> Touched {
        Touched { words: Vec::new() }
    }

    /// Adds the leaves of a range.
    ///
    /// # Cost
    ///
    /// An eighth of a byte for each leaf up to the range's end.
    pub fn insert(&mut self, leaves: Range<usize>) {
        if self.words.len() * BITS < leaves.end {
            self.words.resize(leaves.end.div_ceil(BITS), 0);
        }
        for (word, mask) in masks(leaves) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= mask;
            }
        }
    }

    /// Whether any leaf of a range was added.
    pub fn any(&self, leaves: Range<usize>) -> bool {
        masks(leaves).map_while(|(word, mask)| Some(self.words.get(word)? & mask)).any(|bits| bits != 0)
    }

    /// The leaves that were added, ascending.
    pub(super) fn leaves(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(word, bits)| {
            let mut left = *bits;
            core::iter::from_fn(move || {
                let lowest = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(word * BITS + lowest)
            })
        })
    }
}

/// The words that a range of leaves lies in, each with the bits of the range.
fn masks(leaves: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    let words = if leaves.is_empty() { 0..0 } else { leaves.start / BITS..leaves.end.div_ceil(BITS) };
    words.map(move |word| {
        let from = leaves.start.saturating_sub(word * BITS);
        let to = (leaves.end - word * BITS).min(BITS);
        (word, (u64::MAX << from) & (u64::MAX >> (BITS - to)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_sees_what_was_inserted(
            inserted in prop::collection::vec((0..300_usize, 0..200_usize), 0..4),
            asked in (0..400_usize, 0..200_usize),
        ) {
            let mut touched = Touched::nothing();
            for (start, len) in &inserted {
                touched.insert(*start..start + len);
            }
            let all: std::collections::BTreeSet<_> = inserted.iter().flat_map(|(start, len)| *start..start + len).collect();
            prop_assert!(touched.leaves().eq(all));
            let is_in = |leaf| inserted.iter().any(|(start, len)| (*start..start + len).contains(&leaf));
            let asked = asked.0..asked.0 + asked.1;
            prop_assert_eq!(touched.any(asked.clone()), asked.into_iter().any(is_in));
        }
    }
}
