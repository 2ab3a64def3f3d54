//! The square root (IEEE 754-2019, 5.4.1), without a division, a table or a loop.
//!
//! A polynomial gives the reciprocal root to 11 bits, one step of third order that and the root to 29, and what the
//! root's square lacks makes them 57 (binary64): Markstein, Software Division and Square Root Using Goldschmidt's
//! Algorithms (2004). Which of two neighbours is nearer is then mostly known, and where not, a square says it exactly.

use crate::format::{Format, magnitude, normalised};

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
    let odd = unbiased & 1 == 1;
    let (half, radicand) = (unbiased >> 1, if odd { significand } else { significand >> 1 });
    let (root, reciprocal) = estimate(significand >> 32, radicand >> 32, odd);
    let (root, error) = if F::FRACTION < 32 {
        (root << 32, ROOT_ERROR << 32)
    } else {
        (refined(root, reciprocal, radicand), REFINED_ERROR)
    };
    rounded::<F>(half + F::BIAS, root, error, radicand)
}

/// By how much [`estimate`] misses the root at most, in its last place.
///
/// 1.2 for the polynomial's error, 4.8e-4, of which 5/2 of the cube are left; 1 for the radicand's lower half, which is not
/// looked at; 1.5 for products that are cut off.
const ROOT_ERROR: u64 = 4;

/// By how much [`refined`] misses the root at most, in its last place.
///
/// 16 for the square of the estimate's error, 8 for what is cut off the remainder, 28 for the error of the reciprocal, 1
/// for a product that is cut off.
const REFINED_ERROR: u64 = 64;

/// `1 / sqrt(x)` for x from 1 to 2 is `C0 - C1 x + C2 x^2 - C3 x^3`, within 4.8e-4 of itself, which is the least that a
/// polynomial of third degree comes to (Remez). The first and third in units of 2^-61, the others of 2^-30.
const EVEN: [i64; 4] = [0x3af3_9407_bfd7_2000, 0x525b_18bf, 0x10ea_c063_8675_6b00, 0x0569_6931];

/// The same, divided by the root of two.
const ODD: [i64; 4] = [0x29af_5b78_f856_1200, 0x3a3c_0028, 0x0bf6_4dc3_a384_f200, 0x03d3_a229];

/// The root of a radicand of which the upper half is given, in units of 2^-30, and the root's reciprocal, both in units of
/// 2^-31. `significand` is the radicand, or half of it where `odd`, in units of 2^-31.
#[inline(always)]
fn estimate(significand: u64, radicand: u64, odd: bool) -> (u64, u64) {
    let [c0, c1, c2, c3] = if odd { ODD } else { EVEN };
    let x = significand as i64;
    let square = ((significand * significand) >> 32) as i64; // 2^-30
    let line = c0 - c1 * x; // 2^-61
    let curve = (c2 - c3 * x) >> 30; // 2^-31
    let reciprocal = (line + square * curve) >> 30;
    let root = ((radicand * reciprocal as u64) >> 30) as i64;
    // Were both right, their product were one. Both are made greater by half of what it lacks and 3/8 of the square of that.
    let lack = (1 << 62) - root * reciprocal; // 2^-62
    let upper = lack >> 31;
    let more = (lack + ((3 * upper * upper) >> 2)) >> 23; // 2^-40
    ((root + ((root * more) >> 40)) as u64, (reciprocal + ((reciprocal * more) >> 40)) as u64)
}

/// The root in units of 2^-63: what the square of the estimate lacks, divided by twice the estimate, is added to it.
#[inline(always)]
fn refined(root: u64, reciprocal: u64, radicand: u64) -> u64 {
    let lack = radicand.wrapping_sub(root.wrapping_mul(root)) as i64; // less than 2^35
    (root << 32).wrapping_add((((lack >> 3) * reciprocal as i64) >> 28) as u64)
}

/// The float nearest to the root of `radicand / 2^62`, which is `root / 2^63` but for `error`, times `2^(exponent - BIAS)`.
///
/// No root lies amidst two floats: the square of what does has more digits than a radicand. And none is subnormal or too
/// large.
#[inline(always)]
fn rounded<F: Format>(exponent: i32, root: u64, error: u64, radicand: u64) -> u64 {
    let half = 1 << (F::SHIFT - 1);
    let rest = root & ((1 << F::SHIFT) - 1);
    let kept = root >> F::SHIFT;
    let up = if rest.wrapping_sub(half - error) <= 2 * error {
        // In units of the last place of `middle`, squared, of which it is enough to look at the lower 64 bits.
        let middle = kept << 1 | 1;
        let aligned =
            if F::FRACTION < 32 { radicand >> (60 - 2 * F::FRACTION) } else { radicand << (2 * F::FRACTION - 60) };
        aligned.wrapping_sub(middle.wrapping_mul(middle)) as i64 > 0
    } else {
        rest > half
    };
    // A root just below one, of a radicand of one, is rounded up to it.
    (((exponent - 1) as u64) << F::FRACTION) + kept + u64::from(up)
}
