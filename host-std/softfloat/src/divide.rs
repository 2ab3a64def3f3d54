//! Division (IEEE 754-2019, 5.4.1).

use crate::format::{Format, is_nan, magnitude, normalised, round};

/// `a / b`.
#[inline(always)]
pub(crate) fn divide<F: Format>(a: u64, b: u64) -> u64 {
    let sign = (a ^ b) & F::SIGN;
    let (a, b) = (magnitude::<F>(a), magnitude::<F>(b));
    if a >= F::INFINITY || b >= F::INFINITY {
        let invalid = is_nan::<F>(a) || is_nan::<F>(b) || a == b;
        return if invalid {
            F::NAN
        } else if a == F::INFINITY {
            sign | a
        } else {
            sign
        };
    }
    if a == 0 || b == 0 {
        return if a == b {
            F::NAN
        } else if a == 0 {
            sign
        } else {
            sign | F::INFINITY
        };
    }
    let (exponent_a, significand_a) = normalised::<F>(a);
    let (exponent_b, significand_b) = normalised::<F>(b);
    let exponent = exponent_a - exponent_b + F::BIAS;
    let quotient = quotient::<F>(significand_a, significand_b);
    // Of two numbers in [1, 2) the quotient is in (1/2, 2).
    let below_one = (quotient >> 63) ^ 1;
    round::<F>(sign, exponent - below_one as i32, quotient << below_one)
}

/// The leading bit of a significand's upper half: it is set, and saying so spares the check for zero.
const NOT_ZERO: u64 = 1 << 31;

/// `a / b * 2^63` of two significands, sticky.
#[inline(always)]
fn quotient<F: Format>(a: u64, b: u64) -> u64 {
    if F::FRACTION < 32 {
        let divisor = b >> 32 | NOT_ZERO;
        let quotient = (a >> 1) / divisor;
        return quotient << 32 | u64::from(quotient * divisor != a >> 1);
    }
    // Long division of a/2 * 2^64 by b in two digits of 32 bits, after Knuth, The Art of Computer Programming, volume 2,
    // 4.3.1, algorithm D: b has its leading bit at bit 63, so an estimate by its upper half is too large by 2 at most.
    let (first, remainder) = digit(a >> 1, b);
    let (second, remainder) = digit(remainder, b);
    first << 32 | second | u64::from(remainder != 0)
}

/// The digit `remainder * 2^32 / b` and the remainder that it leaves. `remainder` is less than `b`.
#[inline(always)]
fn digit(remainder: u64, b: u64) -> (u64, u64) {
    let (b_high, b_low) = (b >> 32 | NOT_ZERO, b & u64::from(u32::MAX));
    let mut digit = remainder / b_high;
    let mut rest = remainder - digit * b_high;
    // At most twice: the estimate is too large while digit * b_low exceeds what is left for it.
    while digit >> 32 != 0 || digit * b_low > rest << 32 {
        digit -= 1;
        rest += b_high;
        if rest >> 32 != 0 {
            break;
        }
    }
    (digit, (remainder << 32).wrapping_sub(digit.wrapping_mul(b)))
}
