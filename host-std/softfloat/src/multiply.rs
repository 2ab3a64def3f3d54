//! Multiplication (IEEE 754-2019, 5.4.1).

use crate::format::{Format, is_nan, magnitude, normalised, round};

/// `a * b`.
#[inline(always)]
pub(crate) fn multiply<F: Format>(a: u64, b: u64) -> u64 {
    let sign = (a ^ b) & F::SIGN;
    let (a, b) = (magnitude::<F>(a), magnitude::<F>(b));
    if a >= F::INFINITY || b >= F::INFINITY {
        return if is_nan::<F>(a) || is_nan::<F>(b) || a == 0 || b == 0 { F::NAN } else { sign | F::INFINITY };
    }
    if a == 0 || b == 0 {
        return sign;
    }
    let (exponent_a, significand_a) = normalised::<F>(a);
    let (exponent_b, significand_b) = normalised::<F>(b);
    let exponent = exponent_a + exponent_b - F::BIAS;
    let product = product::<F>(significand_a, significand_b);
    // Of two numbers in [1, 2) the product is in [1, 4).
    if product >> 63 == 1 { round::<F>(sign, exponent + 1, product) } else { round::<F>(sign, exponent, product << 1) }
}

/// The upper 64 bits of the product of two significands, sticky; bit 0 holds no more than that.
#[inline(always)]
fn product<F: Format>(a: u64, b: u64) -> u64 {
    if F::FRACTION < 32 {
        // The lower halves are zero, and more than bit 0 of the product.
        return (a >> 32) * (b >> 32);
    }
    const LOW: u64 = u32::MAX as u64;
    let (a_high, a_low, b_high, b_low) = (a >> 32, a & LOW, b >> 32, b & LOW);
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 32);
    let middle_low = a_low * b_high + (middle & LOW);
    let high = a_high * b_high + (middle >> 32) + (middle_low >> 32);
    high | u64::from((low & LOW) | (middle_low & LOW) != 0)
}
