//! Bugs to plant. Without the feature `simulation` there are none, and none can be planted.

/// A rule that is broken.
#[cfg_attr(not(feature = "simulation"), allow(unreachable_pub))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// More than half of the ballots are enough.
    Half,
    /// Ballots that are missing count for nobody, instead of against.
    OfThoseWhoCame,
    /// A transaction is taken whatever its nonce.
    Replay,
    /// What is left of a reserve is paid back twice.
    Mint,
    /// A call's effects are applied a second time when it is final.
    Twice,
    /// The quorum of ballots in a block is not checked.
    AnyQuorum,
    /// The root in a header is not checked, and from the third block on it is not what the state says: for one node of several.
    Drift,
}

/// The bug that is planted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planted(#[cfg(feature = "simulation")] pub(crate) Option<Mutant>);

impl Planted {
    #[cfg(feature = "simulation")]
    pub(crate) fn is(self, mutant: Mutant) -> bool {
        self.0 == Some(mutant)
    }

    #[cfg(not(feature = "simulation"))]
    pub(crate) fn is(self, _: Mutant) -> bool {
        false
    }
}
