//! The square root (IEEE 754-2019, 5.4.1).

use crate::format::{Format, magnitude, normalised, round};

/// The square root of `a`.
#[inline(always)]
pub(crate) fn square_root<F: Format>(a: u64) -> u64 {
    if magnitude::<F>(a) == 0 {
        return a;
    }
    if a >= F::INFINITY {
        // +infinity is its own root; NaNs and what is below zero have none.
        return if a == F::INFINITY { a } else { F::NAN };
    }
    let (exponent, significand) = normalised::<F>(a);
    // a = radicand / 2^62 * 2^(2 * half), the first factor in [1, 4).
    let unbiased = exponent - F::BIAS;
    let (half, radicand) = (unbiased >> 1, if unbiased & 1 == 0 { significand >> 1 } else { significand });
    let (root, rest) = root_of_64(radicand);
    let root = if F::FRACTION < 32 { root << 32 | u64::from(rest != 0) } else { root_of_128(root, rest) };
    round::<F>(0, half + F::BIAS, root)
}

/// The integer square root of `value`, which is 2^62 or more, and what remains.
///
/// Each step doubles the digits of the root: P. Zimmermann, Karatsuba Square Root, INRIA RR-3805 (1999).
#[inline(always)]
fn root_of_64(value: u64) -> (u64, u64) {
    let (root, rest) = root_of_16(value >> 48);
    let (root, rest) = double::<8>(root, rest, value >> 32 & 0xffff);
    double::<16>(root, rest, value & 0xffff_ffff)
}

/// The integer square root of `value`, of 16 bits, digit by digit, and what remains.
#[inline(always)]
fn root_of_16(value: u64) -> (u64, u64) {
    let (mut root, mut rest) = (0, value);
    let mut bit = 1 << 7;
    while bit != 0 {
        let subtrahend = (2 * root + bit) * bit;
        if rest >= subtrahend {
            rest -= subtrahend;
            root += bit;
        }
        bit >>= 1;
    }
    (root, rest)
}

/// From a root and its rest, the root of twice as many digits when the radicand goes on with `next`, of `2 * HALF` bits.
#[inline(always)]
fn double<const HALF: u32>(root: u64, rest: u64, next: u64) -> (u64, u64) {
    let dividend = rest << HALF | next >> HALF;
    let divisor = (2 * root) | (1 << HALF); // the root's leading bit, set anyway: it spares the check for zero
    let quotient = dividend / divisor;
    let remainder = dividend - quotient * divisor;
    let doubled = (root << HALF) + quotient;
    let rest = (remainder << HALF | next & ((1 << HALF) - 1)) as i64 - (quotient * quotient) as i64;
    if rest < 0 { (doubled - 1, (rest + 2 * doubled as i64 - 1) as u64) } else { (doubled, rest as u64) }
}

/// From root and rest of 64 bits, the root when 64 zeros follow, sticky. As [`double`], but its numbers need not fit.
#[inline(always)]
fn root_of_128(root: u64, rest: u64) -> u64 {
    let dividend = rest << 31;
    let quotient = dividend / (root | 1 << 31); // as in `double`
    if quotient >> 32 != 0 {
        return root << 32 | 0xffff_ffff;
    }
    let remainder = 2 * (dividend - quotient * root);
    let square = quotient * quotient;
    let doubled = (root << 32) + quotient;
    if remainder >> 32 == 0 && remainder << 32 <= square {
        let exact = remainder << 32 == square;
        return if exact { doubled } else { (doubled - 1) | 1 };
    }
    doubled | 1
}
