//! The two formats (IEEE 754-2019, 3.4), and how a result is rounded into one.

/// A format: sign, biased exponent and fraction, from the most significant bit down. Patterns are in the low bits of a
/// `u64`.
pub(crate) trait Format {
    /// Bits of the fraction.
    const FRACTION: u32;
    /// The biased exponent of infinities and NaNs.
    const TOP: i32;
    /// What is added to exponents.
    const BIAS: i32 = Self::TOP >> 1;

    /// The fraction bit that only significands have: 1.0 in the scale of a significand.
    const HIDDEN: u64 = 1 << Self::FRACTION;
    /// The infinity.
    const INFINITY: u64 = (Self::TOP as u64) << Self::FRACTION;
    /// The sign bit.
    const SIGN: u64 = (Self::TOP as u64 + 1) << Self::FRACTION;
    /// The canonical NaN.
    const NAN: u64 = Self::INFINITY | Self::HIDDEN >> 1;
    /// How far a significand is shifted to have its leading bit at bit 63.
    const SHIFT: u32 = 63 - Self::FRACTION;
}

/// binary32: 8 bits of exponent, 23 of fraction.
pub(crate) struct Binary32;

/// binary64: 11 bits of exponent, 52 of fraction.
pub(crate) struct Binary64;

impl Format for Binary32 {
    const FRACTION: u32 = 23;
    const TOP: i32 = 0xff;
}

impl Format for Binary64 {
    const FRACTION: u32 = 52;
    const TOP: i32 = 0x7ff;
}

/// The magnitude: all but the sign.
#[inline(always)]
pub(crate) fn magnitude<F: Format>(bits: u64) -> u64 {
    bits & (F::SIGN - 1)
}

/// Whether `bits` is a NaN.
#[inline(always)]
pub(crate) fn is_nan<F: Format>(bits: u64) -> bool {
    magnitude::<F>(bits) > F::INFINITY
}

/// The biased exponent.
#[inline(always)]
pub(crate) fn exponent<F: Format>(bits: u64) -> i32 {
    (magnitude::<F>(bits) >> F::FRACTION) as i32
}

/// Biased exponent and significand of a number other than 0, its leading bit at bit 63: the number is
/// `significand / 2^63 * 2^(exponent - BIAS)`.
#[inline(always)]
pub(crate) fn normalised<F: Format>(bits: u64) -> (i32, u64) {
    let exponent = exponent::<F>(bits);
    let fraction = bits & (F::HIDDEN - 1);
    if exponent == 0 {
        let zeros = fraction.leading_zeros();
        (F::SHIFT as i32 + 1 - zeros as i32, fraction << (zeros & 63))
    } else {
        (exponent, (fraction | F::HIDDEN) << F::SHIFT)
    }
}

/// `value` shifted right by `distance`, the last bit saying whether any set bit was lost.
#[inline(always)]
pub(crate) fn shift_right_sticky(value: u64, distance: u32) -> u64 {
    if distance < 64 {
        let lost = value & ((1 << distance) - 1);
        (value >> distance) | u64::from(lost != 0)
    } else {
        u64::from(value != 0)
    }
}

/// The float nearest to `significand / 2^63 * 2^(exponent - BIAS)`, ties to even, under `sign` (0 or `SIGN`).
///
/// The significand has its leading bit at bit 63; its last bit may be sticky.
#[inline(always)]
pub(crate) fn round<F: Format>(sign: u64, exponent: i32, significand: u64) -> u64 {
    if (1..F::TOP).contains(&exponent) {
        // Without the hidden bit there is room for a carry, which rightly adds one to the exponent: from the largest
        // number, too, to infinity.
        let fraction = significand & (u64::MAX >> 1);
        return sign | (((exponent as u64) << F::FRACTION) + without(fraction, F::SHIFT));
    }
    if exponent > 0 {
        return sign | F::INFINITY;
    }
    let subnormal = shift_right_sticky(significand, (1 - exponent) as u32);
    sign | without(subnormal, F::SHIFT)
}

/// `value` without its last `dropped` bits, rounded to nearest, ties to even. A half must not carry out of it.
#[inline(always)]
pub(crate) fn without(value: u64, dropped: u32) -> u64 {
    (value + ((1 << (dropped - 1)) - 1) + (value >> dropped & 1)) >> dropped
}
