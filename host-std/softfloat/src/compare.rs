//! Comparisons, minimum and maximum (IEEE 754-2019, 5.11 and 9.6).

use crate::format::{Format, is_nan, magnitude};

/// A number that orders as the floats do, -0 below +0.
#[inline(always)]
fn key<F: Format>(a: u64) -> i64 {
    if a & F::SIGN == 0 { a as i64 } else { -1 - magnitude::<F>(a) as i64 }
}

#[inline(always)]
fn unordered<F: Format>(a: u64, b: u64) -> bool {
    is_nan::<F>(a) || is_nan::<F>(b)
}

#[inline(always)]
fn both_zero<F: Format>(a: u64, b: u64) -> bool {
    magnitude::<F>(a | b) == 0
}

#[inline(always)]
pub(crate) fn equal<F: Format>(a: u64, b: u64) -> bool {
    !unordered::<F>(a, b) && (a == b || both_zero::<F>(a, b))
}

#[inline(always)]
pub(crate) fn less<F: Format>(a: u64, b: u64) -> bool {
    !unordered::<F>(a, b) && key::<F>(a) < key::<F>(b) && !both_zero::<F>(a, b)
}

#[inline(always)]
pub(crate) fn less_or_equal<F: Format>(a: u64, b: u64) -> bool {
    !unordered::<F>(a, b) && (key::<F>(a) <= key::<F>(b) || both_zero::<F>(a, b))
}

#[inline(always)]
pub(crate) fn minimum<F: Format>(a: u64, b: u64) -> u64 {
    if unordered::<F>(a, b) {
        F::NAN
    } else if key::<F>(a) < key::<F>(b) {
        a
    } else {
        b
    }
}

#[inline(always)]
pub(crate) fn maximum<F: Format>(a: u64, b: u64) -> u64 {
    if unordered::<F>(a, b) {
        F::NAN
    } else if key::<F>(a) < key::<F>(b) {
        b
    } else {
        a
    }
}
