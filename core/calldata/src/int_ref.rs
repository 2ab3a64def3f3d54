//! A borrowed integer.

use super::{Int, wire, write};
use alloc::vec::Vec;
use core::fmt;

/// An integer as it stands in the input: decoded where it is small, else its bytes.
///
/// ```
/// use subvm_calldata::{Int, ValueRef};
/// let ValueRef::Int(int) = ValueRef::decode(&[0x0a]).unwrap() else { unreachable!() };
/// assert!(int.is_negative());
/// assert_eq!((int.to_int(), int.to_string()), (Int::from(-2), "-2".into()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IntRef<'a>(Repr<'a>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Repr<'a> {
    Small(i64),
    /// A canonical encoding of more than 9 bytes.
    Wide(&'a [u8]),
}

impl<'a> IntRef<'a> {
    #[inline]
    pub(super) const fn small(n: i64) -> Self {
        Self(Repr::Small(n))
    }

    pub(super) const fn wide(uleb: &'a [u8]) -> Self {
        Self(Repr::Wide(uleb))
    }

    /// The integer of its own. Allocates only where [`Int`] does.
    ///
    /// # Cost
    /// Linear in the length of the encoding.
    #[must_use]
    #[inline]
    pub fn to_int(self) -> Int {
        self.with_int(|int| int)
    }

    /// Gives `take` the integer: see [`Int::with_encoding`].
    #[inline(always)]
    pub(super) fn with_int<T>(self, take: impl FnOnce(Int) -> T) -> T {
        match self.0 {
            Repr::Small(n) => take(Int::from_i128(n.into())),
            Repr::Wide(uleb) => Int::with_encoding(uleb, take),
        }
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        match self.0 {
            Repr::Small(n) => n < 0,
            Repr::Wide(uleb) => uleb.first().is_some_and(|first| first & wire::TYPE_MASK == wire::NEGATIVE),
        }
    }

    pub(super) fn put(self, out: &mut Vec<u8>) {
        match self.0 {
            Repr::Small(n) => write::put_i64(out, n),
            Repr::Wide(uleb) => out.extend_from_slice(uleb),
        }
    }
}

impl From<IntRef<'_>> for Int {
    fn from(int: IntRef<'_>) -> Self {
        int.to_int()
    }
}

/// Decimal, as [`Int`].
impl fmt::Display for IntRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_int(), f)
    }
}

impl fmt::Debug for IntRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
