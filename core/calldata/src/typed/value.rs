//! Values themselves in serde's model, for our format and for others.

use super::super::{Array, DecodeLimits, Int, Map, Value};
use super::name;
use super::types::Raw;
use crate::Address;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Formatter};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A value with so many containers around it: serde recurses, so that depth must be bounded.
struct Nested<'v>(&'v Value, u32);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Int(int) => int.serialize(serializer),
            Value::Address(address) => address.serialize(serializer),
            Value::Bytes(bytes) => Raw(bytes).serialize(serializer),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Array(array) => serialize_array(array, self.1, serializer),
            Value::Map(map) => serialize_map(map, self.1, serializer),
        }
    }
}

fn deeper<E: serde::ser::Error>(depth: u32) -> Result<u32, E> {
    if depth < DecodeLimits::DEFAULT.max_depth {
        Ok(depth + 1)
    } else {
        Err(E::custom("containers are nested too deeply"))
    }
}

fn serialize_array<S: Serializer>(array: &Array, depth: u32, serializer: S) -> Result<S::Ok, S::Error> {
    let depth = deeper::<S::Error>(depth)?;
    let mut seq = serializer.serialize_seq(Some(array.len()))?;
    for item in array {
        seq.serialize_element(&Nested(item, depth))?;
    }
    seq.end()
}

fn serialize_map<S: Serializer>(map: &Map, depth: u32, serializer: S) -> Result<S::Ok, S::Error> {
    let depth = deeper::<S::Error>(depth)?;
    let mut entries = serializer.serialize_map(Some(map.len()))?;
    for (key, value) in map.iter() {
        entries.serialize_entry(key, &Nested(value, depth))?;
    }
    entries.end()
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested(self, 0).serialize(serializer)
    }
}

impl Serialize for Array {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_array(self, 0, serializer)
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_map(self, 0, serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(name::VALUE, OwnFormat)
    }
}

impl<'de> Deserialize<'de> for Array {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

/// Our deserializer answers the name of a value with its encoding; all others with a newtype.
struct OwnFormat;

impl<'de> Visitor<'de> for OwnFormat {
    type Value = Value;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bytes<E: Error>(self, encoding: &[u8]) -> Result<Value, E> {
        Value::decode_with(encoding, &DecodeLimits::UNLIMITED).map_err(E::custom)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<Value, D::Error> {
        content.deserialize_any(AnyFormat)
    }
}

/// Takes whatever a format has.
struct AnyFormat;

macro_rules! visit_native {
    ($($method:ident: $type:ty),*) => {$(
        fn $method<E: Error>(self, content: $type) -> Result<Value, E> {
            Ok(content.into())
        }
    )*};
}

impl<'de> Visitor<'de> for AnyFormat {
    type Value = Value;

    visit_native!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_u128: u128, visit_i128: i128);
    visit_native!(visit_str: &str, visit_string: String, visit_bytes: &[u8], visit_byte_buf: Vec<u8>);

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("what calldata has: null, boolean, integer, bytes, string, array, map with string keys")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, content: D) -> Result<Value, D::Error> {
        Value::deserialize(content)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Array::new();
        while let Some(item) = items.next_element::<Value>()? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut collected: Vec<(String, Value)> = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            collected.push(entry);
        }
        let len = collected.len();
        let map: Map = collected.into_iter().collect();
        if map.len() < len {
            return Err(A::Error::custom("a map key is repeated"));
        }
        Ok(map.into())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<Value, D::Error> {
        content.deserialize_any(Buffered)
    }
}

/// What our deserializer put into newtypes and serde buffered: an address, or a large integer in
/// one more newtype.
struct Buffered;

impl<'de> Visitor<'de> for Buffered {
    type Value = Value;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("the 20 bytes of an address")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Value, E> {
        let bytes = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))?;
        Ok(Address(bytes).into())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<Value, D::Error> {
        Ok(Int::deserialize(content)?.into())
    }
}
