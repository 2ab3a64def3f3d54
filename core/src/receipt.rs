//! What a run leaves behind.

use crate::SlotId;

/// One storage page of 32 octets as a run leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageWrite {
    /// The slot.
    pub slot: SlotId,
    /// The number of the page within its slot, below 2^27: its octets begin at 32 times that.
    pub page: u32,
    /// All of its octets.
    pub content: [u8; 32],
}
