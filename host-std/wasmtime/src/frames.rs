//! Which of the two engines a sub-VM runs on.

/// Whether a trap captures the frames that were active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Frames {
    /// For main sub-VMs, where failures have fingerprints.
    Captured,
    /// For all others.
    Ignored,
}
