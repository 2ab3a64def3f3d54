//! Octets and pages, and how a page is found: by contract, slot and number, all in one key whose order is the order of storage.

use std::ops::RangeInclusive;

use subvm_core::{Address, PageWrite, SlotId};

use super::{Heights, LedgerError};

/// Octets in a page.
pub(crate) const PAGE: usize = 32;
/// Pages in a slot.
pub(crate) const PAGES: u32 = 1 << 27;
/// Octets in a key.
pub(crate) const KEY: usize = 20 + 32 + 4;

/// A page's key: contract ++ slot ++ number, big-endian, so that the octets' order is the pages' order.
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

/// The numbers of the pages that hold `len` octets from `index` on; nothing where `len` is 0.
///
/// # Errors
/// [`LedgerError::Range`] when they do not lie inside a slot.
pub(crate) fn pages(index: u32, len: usize) -> Result<Option<RangeInclusive<u32>>, LedgerError> {
    let end = u64::from(index).checked_add(len as u64).filter(|end| *end <= 1 << 32);
    let end = end.ok_or(LedgerError::Range { index, len })?;
    let page = |octet: u64| (octet / PAGE as u64) as u32;
    Ok((len > 0).then(|| page(u64::from(index))..=page(end - 1)))
}

/// Copies what page `page` holds of the octets from `index` on to where it belongs in `into`.
pub(crate) fn place(into: &mut [u8], index: u32, page: u32, content: &[u8; PAGE]) {
    let (start, index) = (page as usize * PAGE, index as usize);
    let from = index.max(start);
    let to = (index + into.len()).min(start + PAGE);
    if from < to {
        into[from - index..to - index].copy_from_slice(&content[from - start..to - start]);
    }
}

/// What [`apply`](super::Ledger::apply) promises to refuse.
pub(crate) fn check_apply(heights: Heights, pages: &[PageWrite], height: u64) -> Result<(), LedgerError> {
    let lowest = heights.accepted.max(heights.finalized + 1);
    if height < lowest {
        return Err(LedgerError::Height { given: height, lowest });
    }
    match pages.iter().find(|write| write.page >= PAGES) {
        Some(write) => Err(LedgerError::Page { page: write.page }),
        None => Ok(()),
    }
}

/// Whether rolling back to `height` changes anything; refuses what [`rollback`](super::Ledger::rollback) promises to refuse.
pub(crate) fn check_rollback(heights: Heights, height: u64) -> Result<bool, LedgerError> {
    if height < heights.finalized {
        return Err(LedgerError::Height { given: height, lowest: heights.finalized });
    }
    Ok(height < heights.accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placing_pages_is_copying_octets() {
        // Two slots' worth of octets in which each tells its place.
        let slot: Vec<u8> = (0..128).collect();
        for index in 0..96u32 {
            for len in 0..=32 {
                let mut into = vec![0xff; len];
                for page in pages(index, len).unwrap().into_iter().flatten() {
                    let start = page as usize * PAGE;
                    place(&mut into, index, page, slot[start..start + PAGE].try_into().unwrap());
                }
                assert_eq!(into, slot[index as usize..index as usize + len], "{len} octets from {index}");
            }
        }
    }

    #[test]
    fn ranges_end_with_the_slot() {
        assert_eq!(pages(u32::MAX, 1).unwrap(), Some(PAGES - 1..=PAGES - 1));
        assert_eq!(pages(u32::MAX, 0).unwrap(), None);
        assert!(matches!(pages(u32::MAX, 2), Err(LedgerError::Range { index: u32::MAX, len: 2 })));
        assert!(pages(1, usize::MAX).is_err());
    }
}
