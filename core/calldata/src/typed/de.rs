//! Bytes to types.

use super::super::read::{Head, Reader};
use super::super::{Int, validate};
use super::{SerdeError, name};
use alloc::borrow::Cow;
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer as _, Error, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

const NO_FLOATS: SerdeError =
    SerdeError::Unsupported("calldata has no floating-point type: read an integer, or a string");

/// Reads one value.
pub(super) struct Deserializer<'r, 'de> {
    reader: &'r mut Reader<'de>,
}

impl<'r, 'de> Deserializer<'r, 'de> {
    pub(super) const fn new(reader: &'r mut Reader<'de>) -> Self {
        Self { reader }
    }

    /// Reads a value that must be what `pick` picks.
    fn only<T>(self, pick: impl FnOnce(Head<'de>) -> Option<T>, expected: &str) -> Result<T, SerdeError> {
        let head = self.reader.head()?;
        pick(head).ok_or_else(|| SerdeError::invalid_type(unexpected(head), &expected))
    }

    /// Reads an integer for a type that knows all of 128 bits.
    fn wide_int<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        let pick = |head| if let Head::Int(int) = head { Some(int.to_int()) } else { None };
        let int = self.only(pick, "an integer")?;
        match (int.to_i128(), int.to_u128()) {
            (Some(n), _) => visitor.visit_i128(n),
            (None, Some(n)) => visitor.visit_u128(n),
            (None, None) => visit_int(&int, visitor),
        }
    }

    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        match self.reader.head()? {
            Head::Str(text) => visitor.visit_borrowed_str(text),
            other => Err(SerdeError::invalid_type(unexpected(other), &visitor)),
        }
    }

    fn byte_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        match self.reader.head()? {
            Head::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            other => Err(SerdeError::invalid_type(unexpected(other), &visitor)),
        }
    }
}

fn unexpected(head: Head<'_>) -> Unexpected<'_> {
    match head {
        Head::Null => Unexpected::Unit,
        Head::Bool(b) => Unexpected::Bool(b),
        Head::Address(_) => Unexpected::Other("address"),
        Head::Int(_) => Unexpected::Other("integer"),
        Head::Bytes(bytes) => Unexpected::Bytes(bytes),
        Head::Str(text) => Unexpected::Str(text),
        Head::Array(_) => Unexpected::Seq,
        Head::Map(_) => Unexpected::Map,
    }
}

/// Gives an integer to a type that may not know integers beyond 64 bits, as serde's own buffer does
/// not: beyond, as layers around bytes.
fn visit_int<'de, V: Visitor<'de>>(int: &Int, visitor: V) -> Result<V::Value, SerdeError> {
    if let Ok(n) = u64::try_from(int) {
        visitor.visit_u64(n)
    } else if let Ok(n) = i64::try_from(int) {
        visitor.visit_i64(n)
    } else {
        Layers { around: 3, bytes: int.to_signed_le().into() }.deserialize_any(visitor)
    }
}

impl<'de> de::Deserializer<'de> for Deserializer<'_, 'de> {
    type Error = SerdeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        let reader = self.reader;
        match reader.head()? {
            Head::Null => visitor.visit_unit(),
            Head::Bool(b) => visitor.visit_bool(b),
            Head::Int(int) => visit_int(&int.to_int(), visitor),
            Head::Address(bytes) => Layers { around: 2, bytes: bytes[..].into() }.deserialize_any(visitor),
            Head::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Head::Str(text) => visitor.visit_borrowed_str(text),
            Head::Array(len) => {
                let mut items = Items { reader, left: len };
                let content = visitor.visit_seq(&mut items)?;
                items.end(content, len, "fewer items")
            }
            Head::Map(len) => {
                let mut entries = Entries { items: Items { reader, left: len }, last: None };
                let content = visitor.visit_map(&mut entries)?;
                entries.items.end(content, len, "fewer entries")
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        if self.reader.is_null_next() {
            self.reader.head()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, SerdeError> {
        match name {
            name::ADDRESS => {
                let pick = |head| if let Head::Address(bytes) = head { Some(bytes) } else { None };
                visitor.visit_borrowed_bytes(self.only(pick, "an address")?)
            }
            name::INT => self.wide_int(visitor),
            name::VALUE => visitor.visit_borrowed_bytes(validate::encoding(self.reader)?),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SerdeError> {
        let reader = self.reader;
        match reader.head()? {
            Head::Str(variant) => visitor.visit_enum(BorrowedStrDeserializer::new(variant)),
            Head::Map(1) => {
                let variant = reader.key(None)?;
                let content = visitor.visit_enum(Variant { variant, reader })?;
                reader.close();
                Ok(content)
            }
            other => Err(SerdeError::invalid_type(unexpected(other), &"a string, or a map of one entry")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        validate::encoding(self.reader)?;
        visitor.visit_unit()
    }

    fn deserialize_f32<V: Visitor<'de>>(self, _: V) -> Result<V::Value, SerdeError> {
        Err(NO_FLOATS)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, _: V) -> Result<V::Value, SerdeError> {
        Err(NO_FLOATS)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        self.wide_int(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        self.wide_int(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        self.text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        self.text(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        self.text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        self.byte_string(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        self.byte_string(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 unit unit_struct seq tuple tuple_struct map struct
    }
}

/// What follows the head of an array, or of a map.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
}

impl<'de> Items<'_, 'de> {
    fn next<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, SerdeError> {
        seed.deserialize(Deserializer::new(self.reader))
    }

    fn end<T>(self, content: T, len: usize, expected: &str) -> Result<T, SerdeError> {
        if self.left > 0 {
            return Err(SerdeError::invalid_length(len, &expected));
        }
        self.reader.close();
        Ok(content)
    }
}

impl<'de> de::SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = SerdeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, SerdeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.next(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

struct Entries<'r, 'de> {
    items: Items<'r, 'de>,
    last: Option<&'de str>,
}

impl<'de> de::MapAccess<'de> for &mut Entries<'_, 'de> {
    type Error = SerdeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, SerdeError> {
        if self.items.left == 0 {
            return Ok(None);
        }
        self.items.left -= 1;
        let key = self.items.reader.key(self.last)?;
        self.last = Some(key);
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, SerdeError> {
        self.items.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.left)
    }
}

/// The one entry of the map that says a variant with content.
struct Variant<'r, 'de> {
    variant: &'de str,
    reader: &'r mut Reader<'de>,
}

impl<'r, 'de> de::EnumAccess<'de> for Variant<'r, 'de> {
    type Error = SerdeError;
    type Variant = Deserializer<'r, 'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), SerdeError> {
        let variant: StrDeserializer<'_, SerdeError> = self.variant.into_deserializer();
        Ok((seed.deserialize(variant)?, Deserializer::new(self.reader)))
    }
}

impl<'de> de::VariantAccess<'de> for Deserializer<'_, 'de> {
    type Error = SerdeError;

    fn unit_variant(self) -> Result<(), SerdeError> {
        self.only(|_| None, "a variant without content: its name alone")
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, SerdeError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, SerdeError> {
        de::Deserializer::deserialize_any(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, SerdeError> {
        de::Deserializer::deserialize_any(self, visitor)
    }
}

/// Bytes within newtypes, to tell those of an address (two) and of a large integer (three) from
/// bytes even where serde buffers what it reads, as it does for flattened and untagged types.
/// One newtype is taken off by our own types when they ask for themselves by name.
struct Layers<'de> {
    around: u8,
    bytes: Cow<'de, [u8]>,
}

impl<'de> de::Deserializer<'de> for Layers<'de> {
    type Error = SerdeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeError> {
        match (self.around.checked_sub(1), self.bytes) {
            (Some(around), bytes) => visitor.visit_newtype_struct(Layers { around, bytes }),
            (None, Cow::Borrowed(bytes)) => visitor.visit_borrowed_bytes(bytes),
            (None, Cow::Owned(bytes)) => visitor.visit_byte_buf(bytes),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
