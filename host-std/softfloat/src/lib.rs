//! IEEE 754-2019 binary32 and binary64 in integer arithmetic, with the meaning that WebAssembly 2.0 gives them: round to
//! nearest, ties to even; subnormals are numbers; every NaN result is the canonical one (quiet, positive, no payload).
//!
//! Floats are bit patterns, `u32` and `u64`. The two formats share one implementation, on significands of 64 bits, which
//! nothing but its constants tells apart (`format::Format`).
//!
//! The crate is also compiled to WebAssembly: lowering merges those functions into guests (`host-std/lower/src/floats`).
//! So nothing here may touch memory, panic, or use a float.
//!
//! ```
//! use subvm_softfloat::binary64;
//!
//! let sum = binary64::add(0.1f64.to_bits(), 0.2f64.to_bits());
//! assert_eq!(f64::from_bits(sum), 0.30000000000000004);
//! ```
#![no_std]
#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

mod add;
mod compare;
mod convert;
mod divide;
mod format;
mod multiply;
mod root;
mod round;

#[cfg(target_family = "wasm")]
mod exports;

pub use convert::Unrepresentable;

/// Defines the operations on one format's bit patterns.
macro_rules! operations {
    ($module:ident, $format:ident, $bits:ident, $name:literal) => {
        #[doc = concat!("Operations on ", $name, ", as bit patterns.")]
        pub mod $module {
            use crate::format::$format as Format;
            use crate::{Unrepresentable, add, compare, convert, divide, multiply, root, round};

            operations! { @binary Format $bits
                /// The sum, rounded.
                add = add::add;
                /// The difference, rounded.
                sub = add::subtract;
                /// The product, rounded.
                mul = multiply::multiply;
                /// The quotient, rounded.
                div = divide::divide;
                /// The lesser operand; -0 is less than +0, and a NaN makes the result NaN.
                min = compare::minimum;
                /// The greater operand; -0 is less than +0, and a NaN makes the result NaN.
                max = compare::maximum;
            }
            operations! { @unary Format $bits
                /// The square root, rounded.
                sqrt = root::square_root;
                /// The least integral value that is not less.
                ceil = round::ceil;
                /// The greatest integral value that is not greater.
                floor = round::floor;
                /// The integral value next to it in the direction of zero.
                trunc = round::trunc;
                /// The integral value nearest to it, the even one of two.
                nearest = round::nearest;
            }
            operations! { @compare Format $bits
                /// Whether both are equal; the zeros are, a NaN never is.
                eq = compare::equal;
                /// Whether the first is less.
                lt = compare::less;
                /// Whether the first is less or equal.
                le = compare::less_or_equal;
            }
            operations! { @to_integer Format $bits
                /// Truncated to a signed integer.
                to_i32 i32 saturate_i32 = convert::to_i32;
                /// Truncated to an unsigned integer.
                to_u32 u32 saturate_u32 = convert::to_u32;
                /// Truncated to a signed integer.
                to_i64 i64 saturate_i64 = convert::to_i64;
                /// Truncated to an unsigned integer.
                to_u64 u64 saturate_u64 = convert::to_u64;
            }

            /// Whether the operands differ; a NaN differs from everything.
            #[inline]
            pub fn ne(a: $bits, b: $bits) -> bool {
                !eq(a, b)
            }

            /// The float next to `value`.
            #[inline]
            pub fn from_i32(value: i32) -> $bits {
                from_i64(value.into())
            }

            /// The float next to `value`.
            #[inline]
            pub fn from_u32(value: u32) -> $bits {
                from_u64(value.into())
            }

            /// The float next to `value`.
            #[inline]
            pub fn from_i64(value: i64) -> $bits {
                convert::from_integer::<Format>(value < 0, value.unsigned_abs()) as $bits
            }

            /// The float next to `value`.
            #[inline]
            pub fn from_u64(value: u64) -> $bits {
                convert::from_integer::<Format>(false, value) as $bits
            }
        }
    };
    (@binary $format:ident $bits:ident $(#[doc = $doc:literal] $name:ident = $function:path;)*) => {
        $(#[doc = $doc]
        #[inline]
        pub fn $name(a: $bits, b: $bits) -> $bits {
            use $function as operation;
            operation::<$format>(a.into(), b.into()) as $bits
        })*
    };
    (@unary $format:ident $bits:ident $(#[doc = $doc:literal] $name:ident = $function:path;)*) => {
        $(#[doc = $doc]
        #[inline]
        pub fn $name(a: $bits) -> $bits {
            use $function as operation;
            operation::<$format>(a.into()) as $bits
        })*
    };
    (@compare $format:ident $bits:ident $(#[doc = $doc:literal] $name:ident = $function:path;)*) => {
        $(#[doc = $doc]
        #[inline]
        pub fn $name(a: $bits, b: $bits) -> bool {
            use $function as operation;
            operation::<$format>(a.into(), b.into())
        })*
    };
    (@to_integer $format:ident $bits:ident
        $(#[doc = $doc:literal] $name:ident $integer:ident $saturate:ident = $function:path;)*) => {
        $(#[doc = $doc]
        ///
        /// # Errors
        ///
        /// [`Unrepresentable`] for a NaN and for a number out of range.
        #[inline]
        pub fn $name(a: $bits) -> Result<$integer, Unrepresentable> {
            use $function as operation;
            operation(convert::to_integer::<$format>(a.into()))
        }

        #[doc = $doc]
        /// Out of range, the integer next to it; 0 for a NaN.
        #[inline]
        pub fn $saturate(a: $bits) -> $integer {
            $name(a).unwrap_or_else(|unrepresentable| match unrepresentable {
                Unrepresentable::Nan => 0,
                Unrepresentable::TooSmall => $integer::MIN,
                Unrepresentable::TooLarge => $integer::MAX,
            })
        })*
    };
}

operations!(binary32, Binary32, u32, "binary32");
operations!(binary64, Binary64, u64, "binary64");

/// The binary64 of equal value.
#[inline]
pub fn promote(a: u32) -> u64 {
    convert::convert::<format::Binary32, format::Binary64>(a.into())
}

/// The binary32 nearest to it.
#[inline]
pub fn demote(a: u64) -> u32 {
    convert::convert::<format::Binary64, format::Binary32>(a) as u32
}
