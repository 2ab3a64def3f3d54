//! What liars do. All of them speak consensus: what no validator could read is refused before consensus sees it.

/// A way to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// Its web says something else: as a leader it proposes that, as a validator it rejects the others'.
    FalseResults,
    /// It proposes blocks that do not follow.
    Garbage,
    /// It proposes blocks that are too large.
    Oversized,
    /// It proposes one block to some, and another to others.
    TwoBlocks,
    /// It never proposes.
    Mute,
    /// It rejects whatever it is asked.
    Contrary,
    /// It says nothing beside its precommits.
    Stall,
    /// It commits to what another committed to.
    Copy,
    /// It opens another ballot than the one that it committed to.
    Reopen,
    /// Its clock is anywhere.
    Clock,
    /// It votes one thing to some, and another to others.
    TwoVotes,
    /// Its blocks have as few ballots as they may, and not those of one validator.
    Picky,
    /// Its blocks have fewer ballots than they may.
    Few,
    /// Its extensions are garbage.
    BadExtension,
    /// It proposes transactions that were there before.
    Replay,
    /// It proposes results that no run makes.
    Impossible,
    /// It says whatever it says under another's name, too, and makes up certificates.
    Forge,
}

impl Lie {
    /// Those that a seed draws. [`Forge`](Self::Forge) is drawn apart, so that each seed stands for what it stood for before.
    pub const ALL: [Self; 16] = [
        Self::FalseResults,
        Self::Garbage,
        Self::Oversized,
        Self::TwoBlocks,
        Self::Mute,
        Self::Contrary,
        Self::Stall,
        Self::Copy,
        Self::Reopen,
        Self::Clock,
        Self::TwoVotes,
        Self::Picky,
        Self::Few,
        Self::BadExtension,
        Self::Replay,
        Self::Impossible,
    ];
}
