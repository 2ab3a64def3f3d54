//! Conversions between floats and integers, and between the formats (IEEE 754-2019, 5.4.1 and 5.8).

use crate::format::{Format, exponent, is_nan, magnitude, normalised, round, without};

/// Why a float has no counterpart among integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrepresentable {
    /// It is no number.
    Nan,
    /// It is below the range.
    TooSmall,
    /// It is above the range.
    TooLarge,
}

/// A truncated float: whether it is below zero, and its magnitude.
pub(crate) type Truncated = Result<(bool, u64), Unrepresentable>;

/// Truncates `a`.
#[inline(always)]
pub(crate) fn to_integer<F: Format>(a: u64) -> Truncated {
    let negative = a & F::SIGN != 0;
    let exponent = exponent::<F>(a) - F::BIAS;
    if exponent < 0 {
        return Ok((negative, 0));
    }
    if exponent > 63 {
        return Err(match (is_nan::<F>(a), negative) {
            (true, _) => Unrepresentable::Nan,
            (false, true) => Unrepresentable::TooSmall,
            (false, false) => Unrepresentable::TooLarge,
        });
    }
    let significand = (a & (F::HIDDEN - 1) | F::HIDDEN) << F::SHIFT;
    Ok((negative, significand >> (63 - exponent)))
}

/// Defines a conversion to an integer type.
macro_rules! to {
    ($($name:ident $integer:ident;)*) => {
        $(#[inline(always)]
        pub(crate) fn $name(truncated: Truncated) -> Result<$integer, Unrepresentable> {
            match truncated? {
                (true, magnitude) if magnitude > ($integer::MIN as i64).unsigned_abs() => Err(Unrepresentable::TooSmall),
                (false, magnitude) if magnitude > $integer::MAX as u64 => Err(Unrepresentable::TooLarge),
                (true, magnitude) => Ok(magnitude.wrapping_neg() as $integer),
                (false, magnitude) => Ok(magnitude as $integer),
            }
        })*
    };
}

to! {
    to_i32 i32;
    to_u32 u32;
    to_i64 i64;
    to_u64 u64;
}

/// The float nearest to an integer.
#[inline(always)]
pub(crate) fn from_integer<F: Format>(negative: bool, magnitude: u64) -> u64 {
    if magnitude == 0 {
        return 0;
    }
    let zeros = magnitude.leading_zeros();
    let sign = if negative { F::SIGN } else { 0 };
    round::<F>(sign, F::BIAS + 63 - zeros as i32, magnitude << zeros)
}

/// The float of format `To` nearest to `a`.
#[inline(always)]
pub(crate) fn convert<From: Format, To: Format>(a: u64) -> u64 {
    let sign = if a & From::SIGN == 0 { 0 } else { To::SIGN };
    let magnitude = magnitude::<From>(a);
    if let Some(bits) = rebiased::<From, To>(magnitude) {
        return sign | bits;
    }
    if magnitude >= From::INFINITY {
        return if is_nan::<From>(a) { To::NAN } else { sign | To::INFINITY };
    }
    if magnitude == 0 {
        return sign;
    }
    let (exponent, significand) = normalised::<From>(a);
    round::<To>(sign, exponent - From::BIAS + To::BIAS, significand)
}

/// The float of format `To` nearest to a number without a sign that is normal there and in `From`: it has but another bias,
/// and more bits of fraction, or fewer. A carry out of the fraction rightly adds one to the exponent.
#[inline(always)]
fn rebiased<From: Format, To: Format>(magnitude: u64) -> Option<u64> {
    if From::FRACTION < To::FRACTION {
        let normal = (From::HIDDEN..From::INFINITY).contains(&magnitude);
        let bias = ((To::BIAS - From::BIAS) as u64) << To::FRACTION;
        return normal.then(|| (magnitude << (To::FRACTION - From::FRACTION)) + bias);
    }
    let bias = ((From::BIAS - To::BIAS) as u64) << From::FRACTION;
    let rebiased = magnitude.wrapping_sub(bias);
    let normal = (From::HIDDEN..(To::TOP as u64) << From::FRACTION).contains(&rebiased);
    let dropped = From::FRACTION - To::FRACTION;
    normal.then(|| without(rebiased, dropped))
}
