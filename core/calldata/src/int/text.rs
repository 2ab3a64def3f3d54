//! Integers in decimal.

use super::Int;
use core::fmt;
use core::str::FromStr;
use num_bigint::BigInt;

/// Text is not a decimal integer.
///
/// ```
/// use subvm_calldata::{Int, ParseIntError};
/// assert_eq!("-12".parse::<Int>(), Ok(Int::from(-12)));
/// assert_eq!("+12".parse::<Int>(), Err(ParseIntError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseIntError;

impl fmt::Display for ParseIntError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a decimal integer: write an optional minus sign and digits")
    }
}

impl core::error::Error for ParseIntError {}

/// Decimal.
///
/// # Cost
/// Linear inline, quadratic in the number of digits beyond: a quarter of a millisecond or so at
/// the default limit of 2^16 bits.
impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_i128() {
            Some(n) => fmt::Display::fmt(&n, f),
            None => fmt::Display::fmt(&BigInt::from(self), f),
        }
    }
}

impl fmt::Debug for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An optional minus sign and decimal digits, nothing else.
///
/// # Cost
/// As [`Display`](Int#impl-Display-for-Int): bound the length of text that others send.
impl FromStr for Int {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(ParseIntError);
        }
        match text.parse() {
            Ok(n) => Ok(Self::from_i128(n)),
            Err(_) => text.parse::<BigInt>().map(Self::from).map_err(|_| ParseIntError),
        }
    }
}
