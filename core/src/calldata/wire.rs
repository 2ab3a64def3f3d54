//! The octets: types, atoms, and writing a `uleb`.
//!
//! Source: `docs/spec/calldata.md`, "Encoding".

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

/// A length or count of this crate's own collections: they are at most `isize::MAX`, so that
/// with 3 bits of type below them they fit in a `u64` on every platform but for zero-sized items.
#[inline]
pub(crate) fn put_head(out: &mut Vec<u8>, kind: u8, payload: usize) {
    let payload = payload as u64;
    if payload >> 61 == 0 {
        put_uleb(out, payload << TYPE_BITS | u64::from(kind));
    } else {
        put_limbs(out, kind, &[payload]);
    }
}

#[inline]
pub(crate) fn put_atom(out: &mut Vec<u8>, atom: u64) {
    out.push((atom as u8) << TYPE_BITS | ATOM);
}

/// Appends `uleb(n)`.
#[inline]
pub(crate) fn put_uleb(out: &mut Vec<u8>, n: u64) {
    if n < u64::from(MORE) {
        out.push(n as u8);
    } else {
        put_long_uleb(out, n);
    }
}

fn put_long_uleb(out: &mut Vec<u8>, mut n: u64) {
    let mut groups = [0; 10];
    let mut len = 0;
    for group in &mut groups {
        len += 1;
        *group = n as u8 | MORE;
        n >>= GROUP_BITS;
        if n == 0 {
            *group &= !MORE;
            break;
        }
    }
    out.extend_from_slice(&groups[..len]);
}

/// Appends `uleb(payload << 3 | kind)` of a payload in limbs of 64 bits, least significant first.
///
/// # Cost
/// Linear in the number of limbs.
pub(crate) fn put_limbs(out: &mut Vec<u8>, kind: u8, limbs: &[u64]) {
    let bits = bit_len(limbs) + u64::from(TYPE_BITS);
    let octets = bits.div_ceil(u64::from(GROUP_BITS)) as usize;
    out.reserve(octets);
    let last = out.len() + octets - 1;
    let (mut pending, mut pending_bits) = (u128::from(kind), TYPE_BITS);
    for limb in limbs {
        pending |= u128::from(*limb) << pending_bits;
        pending_bits += u64::BITS;
        while pending_bits >= GROUP_BITS && out.len() < last {
            out.push(pending as u8 | MORE);
            pending >>= GROUP_BITS;
            pending_bits -= GROUP_BITS;
        }
    }
    out.push(pending as u8);
}

/// The number of bits of a number in limbs, none for zero.
pub(crate) fn bit_len(limbs: &[u64]) -> u64 {
    match limbs.iter().rposition(|limb| *limb != 0) {
        Some(top) => (top as u64 + 1) * 64 - u64::from(limbs[top].leading_zeros()),
        None => 0,
    }
}
