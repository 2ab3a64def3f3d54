//! Integers of up to 256 bits in the wire format: the general case with its loops laid flat.

use super::super::out::Out;
use super::super::wire;

/// The bytes of the longest encoding of 256 bits, 37, in whole words of 8.
pub(super) const BYTES: usize = 40;

/// Appends `uleb(payload << 3 | kind)` of a payload in four limbs, which is not zero.
#[inline(always)]
pub(super) fn put(out: &mut impl Out, kind: u8, [a, b, c, d]: [u64; 4]) {
    let bits = wire::bit_len(&[a, b, c, d]) + u64::from(wire::TYPE_BITS);
    let words = [a << 3 | u64::from(kind), a >> 53 | b << 11, b >> 45 | c << 19, c >> 37 | d << 27, d >> 29];
    let bytes = words.map(|word| wire::spread(word) | wire::ALL_MORE);
    out.put_words(bytes, bits.div_ceil(u64::from(wire::GROUP_BITS)) as usize);
    out.end_uleb();
}

/// The payload of a `uleb` of at most [`BYTES`]; none if it is longer or has more than 256 bits.
#[inline(always)]
pub(super) fn get(uleb: &[u8]) -> Option<[u64; 4]> {
    let words = match (uleb.as_chunks().0, uleb.last_chunk()) {
        ([a, b, c, d], Some(last)) => {
            let beyond = 8 * (BYTES - uleb.len()) as u32;
            let rest = u64::from_le_bytes(*last).checked_shr(beyond).unwrap_or_default();
            [*a, *b, *c, *d, rest.to_le_bytes()]
        }
        _ => {
            let mut bytes = [[0; 8]; BYTES / 8];
            bytes.as_flattened_mut().get_mut(..uleb.len())?.copy_from_slice(uleb);
            bytes
        }
    };
    let [a, b, c, d, e] = words.map(|word| wire::gather(u64::from_le_bytes(word)));
    let payload = [a >> 3 | b << 53, b >> 11 | c << 45, c >> 19 | d << 37, d >> 27 | e << 29];
    (e >> 35 == 0).then_some(payload)
}
