//! Between [`Value`] and native types.

use super::{Array, Int, Map, Value};
use crate::Address;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use num_bigint::BigInt;

/// A value is not of the type asked for, or an integer is outside the range of that type.
///
/// ```
/// use subvm_calldata::{Value, WrongType};
/// assert_eq!(u8::try_from(&Value::from(7)), Ok(7));
/// let error = u8::try_from(Value::from("7")).unwrap_err();
/// assert_eq!(error, WrongType { expected: "u8", found: "str" });
/// assert_eq!(error.to_string(), "expected u8, found str");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType {
    /// What was asked for.
    pub expected: &'static str,
    /// What the value is: see [`Value::type_name`].
    pub found: &'static str,
}

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl core::error::Error for WrongType {}

macro_rules! variant {
    ($($variant:ident($type:ty)),*) => {$(
        impl From<$type> for Value {
            #[inline]
            fn from(content: $type) -> Self {
                Self::$variant(content)
            }
        }

        impl TryFrom<Value> for $type {
            type Error = WrongType;

            fn try_from(value: Value) -> Result<Self, WrongType> {
                match value {
                    Value::$variant(content) => Ok(content),
                    other => Err(WrongType { expected: stringify!($type), found: other.type_name() }),
                }
            }
        }
    )*};
}

macro_rules! integer {
    ($($type:ty)*) => {$(
        impl From<$type> for Value {
            #[inline]
            fn from(n: $type) -> Self {
                Self::Int(n.into())
            }
        }

        impl TryFrom<&Value> for $type {
            type Error = WrongType;

            fn try_from(value: &Value) -> Result<Self, WrongType> {
                let wrong = WrongType { expected: stringify!($type), found: value.type_name() };
                value.as_int().and_then(|int| int.try_into().ok()).ok_or(wrong)
            }
        }

        impl TryFrom<Value> for $type {
            type Error = WrongType;

            fn try_from(value: Value) -> Result<Self, WrongType> {
                Self::try_from(&value)
            }
        }
    )*};
}

variant!(Bool(bool), Int(Int), Address(Address), Bytes(Vec<u8>), Str(String), Array(Array), Map(Map));
integer!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize BigInt);

macro_rules! other {
    ($($type:ty: |$content:ident| $value:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($content: $type) -> Self {
                $value
            }
        }
    )*};
}

other! {
    (): |_unit| Self::Null;
    &str: |text| Self::Str(text.into());
    Cow<'_, str>: |text| Self::Str(text.into_owned());
    &String: |text| Self::Str(text.clone());
    &Int: |int| Self::Int(int.clone());
    &[u8]: |bytes| Self::Bytes(bytes.into());
    Vec<Value>: |items| Self::Array(items.into());
}

/// Bytes.
impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// Bytes.
impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// An array.
impl<const N: usize> From<[Value; N]> for Value {
    fn from(items: [Value; N]) -> Self {
        Self::Array(items.into())
    }
}

/// Null for none.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Null, Into::into)
    }
}
