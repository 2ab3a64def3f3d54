//! What WebAssembly wants where hardware floats leave a choice.

use std::hint::black_box;

// `black_box`, for rustc 1.95 takes the result of `sqrt` to be a number when it optimises `is_nan`.

pub(crate) fn canonical32(a: f32) -> u32 {
    if black_box(a).is_nan() { 0x7fc0_0000 } else { a.to_bits() }
}

pub(crate) fn canonical64(a: f64) -> u64 {
    if black_box(a).is_nan() { 0x7ff8_0000_0000_0000 } else { a.to_bits() }
}

/// A hardware float.
pub(crate) trait Float: Copy + PartialOrd {
    const NAN: Self;
    fn is_sign_negative(self) -> bool;
}

impl Float for f32 {
    const NAN: f32 = f32::NAN;
    fn is_sign_negative(self) -> bool {
        f32::is_sign_negative(self)
    }
}

impl Float for f64 {
    const NAN: f64 = f64::NAN;
    fn is_sign_negative(self) -> bool {
        f64::is_sign_negative(self)
    }
}

pub(crate) fn minimum<F: Float>(a: F, b: F) -> F {
    match a.partial_cmp(&b) {
        None => F::NAN,
        Some(std::cmp::Ordering::Less) => a,
        Some(std::cmp::Ordering::Greater) => b,
        Some(std::cmp::Ordering::Equal) => {
            if a.is_sign_negative() {
                a
            } else {
                b
            }
        }
    }
}

pub(crate) fn maximum<F: Float>(a: F, b: F) -> F {
    match a.partial_cmp(&b) {
        None => F::NAN,
        Some(std::cmp::Ordering::Less) => b,
        Some(std::cmp::Ordering::Greater) => a,
        Some(std::cmp::Ordering::Equal) => {
            if a.is_sign_negative() {
                b
            } else {
                a
            }
        }
    }
}
