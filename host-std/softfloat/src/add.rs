//! Addition and subtraction (IEEE 754-2019, 5.4.1).

use crate::format::{Format, exponent, is_nan, magnitude, round, shift_right_sticky};

/// `a + b`.
#[inline(always)]
pub(crate) fn add<F: Format>(a: u64, b: u64) -> u64 {
    // The operand of greater magnitude first: it gives the result its sign.
    let (a, b) = if magnitude::<F>(a) < magnitude::<F>(b) { (b, a) } else { (a, b) };
    let same_sign = (a ^ b) & F::SIGN == 0;
    if exponent::<F>(a) == F::TOP {
        return infinite::<F>(a, b, same_sign);
    }
    let (exponent_a, aligned_a) = aligned::<F>(a);
    let (exponent_b, aligned_b) = aligned::<F>(b);
    let aligned_b = shift_right_sticky(aligned_b, (exponent_a - exponent_b) as u32);
    let sum = if same_sign { aligned_a + aligned_b } else { aligned_a - aligned_b };
    if sum == 0 {
        return if same_sign { a & F::SIGN } else { 0 };
    }
    let zeros = sum.leading_zeros();
    round::<F>(a & F::SIGN, exponent_a + 1 - zeros as i32, sum << zeros)
}

/// `a - b`.
#[inline(always)]
pub(crate) fn subtract<F: Format>(a: u64, b: u64) -> u64 {
    add::<F>(a, b ^ F::SIGN)
}

/// A sum whose greater operand is infinite or NaN.
#[inline(always)]
fn infinite<F: Format>(a: u64, b: u64, same_sign: bool) -> u64 {
    let opposite = !same_sign && magnitude::<F>(b) == F::INFINITY;
    if is_nan::<F>(a) || opposite { F::NAN } else { a }
}

/// Biased exponent and significand, the hidden bit at bit 62, so that a sum has room. Of subnormals, as they are.
#[inline(always)]
fn aligned<F: Format>(bits: u64) -> (i32, u64) {
    let exponent = exponent::<F>(bits);
    let fraction = bits & (F::HIDDEN - 1);
    if exponent == 0 { (1, fraction << (F::SHIFT - 1)) } else { (exponent, (fraction | F::HIDDEN) << (F::SHIFT - 1)) }
}
