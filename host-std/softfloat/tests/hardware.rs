//! The library against the floats of the machine that runs the test.
//!
//! By default a sample of the inputs. All 2^32 of them, where they are so few, and a hundred times the random pairs:
//! `SUBVM_EXHAUSTIVE=1 cargo test --release -p subvm-softfloat` (some ten minutes on two cores).

mod hardware {
    pub(crate) mod operands;
    pub(crate) mod reference;
}

use std::ops::RangeInclusive;
use std::thread;

use hardware::operands::{Operands, is_exhaustive};
use hardware::reference::{canonical32, canonical64, maximum, minimum};
use subvm_softfloat::{Unrepresentable, binary32, binary64, demote, promote};

/// Calls `check` with every input of 32 bits, or a sample of them that has all exponents and both ends.
fn every_u32(check: impl Fn(u32) + Sync) {
    const STRIDE: u64 = 8191; // a prime, so that all low bits occur
    let ends: [RangeInclusive<u32>; 3] = [0..=1000, 0x7fff_fc00..=0x8000_0400, 0xffff_fc00..=u32::MAX];
    ends.into_iter().flatten().for_each(&check);
    for exponent in 0..=0x1ff {
        (0..8).for_each(|low| check((exponent << 23) + low));
        (0..8).for_each(|low| check((exponent << 23 | 0x007f_ffff) - low));
        (0..23).for_each(|bit| check(exponent << 23 | 1 << bit));
        (0..23).for_each(|bit| check((exponent << 23) | ((1 << bit) - 1)));
    }
    let stride = if is_exhaustive() { 1 } else { STRIDE };
    thread::scope(|scope| {
        for half in [0, 1 << 31] {
            let check = &check;
            scope.spawn(move || {
                (half..half + (1u64 << 31)).step_by(stride as usize).for_each(|bits| check(bits as u32))
            });
        }
    });
}

#[test]
fn unary_binary32() {
    every_u32(|bits| {
        let a = f32::from_bits(bits);
        assert_eq!(binary32::sqrt(bits), canonical32(a.sqrt()), "sqrt {bits:#x}");
        assert_eq!(binary32::ceil(bits), canonical32(a.ceil()), "ceil {bits:#x}");
        assert_eq!(binary32::floor(bits), canonical32(a.floor()), "floor {bits:#x}");
        assert_eq!(binary32::trunc(bits), canonical32(a.trunc()), "trunc {bits:#x}");
        assert_eq!(binary32::nearest(bits), canonical32(a.round_ties_even()), "nearest {bits:#x}");
        assert_eq!(promote(bits), canonical64(a.into()), "promote {bits:#x}");
    });
}

/// Holds a conversion to the hardware's: in range, saturated and refused.
macro_rules! check_to_integer {
    ($module:ident, $float:ident, $bits:expr, $($to:ident $saturate:ident $integer:ident $limit:literal;)*) => {{
        let a = $float::from_bits($bits);
        $(
            assert_eq!($module::$saturate($bits), a as $integer, concat!(stringify!($saturate), " {:#x}"), $bits);
            let lowest = if $integer::MIN == 0 { -1.0 } else { -$limit - 1.0 };
            let too_small = if lowest == -$limit { a < lowest } else { a <= lowest };
            let expected = if a.is_nan() {
                Err(Unrepresentable::Nan)
            } else if too_small {
                Err(Unrepresentable::TooSmall)
            } else if a >= $limit {
                Err(Unrepresentable::TooLarge)
            } else {
                Ok(a as $integer)
            };
            assert_eq!($module::$to($bits), expected, concat!(stringify!($to), " {:#x}"), $bits);
        )*
    }};
}

#[test]
fn binary32_to_integers() {
    every_u32(|bits| {
        check_to_integer! { binary32, f32, bits,
            to_i32 saturate_i32 i32 2147483648.0;
            to_u32 saturate_u32 u32 4294967296.0;
            to_i64 saturate_i64 i64 9223372036854775808.0;
            to_u64 saturate_u64 u64 18446744073709551616.0;
        }
    });
}

#[test]
fn integers_of_32_bits() {
    every_u32(|bits| {
        assert_eq!(binary32::from_u32(bits), (bits as f32).to_bits(), "{bits:#x}");
        assert_eq!(binary32::from_i32(bits as i32), (bits as i32 as f32).to_bits(), "{bits:#x}");
        assert_eq!(binary64::from_u32(bits), f64::from(bits).to_bits(), "{bits:#x}");
        assert_eq!(binary64::from_i32(bits as i32), f64::from(bits as i32).to_bits(), "{bits:#x}");
    });
}

#[test]
fn integers_of_64_bits() {
    Operands::new(1).count(2_000_000).for_each(|operands| {
        let bits = operands.integer();
        assert_eq!(binary32::from_u64(bits), (bits as f32).to_bits(), "{bits:#x}");
        assert_eq!(binary32::from_i64(bits as i64), (bits as i64 as f32).to_bits(), "{bits:#x}");
        assert_eq!(binary64::from_u64(bits), (bits as f64).to_bits(), "{bits:#x}");
        assert_eq!(binary64::from_i64(bits as i64), (bits as i64 as f64).to_bits(), "{bits:#x}");
    });
}

#[test]
fn unary_binary64() {
    Operands::new(2).count(2_000_000).for_each(|operands| {
        let bits = operands.binary64();
        let a = f64::from_bits(bits);
        assert_eq!(binary64::sqrt(bits), canonical64(a.sqrt()), "sqrt {bits:#x}");
        assert_eq!(binary64::ceil(bits), canonical64(a.ceil()), "ceil {bits:#x}");
        assert_eq!(binary64::floor(bits), canonical64(a.floor()), "floor {bits:#x}");
        assert_eq!(binary64::trunc(bits), canonical64(a.trunc()), "trunc {bits:#x}");
        assert_eq!(binary64::nearest(bits), canonical64(a.round_ties_even()), "nearest {bits:#x}");
        assert_eq!(demote(bits), canonical32(a as f32), "demote {bits:#x}");
        check_to_integer! { binary64, f64, bits,
            to_i32 saturate_i32 i32 2147483648.0;
            to_u32 saturate_u32 u32 4294967296.0;
            to_i64 saturate_i64 i64 9223372036854775808.0;
            to_u64 saturate_u64 u64 18446744073709551616.0;
        }
    });
}

/// Squares and their neighbours: where a root is exact or almost.
#[test]
fn roots_of_squares() {
    Operands::new(3).count(1_000_000).for_each(|operands| {
        let root = f64::from((operands.integer() >> 37) as u32);
        for bits in [-2i64, -1, 0, 1, 2].map(|step| (root * root).to_bits().wrapping_add_signed(step)) {
            assert_eq!(binary64::sqrt(bits), canonical64(f64::from_bits(bits).sqrt()), "{bits:#x}");
        }
    });
}

/// The floats on both sides of the square of what is amidst two floats: where a root is hardest to round.
#[test]
fn roots_amidst_two_floats() {
    Operands::new(6).count(1_000_000).for_each(|operands| {
        let middle = u128::from(operands.integer() >> 11 | 1 << 53 | 1);
        let square = middle * middle; // 107 or 108 bits
        let below = (square >> (75 - square.leading_zeros())) as u64; // its leading 53
        for significand in [below - 1, below, below + 1, below + 2] {
            for exponent in [1, 2, 1022, 1023, 2045, 2046] {
                let bits = (exponent << 52) + (significand - (1 << 52));
                assert_eq!(binary64::sqrt(bits), canonical64(f64::from_bits(bits).sqrt()), "{bits:#x}");
            }
        }
    });
}

/// Holds the binary operations of a format to the hardware's.
macro_rules! check_binary {
    ($module:ident, $float:ident, $canonical:ident, $a:expr, $b:expr) => {{
        let (x, y) = ($float::from_bits($a), $float::from_bits($b));
        assert_eq!($module::add($a, $b), $canonical(x + y), "{:#x} + {:#x}", $a, $b);
        assert_eq!($module::sub($a, $b), $canonical(x - y), "{:#x} - {:#x}", $a, $b);
        assert_eq!($module::mul($a, $b), $canonical(x * y), "{:#x} * {:#x}", $a, $b);
        assert_eq!($module::div($a, $b), $canonical(x / y), "{:#x} / {:#x}", $a, $b);
        assert_eq!($module::min($a, $b), $canonical(minimum(x, y)), "min {:#x} {:#x}", $a, $b);
        assert_eq!($module::max($a, $b), $canonical(maximum(x, y)), "max {:#x} {:#x}", $a, $b);
        assert_eq!($module::eq($a, $b), x == y, "{:#x} == {:#x}", $a, $b);
        assert_eq!($module::ne($a, $b), x != y, "{:#x} != {:#x}", $a, $b);
        assert_eq!($module::lt($a, $b), x < y, "{:#x} < {:#x}", $a, $b);
        assert_eq!($module::le($a, $b), x <= y, "{:#x} <= {:#x}", $a, $b);
    }};
}

#[test]
fn binary_binary32() {
    Operands::new(4).count(4_000_000).for_each(|operands| {
        let (a, b) = (operands.binary32(), operands.binary32());
        check_binary!(binary32, f32, canonical32, a, b);
        let near = a.wrapping_add((b & 7) << (b >> 27));
        check_binary!(binary32, f32, canonical32, a, near ^ b & 1 << 31);
    });
}

#[test]
fn binary_binary64() {
    Operands::new(5).count(4_000_000).for_each(|operands| {
        let (a, b) = (operands.binary64(), operands.binary64());
        check_binary!(binary64, f64, canonical64, a, b);
        let near = a.wrapping_add((b & 7) << (b >> 58));
        check_binary!(binary64, f64, canonical64, a, near ^ b & 1 << 63);
    });
}

/// All pairs of what is special: zeros, subnormals, powers of two, the largest, infinities, NaNs.
#[test]
fn special_pairs() {
    let special32: Vec<u32> =
        (0..=0x1ff).flat_map(|top| [top << 23, top << 23 | 1, (top << 23) + 0x007f_ffff]).collect();
    for &a in &special32 {
        for &b in &special32 {
            check_binary!(binary32, f32, canonical32, a, b);
        }
    }
    let special64: Vec<u64> = (0..=0xfff)
        .step_by(13)
        .chain([0, 1, 0x7fe, 0x7ff, 0x800, 0x801, 0xffe, 0xfff])
        .flat_map(|top: u64| [top << 52, top << 52 | 1, (top << 52) + 0x000f_ffff_ffff_ffff])
        .collect();
    for &a in &special64 {
        for &b in &special64 {
            check_binary!(binary64, f64, canonical64, a, b);
        }
    }
}
