//! Writing the pieces of an encoding: heads, numbers, strings.

use super::out::Out;
use super::raw_key;
use super::wire::{self, ALL_MORE, ATOM, GROUP_BITS, MORE, TYPE_BITS, WORD_BITS, bit_len, kind_of_int, spread};
use alloc::vec::Vec;

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
        let bytes = (u64::BITS - low.leading_zeros()).div_ceil(GROUP_BITS);
        let more = ALL_MORE >> (u64::BITS - 8 * (bytes - 1));
        out.put_words([spread(low) | more], bytes as usize);
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
    let bytes = bits.div_ceil(u64::from(GROUP_BITS)) as usize;
    let start = out.len();
    out.resize(start + bytes.next_multiple_of(8), 0);
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
    out.truncate(start + bytes);
    out.end_uleb();
}

#[inline(always)]
pub(super) fn put_counted(out: &mut impl Out, kind: u8, bytes: &[u8]) {
    if bytes.len() < 16 {
        return put_short(out, (bytes.len() as u64) << wire::TYPE_BITS | u64::from(kind), bytes);
    }
    put_head(out, kind, bytes.len());
    out.put_all(bytes);
}

#[inline(always)]
pub(super) fn put_key(out: &mut impl Out, key: &[u8]) {
    if key.len() < 16 {
        return put_short(out, key.len() as u64, key);
    }
    put_uleb(out, key.len() as u64);
    out.put_all(key);
}

/// Appends a byte and then less than 16, as most strings and keys have: as words, without the call that copying
/// takes.
#[inline(always)]
fn put_short(out: &mut impl Out, head: u64, bytes: &[u8]) {
    let first = raw_key::prefix(bytes).swap_bytes();
    match bytes.last_chunk() {
        None => out.put_words([head | first << 8], bytes.len() + 1),
        Some(last) => {
            let beyond = 8 * (16 - bytes.len()) as u32;
            let rest = u64::from_le_bytes(*last).checked_shr(beyond).unwrap_or_default();
            out.put_words([head | first << 8, first >> 56 | rest << 8], bytes.len() + 1);
        }
    }
}
