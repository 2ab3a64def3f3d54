//! Your own types as calldata, by `serde`.
//!
//! | Rust | calldata |
//! |---|---|
//! | `()`, unit struct, `None` | null |
//! | `Some(x)`, newtype struct | as `x` |
//! | `bool` | boolean |
//! | integers, [`Int`](super::Int) | integer |
//! | `f32`, `f64` | refused: calldata has no floating-point type |
//! | `char`, `str` | string |
//! | [`Bytes`], and whatever serializes as bytes (`serde_bytes`) | bytes |
//! | [`Address`](crate::Address) | address |
//! | sequence, tuple, tuple struct | array |
//! | struct, map with keys that are strings, characters, or unit variants | map |
//! | unit variant | string: its name |
//! | any other variant | map of one entry: its name, and its content |
//! | [`Value`](super::Value) | itself |
//!
//! `Vec<u8>` is a sequence to serde, so an array of integers: take [`Bytes`].
//!
//! To other formats, `Address` and `Bytes` are bytes, or lower-case hexadecimal where the format is for
//! people; an `Int` is an integer if it fits 64 bits, else decimal text where the format is for
//! people, or else two's complement bytes, least significant first.

mod de;
mod error;
mod output;
mod ser;
mod types;
mod value;

pub use error::SerdeError;
pub use types::Bytes;

use super::{DecodeLimits, Value};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Names under which our types ask our serializer and deserializer for what serde has no method
/// for. Other formats do not look at the name of a newtype.
mod name {
    pub(super) const ADDRESS: &str = "$subvm::Address";
    pub(super) const INT: &str = "$subvm::Int";
    pub(super) const VALUE: &str = "$subvm::Value";
}

/// The canonical encoding of `content`, within the default limits.
///
/// # Errors
/// What the type cannot say in calldata (see the table of types), and what a decoder would refuse.
///
/// # Cost
/// Linear in the encoding, and sorting the fields where they are not declared in ascending order.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use subvm_calldata::Value;
///
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct Transfer { to: subvm_calldata::Address, amount: u64 }
///
/// let transfer = Transfer { to: subvm_calldata::Address([7; 20]), amount: 5 };
/// let bytes = subvm_calldata::to_bytes(&transfer).unwrap();
/// assert_eq!(subvm_calldata::from_slice::<Transfer>(&bytes).unwrap(), transfer);
/// assert_eq!(Value::decode(&bytes).unwrap()["amount"], Value::from(5));
/// ```
pub fn to_bytes<T: Serialize + ?Sized>(content: &T) -> Result<Vec<u8>, SerdeError> {
    let mut output = output::Output::new();
    content.serialize(ser::Serializer::new(&mut output, DecodeLimits::DEFAULT.max_depth))?;
    Ok(output.bytes)
}

/// The content whose encoding `bytes` is, within the default limits. Strings and bytes can be
/// borrowed.
///
/// # Errors
/// As [`Value::decode`], at the same offset; and what does not fit the type.
///
/// # Cost
/// Linear in the input, whatever the type does itself aside.
///
/// ```
/// use subvm_calldata::from_slice;
/// let bytes = b"\x0d\x14ab";
/// let [text]: [&str; 1] = from_slice(bytes).unwrap();
/// assert_eq!(text, "ab");
/// ```
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, SerdeError> {
    let mut reader = super::read::Reader::new(bytes, &DecodeLimits::DEFAULT);
    let content = T::deserialize(de::Deserializer::new(&mut reader))?;
    reader.end()?;
    Ok(content)
}

/// The value of `content`.
///
/// # Errors
/// As [`to_bytes`].
///
/// ```
/// use subvm_calldata::{Value, to_value};
/// assert_eq!(to_value(&("eve", Some(7), ())), Ok(Value::array([Value::from("eve"), 7.into(), Value::Null])));
/// ```
pub fn to_value<T: Serialize + ?Sized>(content: &T) -> Result<Value, SerdeError> {
    Ok(Value::decode(&to_bytes(content)?)?)
}

/// The content of a value.
///
/// # Errors
/// As [`Value::encode`] and [`from_slice`].
///
/// ```
/// use subvm_calldata::{Value, from_value};
/// assert_eq!(from_value(&Value::array([1, 2])), Ok((1_u8, 2_u64)));
/// ```
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, SerdeError> {
    from_slice(&value.encode()?)
}
