//! Addition and subtraction (IEEE 754-2019, 5.4.1).

use crate::format::{Format, exponent, is_nan, magnitude, round, shift_right_sticky};

/// `a + b`.
#[inline(always)]
pub(crate) fn add<F: Format>(a: u64, b: u64) -> u64 {
    // The operand of greater magnitude first: it gives the result its sign.
    let (a, b) = if magnitude::<F>(a) < magnitude::<F>(b) { (b, a) } else { (a, b) };
    let opposite = (a ^ b) & F::SIGN != 0;
    if exponent::<F>(a) == F::TOP {
        return infinite::<F>(a, b, opposite);
    }
    let (exponent_a, aligned_a) = aligned::<F>(a);
    let (exponent_b, aligned_b) = aligned::<F>(b);
    let distance = (exponent_a - exponent_b) as u32;
    let shifted = if F::FRACTION < 32 {
        // Nothing is lost, so far down is what would be: there it is enough that it is not zero.
        aligned_b >> distance.min(F::SHIFT - 2)
    } else {
        shift_right_sticky(aligned_b, distance)
    };
    let sum = if opposite { aligned_a - shifted } else { aligned_a + shifted };
    if sum == 0 {
        return if opposite { 0 } else { a & F::SIGN };
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
fn infinite<F: Format>(a: u64, b: u64, opposite: bool) -> u64 {
    let cancels = opposite && magnitude::<F>(b) == F::INFINITY;
    if is_nan::<F>(a) || cancels { F::NAN } else { a }
}

/// Biased exponent and significand, the hidden bit at bit 62, so that a sum has room. Of subnormals, as they are.
#[inline(always)]
fn aligned<F: Format>(bits: u64) -> (i32, u64) {
    let exponent = exponent::<F>(bits);
    let fraction = bits & (F::HIDDEN - 1);
    if exponent == 0 { (1, fraction << (F::SHIFT - 1)) } else { (exponent, (fraction | F::HIDDEN) << (F::SHIFT - 1)) }
}
