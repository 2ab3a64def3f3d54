//! Keys of maps where they stand in the input, and how they are compared without reading all of them.

use super::wire;
use core::cmp::Ordering;

/// A map key as it stands in the input.
#[derive(Clone, Copy)]
pub(super) struct RawKey<'a> {
    pub(super) bytes: &'a [u8],
    /// As [`prefix`] has it.
    prefix: u64,
}

impl<'a> RawKey<'a> {
    /// The first `len` bytes of `rest`.
    #[inline(always)]
    pub(super) fn first(rest: &'a [u8], len: usize) -> Self {
        let bytes = rest.get(..len).unwrap_or_default();
        let prefix = match rest.first_chunk() {
            Some(first) if len < 8 => u64::from_be_bytes(*first) & !(u64::MAX >> (8 * len)),
            Some(first) => u64::from_be_bytes(*first),
            None => prefix(bytes),
        };
        Self { bytes, prefix }
    }

    #[inline(always)]
    pub(super) fn is_ascii(self) -> bool {
        self.prefix & wire::ALL_MORE == 0 && (self.bytes.len() <= 8 || self.bytes.is_ascii())
    }

    /// By bytes.
    #[inline(always)]
    pub(super) fn cmp(self, other: Self) -> Ordering {
        self.prefix.cmp(&other.prefix).then_with(|| self.bytes.cmp(other.bytes))
    }
}

/// The first 8 bytes of a key, the first of them highest, with zeros for those that a shorter key has not. Of two
/// keys whose prefixes differ, these have the order of the keys; if they do not, a zero in one may be a byte of the other.
#[inline]
pub(super) fn prefix(key: &[u8]) -> u64 {
    if let Some(first) = key.first_chunk() {
        u64::from_be_bytes(*first)
    } else if let (Some(first), Some(last)) = (key.first_chunk(), key.last_chunk()) {
        let [first, last] = [*first, *last].map(|bytes| u64::from(u32::from_be_bytes(bytes)) << 32);
        first | last >> (8 * (key.len() - 4))
    } else {
        key.iter().rev().fold(0, |prefix, byte| prefix >> 8 | u64::from(*byte) << 56)
    }
}
