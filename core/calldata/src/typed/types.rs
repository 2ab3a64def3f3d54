//! Our types in serde's model, for our format and for others.

use super::super::Int;
use super::name;
use crate::Address;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Formatter};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

/// Raw that are bytes to serde, not a sequence of integers as `Vec<u8>` is.
///
/// ```
/// use subvm_calldata::{Bytes, Value, to_value};
/// assert_eq!(to_value(&Bytes(vec![1, 2])), Ok(Value::from([1_u8, 2])));
/// assert_eq!(to_value(&vec![1_u8, 2]), Ok(Value::array([1, 2])));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Raw(&self.0).serialize(serializer)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(name::ADDRESS, &Raw(&self.0))
    }
}

impl Serialize for Int {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(name::INT, &Digits(self))
    }
}

/// Bytes, or hexadecimal for people.
pub(super) struct Raw<'a>(pub(super) &'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(self.0) }
    }
}

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

struct Digits<'a>(&'a Int);

impl Serialize for Digits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(n) = u64::try_from(self.0) {
            serializer.serialize_u64(n)
        } else if let Ok(n) = i64::try_from(self.0) {
            serializer.serialize_i64(n)
        } else if serializer.is_human_readable() {
            serializer.collect_str(self.0)
        } else {
            serializer.serialize_bytes(&self.0.to_signed_le())
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(BytesVisitor("hexadecimal digits")).map(Self)
        } else {
            deserializer.deserialize_byte_buf(BytesVisitor("bytes")).map(Self)
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserializer.deserialize_newtype_struct(name::ADDRESS, BytesVisitor("an address"))?;
        let bytes = <[u8; 20]>::try_from(bytes);
        bytes.map(Self).map_err(|bytes| D::Error::invalid_length(bytes.len(), &"20 bytes"))
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(name::INT, IntVisitor)
    }
}

/// Takes bytes in all the forms in which [`Raw`] gives them, and says what it expects.
struct BytesVisitor(&'static str);

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some((char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?) as u8),
            _ => None,
        };
        let bytes: Option<_> = text.as_bytes().chunks(2).map(pair).collect();
        bytes.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &"pairs of hexadecimal digits"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<Vec<u8>, D::Error> {
        content.deserialize_any(self)
    }
}

struct IntVisitor;

macro_rules! visit_native {
    ($($method:ident: $type:ty),*) => {$(
        fn $method<E: Error>(self, n: $type) -> Result<Int, E> {
            Ok(n.into())
        }
    )*};
}

impl<'de> Visitor<'de> for IntVisitor {
    type Value = Int;

    visit_native!(visit_u64: u64, visit_i64: i64, visit_u128: u128, visit_i128: i128);

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Int, E> {
        Ok(Int::from_signed_le(bytes))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Int, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Int, E> {
        self.visit_str(&text)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<Int, D::Error> {
        content.deserialize_any(self)
    }
}
