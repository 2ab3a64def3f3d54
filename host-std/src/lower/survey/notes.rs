//! What the first pass notes of places within functions, for the second.

use super::{Facts, Survey};
use crate::lower::floats::Lane;

/// An instruction of a function, by number, after which a NaN is made canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Canonicalise {
    pub(crate) instruction: u32,
    pub(crate) lane: Lane,
}

/// An instruction of a function, by number, that costs `ticks` beside its own price for the values that it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moving {
    pub(crate) instruction: u32,
    pub(crate) ticks: u64,
}

/// The number of a function's own label. That of another one is the number of the instruction that opens its block, from 1
/// on.
pub(crate) const FUNCTION_LABEL: u32 = 0;

/// The notes of one function or of several, in ascending order within each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notes<'a> {
    pub(crate) canonicalise: &'a [Canonicalise],
    /// The labels that a `br_table` names.
    pub(crate) switched: &'a [u32],
    pub(crate) moving: &'a [Moving],
}

impl Survey<'_> {
    /// The notes of all functions.
    pub(crate) fn notes(&self) -> Notes<'_> {
        Notes { canonicalise: &self.canonicalise, switched: &self.switched, moving: &self.moving }
    }
}

impl<'a> Notes<'a> {
    /// Takes those of the next function, of which `facts` are known.
    pub(crate) fn take(&mut self, facts: Facts) -> Notes<'a> {
        let (canonicalise, switched, moving);
        (canonicalise, self.canonicalise) = self.canonicalise.split_at(facts.canonicalised as usize);
        (switched, self.switched) = self.switched.split_at(facts.switched as usize);
        (moving, self.moving) = self.moving.split_at(facts.moving as usize);
        Notes { canonicalise, switched, moving }
    }
}
