//! The arithmetic that consensus needs: exact, natively where it fits, else by `num_bigint`.

use super::Int;
use core::ops::{Add, Mul, Neg, Sub};
use num_bigint::BigInt;

impl Int {
    /// `|self - other|`.
    ///
    /// ```
    /// use subvm_calldata::Int;
    ///
    /// assert_eq!(Int::from(3).abs_diff(&Int::from(-4)), Int::from(7));
    /// ```
    #[must_use]
    pub fn abs_diff(&self, other: &Int) -> Int {
        if self < other { other - self } else { self - other }
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $checked:ident) => {
        /// Exact.
        impl $trait for &Int {
            type Output = Int;

            fn $method(self, other: &Int) -> Int {
                let native = self.to_i128().zip(other.to_i128());
                match native.and_then(|(a, b)| a.$checked(b)) {
                    Some(n) => Int::from_i128(n),
                    None => BigInt::from(self).$method(BigInt::from(other)).into(),
                }
            }
        }

        /// Exact.
        impl<T: Into<Int>> $trait<T> for Int {
            type Output = Int;

            fn $method(self, other: T) -> Int {
                (&self).$method(&other.into())
            }
        }
    };
}

operator!(Add, add, checked_add);
operator!(Sub, sub, checked_sub);
operator!(Mul, mul, checked_mul);

/// Exact.
impl Neg for Int {
    type Output = Int;

    fn neg(self) -> Int {
        Int::ZERO - self
    }
}
