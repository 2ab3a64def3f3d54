//! Types to bytes.

use super::super::{DecodeLimits, EncodeError, EncodeErrorKind as Kind, Int, encode, wire, write};
use super::output::Output;
use super::{SerdeError, name};
use alloc::vec::Vec;
use serde::ser::{self, Serialize};

const NO_FLOATS: SerdeError =
    SerdeError::Unsupported("calldata has no floating-point type: use an integer, or a string");
const ADDRESS_LEN: SerdeError = SerdeError::Unsupported("an address has 20 bytes");

/// How bytes are meant: see [`name`].
#[derive(Clone, Copy)]
enum Layer {
    Bytes,
    Address,
    /// Two's complement, least significant first.
    Int,
}

/// Writes one value.
pub(super) struct Serializer<'o> {
    output: &'o mut Output,
    depth_left: u32,
    layer: Layer,
}

impl<'o> Serializer<'o> {
    pub(super) const fn new(output: &'o mut Output, depth_left: u32) -> Self {
        Self { output, depth_left, layer: Layer::Bytes }
    }

    /// Begins a container, which announces `len` items until it is known better.
    fn open(self, kind: u8, len: usize) -> Result<Compound<'o>, SerdeError> {
        let depth_left = self.depth_left.checked_sub(1).ok_or(EncodeError::from(Kind::TooDeep))?;
        let head = self.output.bytes.len();
        write::put_head(&mut self.output.bytes, kind, len);
        let (body, entries) = (self.output.bytes.len(), self.output.entries());
        Ok(Compound {
            output: self.output,
            depth_left,
            kind,
            announced: len,
            count: 0,
            head,
            body,
            entries,
            sorted: true,
        })
    }

    /// Begins the map of one entry that says the variant of an enum.
    fn variant(self, variant: &str) -> Result<Self, SerdeError> {
        let map = self.open(wire::MAP, 1)?;
        write::put_key(&mut map.output.bytes, variant.as_bytes());
        Ok(Self::new(map.output, map.depth_left))
    }

    fn int(self, int: Int) -> Result<(), SerdeError> {
        Ok(encode::put_int(&mut self.output.bytes, &int, &DecodeLimits::DEFAULT)?)
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty => |$out:ident, $n:ident| $put:expr),*) => {$(
        fn $method(self, $n: $type) -> Result<(), SerdeError> {
            let $out = &mut self.output.bytes;
            $put;
            Ok(())
        }
    )*};
}

impl<'o> ser::Serializer for Serializer<'o> {
    type Ok = ();
    type Error = SerdeError;
    type SerializeSeq = Compound<'o>;
    type SerializeTuple = Compound<'o>;
    type SerializeTupleStruct = Compound<'o>;
    type SerializeTupleVariant = Compound<'o>;
    type SerializeMap = Compound<'o>;
    type SerializeStruct = Compound<'o>;
    type SerializeStructVariant = Compound<'o>;

    integers!(
        serialize_i8: i8 => |out, n| write::put_i64(out, n.into()),
        serialize_i16: i16 => |out, n| write::put_i64(out, n.into()),
        serialize_i32: i32 => |out, n| write::put_i64(out, n.into()),
        serialize_i64: i64 => |out, n| write::put_i64(out, n),
        serialize_u8: u8 => |out, n| write::put_payload(out, wire::NON_NEGATIVE, n.into()),
        serialize_u16: u16 => |out, n| write::put_payload(out, wire::NON_NEGATIVE, n.into()),
        serialize_u32: u32 => |out, n| write::put_payload(out, wire::NON_NEGATIVE, n.into()),
        serialize_u64: u64 => |out, n| write::put_payload(out, wire::NON_NEGATIVE, n)
    );

    fn serialize_i128(self, n: i128) -> Result<(), SerdeError> {
        self.int(n.into())
    }

    fn serialize_u128(self, n: u128) -> Result<(), SerdeError> {
        self.int(n.into())
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, b: bool) -> Result<(), SerdeError> {
        write::put_atom(&mut self.output.bytes, if b { wire::TRUE } else { wire::FALSE });
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), SerdeError> {
        Err(NO_FLOATS)
    }

    fn serialize_f64(self, _: f64) -> Result<(), SerdeError> {
        Err(NO_FLOATS)
    }

    fn serialize_char(self, c: char) -> Result<(), SerdeError> {
        self.serialize_str(c.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), SerdeError> {
        write::put_counted(&mut self.output.bytes, wire::STR, text.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), SerdeError> {
        match self.layer {
            Layer::Bytes => write::put_counted(&mut self.output.bytes, wire::BYTES, bytes),
            Layer::Int => return self.int(Int::from_signed_le(bytes)),
            Layer::Address => {
                let address: &[u8; 20] = bytes.try_into().map_err(|_| ADDRESS_LEN)?;
                write::put_atom(&mut self.output.bytes, wire::ADDRESS);
                self.output.bytes.extend_from_slice(address);
            }
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<(), SerdeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, content: &T) -> Result<(), SerdeError> {
        content.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), SerdeError> {
        write::put_atom(&mut self.output.bytes, wire::NULL);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), SerdeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), SerdeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        content: &T,
    ) -> Result<(), SerdeError> {
        let layer = match name {
            name::ADDRESS => Layer::Address,
            name::INT => Layer::Int,
            _ => Layer::Bytes,
        };
        content.serialize(Self { layer, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        content: &T,
    ) -> Result<(), SerdeError> {
        content.serialize(self.variant(variant)?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'o>, SerdeError> {
        self.open(wire::ARRAY, len.unwrap_or(0))
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'o>, SerdeError> {
        self.open(wire::ARRAY, len)
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Compound<'o>, SerdeError> {
        self.open(wire::ARRAY, len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'o>, SerdeError> {
        self.variant(variant)?.open(wire::ARRAY, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'o>, SerdeError> {
        self.open(wire::MAP, len.unwrap_or(0))
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Compound<'o>, SerdeError> {
        self.open(wire::MAP, len)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'o>, SerdeError> {
        self.variant(variant)?.open(wire::MAP, len)
    }
}

/// A container being written.
pub(super) struct Compound<'o> {
    output: &'o mut Output,
    depth_left: u32,
    kind: u8,
    announced: usize,
    count: usize,
    /// Where the head and, after it, the content start in the output.
    head: usize,
    body: usize,
    /// Where this map's entries start among those of all maps.
    entries: usize,
    sorted: bool,
}

impl Compound<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, content: &T) -> Result<(), SerdeError> {
        self.count += 1;
        content.serialize(Serializer::new(self.output, self.depth_left))
    }

    /// Writes a key of any type as a value, and that again as a key.
    fn put_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerdeError> {
        let start = self.output.bytes.len();
        key.serialize(Serializer::new(self.output, self.depth_left))?;
        self.output.string_to_key(start)
    }

    /// Writes the value of the key before, and sees whether that key is above the one before it.
    fn put_value<T: Serialize + ?Sized>(&mut self, content: &T) -> Result<(), SerdeError> {
        self.put(content)?;
        self.sorted &= self.output.end_entry(self.entries);
        Ok(())
    }

    fn end(self) -> Result<(), SerdeError> {
        if !self.sorted {
            self.output.sort(self.entries, self.body)?;
        }
        self.output.forget(self.entries);
        if self.count != self.announced {
            let mut head = Vec::new();
            write::put_head(&mut head, self.kind, self.count);
            self.output.bytes.splice(self.head..self.body, head);
        }
        Ok(())
    }
}

macro_rules! sequence {
    ($($trait:ident: $method:ident),*) => {$(
        impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = SerdeError;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), SerdeError> {
                self.put(item)
            }

            fn end(self) -> Result<(), SerdeError> {
                self.end()
            }
        }
    )*};
}

macro_rules! structure {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = SerdeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, content: &T) -> Result<(), SerdeError> {
                self.output.put_key(key.as_bytes());
                self.put_value(content)
            }

            fn end(self) -> Result<(), SerdeError> {
                self.end()
            }
        }
    )*};
}

sequence!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);
structure!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = SerdeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerdeError> {
        self.put_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, content: &T) -> Result<(), SerdeError> {
        self.put_value(content)
    }

    fn end(self) -> Result<(), SerdeError> {
        self.end()
    }
}
