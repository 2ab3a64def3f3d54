//! The octets: types, atoms, and writing a `uleb`.
//!
//! Source: `docs/spec/calldata.md`, "Encoding".

use super::out::Out;
use alloc::vec::Vec;

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

/// In an octet of a `uleb`: set if another octet follows.
pub(crate) const MORE: u8 = 0x80;
pub(crate) const GROUP_BITS: u32 = 7;

/// The type of an integer.
#[inline(always)]
pub(crate) const fn kind_of_int(negative: bool) -> u8 {
    NON_NEGATIVE + negative as u8
}

/// Appends the head of a value with a length or count.
#[inline(always)]
pub(super) fn put_head(out: &mut impl Out, kind: u8, payload: usize) {
    put_payload(out, kind, payload as u64);
}

/// Appends `uleb(payload << 3 | kind)`.
#[inline(always)]
pub(super) fn put_payload(out: &mut impl Out, kind: u8, payload: u64) {
    put_groups(out, payload << TYPE_BITS | u64::from(kind), payload >> (WORD_BITS - TYPE_BITS));
}

/// Appends the encoding of an integer.
#[inline(always)]
pub(super) fn put_i64(out: &mut impl Out, n: i64) {
    let sign = n >> 63;
    put_payload(out, kind_of_int(sign != 0), (n ^ sign) as u64);
}

#[inline(always)]
pub(super) fn put_atom(out: &mut impl Out, atom: u64) {
    out.put_words([atom << TYPE_BITS | u64::from(ATOM)], 1);
}

/// Appends `uleb(n)`.
#[inline(always)]
pub(super) fn put_uleb(out: &mut impl Out, n: u64) {
    put_groups(out, n, n >> WORD_BITS);
}

/// Appends the `uleb` of a number of which `low` has the low 56 bits, and `high`, below 2^14, the others.
#[inline(always)]
fn put_groups(out: &mut impl Out, low: u64, high: u64) {
    if high > 0 {
        out.put_words([spread(low) | ALL_MORE], 8);
        put_two_groups(out, high);
    } else if low < 1 << (2 * GROUP_BITS) {
        put_two_groups(out, low);
    } else {
        let octets = (u64::BITS - low.leading_zeros()).div_ceil(GROUP_BITS);
        let more = ALL_MORE >> (u64::BITS - 8 * (octets - 1));
        out.put_words([spread(low) | more], octets as usize);
    }
}

/// Appends the `uleb` of a number below 2^14. Without a branch, because nothing can foresee it.
#[inline(always)]
fn put_two_groups(out: &mut impl Out, n: u64) {
    let high = n >> GROUP_BITS;
    let more = u64::from(high > 0);
    let low = n & u64::from(!MORE) | more << GROUP_BITS;
    out.put_words([low | high << 8], 1 + more as usize);
}

/// Appends `uleb(payload << 3 | kind)` of a payload in limbs of 64 bits, least significant first,
/// which is not zero.
///
/// # Cost
/// Linear in the number of limbs.
pub(super) fn put_limbs(out: &mut Vec<u8>, kind: u8, limbs: &[u64]) {
    let bits = bit_len(limbs) + u64::from(TYPE_BITS);
    let octets = bits.div_ceil(u64::from(GROUP_BITS)) as usize;
    let start = out.len();
    out.resize(start + octets.next_multiple_of(8), 0);
    let (words, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut();
    let mut limbs = limbs.iter();
    let (mut pending, mut pending_bits) = (u128::from(kind), TYPE_BITS);
    for word in words {
        if pending_bits < WORD_BITS {
            pending |= u128::from(limbs.next().copied().unwrap_or_default()) << pending_bits;
            pending_bits += u64::BITS;
        }
        *word = (spread(pending as u64) | ALL_MORE).to_le_bytes();
        pending >>= WORD_BITS;
        pending_bits -= WORD_BITS;
    }
    out.truncate(start + octets);
    out.end_uleb();
}

/// The number of bits of a number in limbs, none for zero.
#[inline]
pub(crate) fn bit_len(limbs: &[u64]) -> u64 {
    match limbs.iter().rposition(|limb| *limb != 0) {
        Some(top) => (top as u64 + 1) * 64 - u64::from(limbs[top].leading_zeros()),
        None => 0,
    }
}

/// Bits that 8 octets of a `uleb` hold.
pub(crate) const WORD_BITS: u32 = 8 * GROUP_BITS;
/// [`MORE`] in each of 8 octets.
pub(crate) const ALL_MORE: u64 = 0x8080_8080_8080_8080;

/// The low 56 bits of `n` as 8 groups of 7 bits, each in an octet, the first in the lowest.
///
/// To shift the upper half of some bits is to add it so many times less one.
#[inline(always)]
pub(crate) const fn spread(n: u64) -> u64 {
    let n = n & 0x0fff_ffff | (n & 0x00ff_ffff_f000_0000) << 4;
    let n = n + (n & 0x0fff_c000_0fff_c000) * 3;
    n + (n & 0x3f80_3f80_3f80_3f80)
}

/// The number of 56 bits whose groups of 7 are the octets of `groups`, whose high bits do not count:
/// the inverse of [`spread`].
#[inline(always)]
pub(crate) const fn gather(groups: u64) -> u64 {
    let n = groups & !ALL_MORE;
    let n = n - ((n & 0x7f00_7f00_7f00_7f00) >> 1);
    let n = n & 0x0000_3fff_0000_3fff | (n & 0x3fff_0000_3fff_0000) >> 2;
    n & 0x0fff_ffff | (n & 0x0fff_ffff_0000_0000) >> 4
}

/// Of 8 octets, how many belong to a `uleb` that starts with the first; none if it goes on.
#[inline]
pub(crate) const fn uleb_len(word: u64) -> Option<u32> {
    match (!word & ALL_MORE).trailing_zeros() {
        u64::BITS => None,
        last => Some(last / 8 + 1),
    }
}
