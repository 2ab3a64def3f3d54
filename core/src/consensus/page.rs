//! Storage is kept by page of 32 bytes, and read and written by byte: what lies between, for those who implement
//! [`Storage`](crate::host::Storage).
//!
//! ```
//! use subvm_core::host::page;
//!
//! // Five bytes from 30 on lie in pages 0 and 1.
//! assert_eq!(page::range(30, 5), Ok(Some(0..=1)));
//! let mut into = [0; 5];
//! page::place(&mut into, 30, 1, &[7; page::BYTES]);
//! assert_eq!(into, [0, 0, 7, 7, 7]);
//! ```

use core::fmt;
use core::ops::RangeInclusive;

/// Bytes in a page.
pub const BYTES: usize = 32;
/// Bytes in a slot.
pub const SLOT: u64 = 1 << 32;
/// Pages in a slot.
pub const PAGES: u32 = (SLOT / BYTES as u64) as u32;

/// Bytes do not lie inside a slot.
///
/// ```
/// use subvm_core::host::page::{self, BeyondSlot};
/// assert_eq!(page::range(u32::MAX, 2), Err(BeyondSlot { index: u32::MAX, len: 2 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeyondSlot {
    /// Where they begin.
    pub index: u32,
    /// How many they are.
    pub len: usize,
}

impl fmt::Display for BeyondSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from {} on end beyond the slot, which has 2^32", self.len, self.index)
    }
}

impl core::error::Error for BeyondSlot {}

/// The numbers of the pages that hold `len` bytes from `index` on; nothing where `len` is 0.
///
/// # Errors
/// [`BeyondSlot`].
///
/// ```
/// use subvm_core::host::page;
/// assert_eq!(page::range(31, 2), Ok(Some(0..=1)));
/// assert_eq!(page::range(31, 0), Ok(None));
/// assert_eq!(page::range(u32::MAX, 1), Ok(Some(page::PAGES - 1..=page::PAGES - 1)));
/// ```
pub fn range(index: u32, len: usize) -> Result<Option<RangeInclusive<u32>>, BeyondSlot> {
    let end = u64::from(index).checked_add(len as u64).filter(|end| *end <= SLOT);
    let end = end.ok_or(BeyondSlot { index, len })?;
    let page = |byte: u64| (byte / BYTES as u64) as u32;
    Ok((len > 0).then(|| page(u64::from(index))..=page(end - 1)))
}

/// Copies what page number `page` holds of the bytes from `index` on to where it belongs in `into`. What it holds of others is left out.
///
/// ```
/// use subvm_core::host::page;
/// let mut into = [0; 4];
/// page::place(&mut into, 30, 0, &[1; page::BYTES]);
/// page::place(&mut into, 30, 1, &[2; page::BYTES]);
/// assert_eq!(into, [1, 1, 2, 2]);
/// ```
pub fn place(into: &mut [u8], index: u32, page: u32, content: &[u8; BYTES]) {
    let (start, index) = (u64::from(page) * BYTES as u64, u64::from(index));
    let from = index.max(start);
    let to = index.saturating_add(into.len() as u64).min(start + BYTES as u64);
    if from < to {
        let source = &content[(from - start) as usize..(to - start) as usize];
        into[(from - index) as usize..(to - index) as usize].copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn placing_pages_is_copying_bytes() {
        // Bytes of which each tells its place.
        let slot: Vec<u8> = (0..128).collect();
        for index in 0..96u32 {
            for len in 0..=32 {
                let mut into = vec![0xff; len];
                for page in range(index, len).unwrap().into_iter().flatten() {
                    let start = page as usize * BYTES;
                    place(&mut into, index, page, slot[start..start + BYTES].try_into().unwrap());
                }
                assert_eq!(into, slot[index as usize..index as usize + len], "{len} bytes from {index}");
            }
        }
    }

    #[test]
    fn ranges_end_with_the_slot() {
        assert_eq!(range(u32::MAX, 1), Ok(Some(PAGES - 1..=PAGES - 1)));
        assert_eq!(range(u32::MAX, 0), Ok(None));
        assert_eq!(range(u32::MAX, 2), Err(BeyondSlot { index: u32::MAX, len: 2 }));
        assert!(range(1, usize::MAX).is_err());
    }
}
