//! How a page is found: by contract, slot and number, all in one key whose order is the order of storage.

use std::collections::BTreeMap;

use subvm_core::host::page::{BYTES, PAGES};
use subvm_core::{Address, PageWrite, SlotId};

use super::{Applied, Heights, LedgerError};

/// How many pages of 32 bytes a ledger holds.
///
/// ```
/// use subvm_core::{Address, PageWrite, SlotId};
/// use subvm_ledger::{Ledger, Pages, RedbLedger};
/// let mut ledger = RedbLedger::in_memory()?;
/// ledger.apply(&Address([7; 20]), &[PageWrite { slot: SlotId([0; 32]), page: 0, content: [1; 32] }], 1)?;
/// assert_eq!(ledger.snapshot()?.pages()?, Pages { finalized: 0, accepted: 1, past: 0 });
/// # Ok::<(), subvm_ledger::LedgerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// In the finalized state.
    pub finalized: u64,
    /// Above it, a page for each block that wrote it.
    pub accepted: u64,
    /// Below it, what a page held before each block that wrote it, as far as the history goes.
    pub past: u64,
}

/// Bytes in a key.
pub(crate) const KEY: usize = 20 + 32 + 4;

/// A page's key: contract ++ slot ++ number, big-endian, so that the bytes' order is the pages' order.
pub(crate) type Key = [u8; KEY];

/// The key of page number `page`.
pub(crate) fn key(contract: &Address, slot: &SlotId, page: u32) -> Key {
    let mut key = [0; KEY];
    key[..20].copy_from_slice(&contract.0);
    key[20..52].copy_from_slice(&slot.0);
    key[52..].copy_from_slice(&page.to_be_bytes());
    key
}

/// The number of the page that `key` is of.
pub(crate) fn number(key: &[u8]) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&key[52..KEY]);
    u32::from_be_bytes(number)
}

/// What [`apply`](super::Ledger::apply) promises to refuse.
pub(crate) fn check_apply(heights: Heights, receipts: &[Applied<'_>], height: u64) -> Result<(), LedgerError> {
    let lowest = heights.accepted.max(heights.finalized + 1);
    if height < lowest {
        return Err(LedgerError::Height { given: height, lowest });
    }
    let mut pages = receipts.iter().flat_map(|receipt| receipt.pages);
    match pages.find(|write: &&PageWrite| write.page >= PAGES) {
        Some(write) => Err(LedgerError::Page { page: write.page }),
        None => Ok(()),
    }
}

/// What a block leaves in the pages that it writes: of those that repeat, the last.
pub(crate) fn contents(receipts: &[Applied<'_>]) -> BTreeMap<Key, [u8; BYTES]> {
    let pages = |receipt: &Applied<'_>| {
        let contract = receipt.contract;
        receipt.pages.iter().map(move |page| (key(&contract, &page.slot, page.page), page.content)).collect::<Vec<_>>()
    };
    receipts.iter().flat_map(pages).collect()
}

/// Whether forgetting what is below `height` changes anything; refuses what [`prune`](super::Ledger::prune) promises to refuse.
pub(crate) fn check_prune(place: &str, heights: Heights, lowest: u64, height: u64) -> Result<bool, LedgerError> {
    if height > heights.finalized {
        let place = place.to_owned();
        return Err(LedgerError::NotFinal { place, given: height, finalized: heights.finalized });
    }
    Ok(height > lowest)
}

/// Whether rolling back to `height` changes anything; refuses what [`rollback`](super::Ledger::rollback) promises to refuse.
pub(crate) fn check_rollback(heights: Heights, height: u64) -> Result<bool, LedgerError> {
    if height < heights.finalized {
        return Err(LedgerError::Height { given: height, lowest: heights.finalized });
    }
    Ok(height < heights.accepted)
}
