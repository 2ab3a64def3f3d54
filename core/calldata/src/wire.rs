//! The bytes: types, atoms, and the groups of a `uleb`.
//!
//! Source: `docs/spec/calldata.md`, "Encoding".

pub(crate) const ATOM: u8 = 0;
pub(crate) const NON_NEGATIVE: u8 = 1;
pub(crate) const NEGATIVE: u8 = 2;
pub(crate) const BYTES: u8 = 3;
pub(crate) const STR: u8 = 4;
pub(crate) const ARRAY: u8 = 5;
pub(crate) const MAP: u8 = 6;

pub(crate) const NULL: u64 = 0;
pub(crate) const FALSE: u64 = 1;
pub(crate) const TRUE: u64 = 2;
pub(crate) const ADDRESS: u64 = 3;

/// Bits of a value's first `uleb` that say its type; the payload is above them.
pub(crate) const TYPE_BITS: u32 = 3;
pub(crate) const TYPE_MASK: u8 = 7;

/// In a byte of a `uleb`: set if another byte follows.
pub(crate) const MORE: u8 = 0x80;
pub(crate) const GROUP_BITS: u32 = 7;

/// The type of an integer.
#[inline(always)]
pub(crate) const fn kind_of_int(negative: bool) -> u8 {
    NON_NEGATIVE + negative as u8
}

/// The number of bits of a number in limbs, none for zero.
#[inline]
pub(crate) fn bit_len(limbs: &[u64]) -> u64 {
    match limbs.iter().rposition(|limb| *limb != 0) {
        Some(top) => (top as u64 + 1) * 64 - u64::from(limbs[top].leading_zeros()),
        None => 0,
    }
}

/// Bits that 8 bytes of a `uleb` hold.
pub(crate) const WORD_BITS: u32 = 8 * GROUP_BITS;
/// [`MORE`] in each of 8 bytes.
pub(crate) const ALL_MORE: u64 = 0x8080_8080_8080_8080;

/// The low 56 bits of `n` as 8 groups of 7 bits, each in a byte, the first in the lowest.
///
/// To shift the upper half of some bits is to add it so many times less one.
#[inline(always)]
pub(crate) const fn spread(n: u64) -> u64 {
    let n = n & 0x0fff_ffff | (n & 0x00ff_ffff_f000_0000) << 4;
    let n = n + (n & 0x0fff_c000_0fff_c000) * 3;
    n + (n & 0x3f80_3f80_3f80_3f80)
}

/// The number of 56 bits whose groups of 7 are the bytes of `groups`, whose high bits do not count:
/// the inverse of [`spread`].
#[inline(always)]
pub(crate) const fn gather(groups: u64) -> u64 {
    let n = groups & !ALL_MORE;
    let n = n - ((n & 0x7f00_7f00_7f00_7f00) >> 1);
    let n = n & 0x0000_3fff_0000_3fff | (n & 0x3fff_0000_3fff_0000) >> 2;
    n & 0x0fff_ffff | (n & 0x0fff_ffff_0000_0000) >> 4
}

/// Of 8 bytes, how many belong to a `uleb` that starts with the first; none if it goes on.
#[inline]
pub(crate) const fn uleb_len(word: u64) -> Option<u32> {
    match (!word & ALL_MORE).trailing_zeros() {
        u64::BITS => None,
        last => Some(last / 8 + 1),
    }
}
