//! What validators may leave out beside consensus, to see that the checks find it.

/// Something that is left out by all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// No signature of a vote, a proposal or a certificate is looked at.
    Trusting,
    /// No vote of a round before is [said again](subvm_bft::Again).
    Once,
}
