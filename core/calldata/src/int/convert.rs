//! Between [`Int`] and native integers, `num_bigint` and 256-bit words.

use super::Int;
use alloc::vec::Vec;
use core::fmt;
use num_bigint::{BigInt, BigUint, Sign};

/// An integer is outside the range of the type asked for.
///
/// ```
/// use subvm_calldata::{Int, IntRangeError};
/// assert_eq!(u8::try_from(Int::from(256)), Err(IntRangeError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntRangeError;

impl fmt::Display for IntRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the integer is outside the range of the type: take a wider one")
    }
}

impl core::error::Error for IntRangeError {}

macro_rules! native {
    ($($type:ty)*) => {$(
        impl From<$type> for Int {
            #[inline]
            fn from(n: $type) -> Self {
                Self::from_i128(n as i128)
            }
        }

        from_int!($type, |int| int.to_i128().and_then(|n| n.try_into().ok()));
    )*};
}

macro_rules! from_int {
    ($type:ty, |$int:ident| $convert:expr) => {
        impl TryFrom<&Int> for $type {
            type Error = IntRangeError;

            fn try_from($int: &Int) -> Result<Self, IntRangeError> {
                $convert.ok_or(IntRangeError)
            }
        }

        impl TryFrom<Int> for $type {
            type Error = IntRangeError;

            fn try_from(int: Int) -> Result<Self, IntRangeError> {
                Self::try_from(&int)
            }
        }
    };
}

native!(u8 u16 u32 u64 usize i8 i16 i32 i64 i128 isize);
from_int!(u128, |int| int.to_u128());
from_int!([u8; 32], |int| int.to_u256_le());

impl From<u128> for Int {
    fn from(n: u128) -> Self {
        Self::from_limbs(false, &[n as u64, (n >> 64) as u64])
    }
}

impl From<&Int> for Int {
    fn from(int: &Int) -> Self {
        int.clone()
    }
}

/// As [`Int::from_u256_le`].
impl From<[u8; 32]> for Int {
    fn from(word: [u8; 32]) -> Self {
        Self::from_u256_le(&word)
    }
}

impl Int {
    /// The integer as a `u128`, if it is one.
    #[must_use]
    pub fn to_u128(&self) -> Option<u128> {
        match (self.is_negative(), &*self.limbs()) {
            (false, [low, high] | [low, high, 0, 0]) => Some(u128::from(*high) << 64 | u128::from(*low)),
            _ => None,
        }
    }

    /// The unsigned integer in 32 bytes, least significant first: a balance.
    ///
    /// ```
    /// use subvm_calldata::Int;
    /// let one_followed_by_128_zeros = Int::from(u128::MAX) + 1;
    /// let word = one_followed_by_128_zeros.to_u256_le().unwrap();
    /// assert_eq!(word[16], 1);
    /// assert_eq!(Int::from_u256_le(&word), one_followed_by_128_zeros);
    /// assert_eq!((Int::from(-1).to_u256_le(), one_followed_by_128_zeros.to_u128()), (None, None));
    /// ```
    #[must_use]
    pub fn from_u256_le(word: &[u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(word.as_chunks().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        Self::from_limbs(false, &limbs)
    }

    /// The integer in 32 bytes, least significant first, if it is not negative and fits.
    #[must_use]
    pub fn to_u256_le(&self) -> Option<[u8; 32]> {
        let limbs = self.limbs();
        if self.is_negative() || limbs.len() > 4 {
            return None;
        }
        let mut word = [0; 32];
        for (chunk, limb) in word.chunks_exact_mut(8).zip(limbs.iter()) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        Some(word)
    }
}

#[cfg(feature = "serde")]
impl Int {
    /// The integer of bytes in two's complement, least significant first; none are zero.
    pub(in super::super) fn from_signed_le(bytes: &[u8]) -> Self {
        BigInt::from_signed_bytes_le(bytes).into()
    }

    pub(in super::super) fn to_signed_le(&self) -> Vec<u8> {
        BigInt::from(self).to_signed_bytes_le()
    }
}

/// # Cost
/// Linear.
impl From<&Int> for BigInt {
    fn from(int: &Int) -> Self {
        let halves = int.limbs().iter().flat_map(|limb| [*limb as u32, (*limb >> 32) as u32]).collect();
        let payload = Self::from(BigUint::new(halves));
        if int.is_negative() { -payload - 1 } else { payload }
    }
}

impl From<Int> for BigInt {
    fn from(int: Int) -> Self {
        (&int).into()
    }
}

/// # Cost
/// Linear.
impl From<&BigInt> for Int {
    fn from(n: &BigInt) -> Self {
        let negative = n.sign() == Sign::Minus;
        let mut limbs: Vec<u64> = n.magnitude().iter_u64_digits().collect();
        if negative {
            subtract_one(&mut limbs);
        }
        Self::from_limbs(negative, &limbs)
    }
}

impl From<BigInt> for Int {
    fn from(n: BigInt) -> Self {
        (&n).into()
    }
}

fn subtract_one(limbs: &mut [u64]) {
    for limb in limbs {
        let borrow;
        (*limb, borrow) = limb.overflowing_sub(1);
        if !borrow {
            break;
        }
    }
}
