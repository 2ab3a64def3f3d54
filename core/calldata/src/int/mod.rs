//! Integers of any size.

mod arith;
mod convert;
mod text;
mod word;

pub use convert::IntRangeError;
pub use text::ParseIntError;

use super::out::Out;
use super::{wire, write};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// An integer of any size. From -2^256 to 2^256 - 1 it is held inline and allocates nothing.
///
/// ```
/// use subvm_calldata::Int;
///
/// let balance: Int = "340282366920938463463374607431768211456".parse().unwrap();
/// assert_eq!(balance, Int::from(u128::MAX) + 1);
/// assert_eq!(u64::try_from(Int::from(7)), Ok(7));
/// assert!(u64::try_from(&balance).is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Int(Repr);

/// One representation for each value, so that equality can be derived.
///
/// An `i128` is held in two halves because its alignment of 16 would make every
/// [`Value`](super::Value) half as large again.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// An `i128`, of which `high` has the sign.
    Inline { low: u64, high: u64 },
    /// See [`Int::from_limbs`]; the payload has 128 to 256 bits.
    Word { negative: bool, payload: [u64; 4] },
    /// See [`Int::from_limbs`]; the payload has more than 256 bits and no leading zero limb.
    Wide { negative: bool, payload: Box<[u64]> },
}

impl Int {
    /// Zero.
    pub const ZERO: Self = Self::from_i128(0);

    /// The integer, without allocating.
    ///
    /// ```
    /// use subvm_calldata::Int;
    /// let debt = Int::from_i128(-256);
    /// assert!(debt.is_negative() && !debt.is_zero());
    /// assert_eq!((debt.to_i128(), debt.payload_bits()), (Some(-256), 8));
    /// ```
    #[must_use]
    #[inline]
    pub const fn from_i128(n: i128) -> Self {
        Self(Repr::Inline { low: n as u64, high: (n >> 64) as u64 })
    }

    /// The integer as an `i128`, if it is one.
    #[must_use]
    #[inline]
    pub const fn to_i128(&self) -> Option<i128> {
        match &self.0 {
            Repr::Inline { low, high } => Some((*high as i128) << 64 | *low as i128),
            Repr::Word { .. } | Repr::Wide { .. } => None,
        }
    }

    /// Whether it is below zero.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Inline { high, .. } => *high >> 63 == 1,
            Repr::Word { negative, .. } | Repr::Wide { negative, .. } => *negative,
        }
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Inline { low: 0, high: 0 })
    }

    /// The bits of the payload: of the value if it is not negative, else of `-1 - value`. This is
    /// what [`DecodeLimits::max_int_bits`](super::DecodeLimits::max_int_bits) is held against.
    #[must_use]
    pub fn payload_bits(&self) -> u64 {
        wire::bit_len(&self.limbs())
    }

    fn inline_payload(&self) -> u128 {
        let n = self.to_i128().unwrap_or_default();
        (if n < 0 { !n } else { n }) as u128
    }

    /// The payload in limbs of 64 bits, least significant first: of a negative value, `-1 - value`.
    fn limbs(&self) -> Limbs<'_> {
        match &self.0 {
            Repr::Inline { .. } => {
                let payload = self.inline_payload();
                Limbs::Inline([payload as u64, (payload >> 64) as u64])
            }
            Repr::Word { payload, .. } => Limbs::Wide(payload),
            Repr::Wide { payload, .. } => Limbs::Wide(payload),
        }
    }

    /// The integer of a payload in limbs of 64 bits, least significant first.
    fn from_limbs(negative: bool, limbs: &[u64]) -> Self {
        let bits = wire::bit_len(limbs);
        let limbs = limbs.get(..bits.div_ceil(64) as usize).unwrap_or_default();
        if bits <= 256 {
            let limb = |at| limbs.get(at).copied().unwrap_or(0);
            return Self::from_word(negative, [0, 1, 2, 3].map(limb));
        }
        Self(Repr::Wide { negative, payload: limbs.into() })
    }

    #[inline]
    fn from_word(negative: bool, payload: [u64; 4]) -> Self {
        match payload {
            [low, high, 0, 0] if high >> 63 == 0 => {
                let sign = if negative { u64::MAX } else { 0 };
                Self(Repr::Inline { low: low ^ sign, high: high ^ sign })
            }
            _ => Self(Repr::Word { negative, payload }),
        }
    }

    /// Appends the encoding; says whether the payload is within so many bits, else appends nothing.
    #[inline(always)]
    #[must_use]
    pub(super) fn put(&self, out: &mut impl Out, max_bits: u32) -> bool {
        match &self.0 {
            Repr::Inline { low, high } => {
                let sign = (*high as i64 >> 63) as u64;
                let kind = wire::kind_of_int(sign != 0);
                let payload = [low ^ sign, high ^ sign];
                let [low, high] = payload;
                if max_bits < 127 && wire::bit_len(&payload) > u64::from(max_bits) {
                    return false;
                }
                if high == 0 {
                    write::put_payload(out, kind, low);
                } else {
                    word::put(out, kind, [low, high, 0, 0]);
                }
            }
            Repr::Word { negative, payload } => {
                if max_bits < 256 && wire::bit_len(payload) > u64::from(max_bits) {
                    return false;
                }
                word::put(out, wire::kind_of_int(*negative), *payload);
            }
            Repr::Wide { negative, payload } => {
                if wire::bit_len(payload) > u64::from(max_bits) {
                    return false;
                }
                write::put_limbs(out.vector(), wire::kind_of_int(*negative), payload);
            }
        }
        true
    }

    /// Gives `take` the integer whose encoding is `uleb`, which must be one. Each representation is
    /// given by itself, so that it is written to where it shall be without a detour.
    ///
    /// # Cost
    /// Linear in the length.
    #[inline(always)]
    pub(super) fn with_encoding<T>(uleb: &[u8], take: impl FnOnce(Self) -> T) -> T {
        let negative = uleb.first().is_some_and(|first| first & wire::TYPE_MASK == wire::NEGATIVE);
        match word::get(uleb) {
            Some(payload) if payload[2] | payload[3] == 0 => take(Self::from_word(negative, payload)),
            Some(payload) => take(Self(Repr::Word { negative, payload })),
            None => take(Self::from_long_encoding(negative, uleb)),
        }
    }

    #[inline(never)]
    fn from_long_encoding(negative: bool, uleb: &[u8]) -> Self {
        let Some(top) = uleb.last() else {
            return Self::ZERO;
        };
        let top_bits = u8::BITS - top.leading_zeros();
        let bits = (uleb.len() - 1) * wire::GROUP_BITS as usize + top_bits as usize - wire::TYPE_BITS as usize;

        let (words, rest) = uleb.as_chunks();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let mut words = words.iter().chain([&last]).map(|word| wire::gather(u64::from_le_bytes(*word)));
        let mut pending = u128::from(words.next().unwrap_or_default() >> wire::TYPE_BITS);
        let mut pending_bits = wire::WORD_BITS - wire::TYPE_BITS;
        let mut limb = || {
            while pending_bits < u64::BITS {
                pending |= u128::from(words.next().unwrap_or_default()) << pending_bits;
                pending_bits += wire::WORD_BITS;
            }
            let limb = pending as u64;
            pending >>= u64::BITS;
            pending_bits -= u64::BITS;
            limb
        };
        Self::from_limbs(negative, &(0..bits.div_ceil(64)).map(|_| limb()).collect::<Vec<_>>())
    }
}

enum Limbs<'a> {
    Inline([u64; 2]),
    Wide(&'a [u64]),
}

impl core::ops::Deref for Limbs<'_> {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        match self {
            Self::Inline(limbs) => limbs,
            Self::Wide(limbs) => limbs,
        }
    }
}

impl Default for Int {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Ord for Int {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_sign = other.is_negative().cmp(&self.is_negative());
        by_sign.then_with(|| match (&self.0, &other.0) {
            (Repr::Inline { .. }, Repr::Inline { .. }) => self.to_i128().cmp(&other.to_i128()),
            _ if self.is_negative() => compare_limbs(&other.limbs(), &self.limbs()),
            _ => compare_limbs(&self.limbs(), &other.limbs()),
        })
    }
}

impl PartialOrd for Int {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As numbers, whatever zeros lead them.
fn compare_limbs(a: &[u64], b: &[u64]) -> Ordering {
    let significant = |limbs: &[u64]| wire::bit_len(limbs).div_ceil(64) as usize;
    let (a, b) = (&a[..significant(a)], &b[..significant(b)]);
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}
