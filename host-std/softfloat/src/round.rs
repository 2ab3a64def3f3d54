//! Rounding to integral values (IEEE 754-2019, 5.9).

use crate::format::{Format, exponent, is_nan};

/// What is added to the magnitude before its fractional bits are cut off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Nothing.
    Zero,
    /// Almost one, where the sign is this.
    Away { negative: bool },
    /// A half, but less by the last bit where what is before the point is even.
    Nearest,
}

#[inline(always)]
pub(crate) fn trunc<F: Format>(a: u64) -> u64 {
    integral::<F>(a, Direction::Zero)
}

#[inline(always)]
pub(crate) fn ceil<F: Format>(a: u64) -> u64 {
    integral::<F>(a, Direction::Away { negative: false })
}

#[inline(always)]
pub(crate) fn floor<F: Format>(a: u64) -> u64 {
    integral::<F>(a, Direction::Away { negative: true })
}

#[inline(always)]
pub(crate) fn nearest<F: Format>(a: u64) -> u64 {
    integral::<F>(a, Direction::Nearest)
}

#[inline(always)]
fn integral<F: Format>(a: u64, direction: Direction) -> u64 {
    let unbiased = exponent::<F>(a) - F::BIAS;
    if unbiased >= F::FRACTION as i32 {
        return if is_nan::<F>(a) { F::NAN } else { a };
    }
    if unbiased < 0 {
        return below_one::<F>(a, direction);
    }
    // Fractional bits; a carry out of the fraction rightly adds one to the exponent.
    let unit = 1 << (F::FRACTION as i32 - unbiased);
    let added = match direction {
        Direction::Zero => 0,
        Direction::Away { negative } if negative == (a & F::SIGN != 0) => unit - 1,
        Direction::Away { .. } => 0,
        Direction::Nearest => (unit >> 1) - u64::from(a & unit == 0 && unit != F::HIDDEN),
    };
    (a + added) & !(unit - 1)
}

/// Of a magnitude less than 1: a zero, or 1, under the sign of `a`.
#[inline(always)]
fn below_one<F: Format>(a: u64, direction: Direction) -> u64 {
    let sign = a & F::SIGN;
    let magnitude = a & !F::SIGN;
    let one = (F::BIAS as u64) << F::FRACTION;
    let half = one - F::HIDDEN;
    let away = match direction {
        Direction::Zero => false,
        Direction::Away { negative } => magnitude != 0 && negative == (sign != 0),
        Direction::Nearest => magnitude > half,
    };
    if away { sign | one } else { sign }
}
