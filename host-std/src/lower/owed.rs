//! When a function charges its straight-line blocks: as late as may be.
//!
//! On every way to a place the same number of ticks is *owed* there: ticks of blocks that have run (the one that starts
//! there included, once it is entered) and that the local does not have yet. What is owed is known here, so it costs
//! nothing to go on owing. Where ways meet they must owe the same: the first way to a label says how much that is, and each
//! other one pays, or takes back, what makes the difference. At loop heads nothing is owed, nor at a label that a
//! `br_table` names, since that may name labels that would owe different amounts.
//!
//! The counter itself is right where another can see it: in a block that calls or ends in `unreachable`, and where the
//! function returns. A trap of another kind would leave out what was charged to the local alone, so the counter is also
//! brought up to date at loop heads and wherever more than [`UNSEEN_TICKS`] would be left out.

/// The ticks that a trap may leave uncounted at most.
pub(super) const UNSEEN_TICKS: u64 = 1_024;

/// What is owed at a place, and how far the counter may be behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owed {
    /// What the local does not have yet.
    pub(super) ticks: u64,
    /// No less than what the counter itself does not have yet, on any way here; no less than `ticks` either.
    pub(super) unseen: u64,
}

/// What opened a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opener {
    /// The function itself, `block`, or an `if` whose `else` has come.
    Block,
    Loop,
    /// `if`, and what is owed where its `else` would start.
    If(Owed),
}

/// A label of an open block, and what is owed there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub(super) opener: Opener,
    /// Whether control could reach the block.
    pub(super) reachable: bool,
    /// What is owed at the label, once it is known.
    ticks: Option<u64>,
    unseen: u64,
}

impl Label {
    /// A label to which no way leads yet; `switched` says whether a `br_table` names it.
    pub(super) fn new(opener: Opener, reachable: bool, switched: bool) -> Self {
        let settled = switched || opener == Opener::Loop;
        Label { opener, reachable, ticks: settled.then_some(0), unseen: 0 }
    }

    /// What must be owed on a way to the label that would owe `ticks`.
    pub(super) fn settle(&mut self, ticks: u64) -> u64 {
        *self.ticks.get_or_insert(ticks)
    }

    /// Notes a way to the label.
    pub(super) fn reached(&mut self, from: Owed) {
        self.unseen = self.unseen.max(from.unseen);
    }

    /// What is owed behind the label.
    pub(super) fn owed(&self) -> Owed {
        let ticks = self.ticks.unwrap_or_default();
        Owed { ticks, unseen: self.unseen.max(ticks) }
    }
}
