//! The borrowed value: a view of bytes that have been validated.

use super::decode::{self, Container};
use super::read::{Head, Reader};
use super::{DecodeError, DecodeLimits, Int, IntRef, Value, validate, wire, write};
use crate::Address;
use alloc::vec::Vec;

/// A calldata value that borrows from the bytes it was decoded from: nothing is copied and
/// nothing built, so that decoding is validating. Arrays and maps are read when they are gone
/// through.
///
/// # Cost
/// Finding an entry or an item skips the ones before it, with all that is in them. Going through
/// all of a value by nested iteration is linear for each level of depth: for everything at once, or
/// for many look-ups in a large map, use [`to_owned`](Self::to_owned).
///
/// ```
/// use subvm_calldata::{Map, Value, ValueRef};
///
/// let bytes = Value::from(Map::from([("n", Value::from(5)), ("to", Value::from("eve"))])).encode().unwrap();
/// let value = ValueRef::decode(&bytes).unwrap();
/// assert_eq!(value.get("n").and_then(|n| n.as_int()), Some(5.into()));
/// for (key, value) in value.as_map().unwrap().iter() {
///     println!("{key}: {value}");
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer of any size.
    Int(IntRef<'a>),
    /// An account or a contract.
    Address(Address),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Text.
    Str(&'a str),
    /// Values in order.
    Array(ArrayRef<'a>),
    /// Values by key.
    Map(MapRef<'a>),
}

/// A borrowed array.
///
/// ```
/// use subvm_calldata::{Value, ValueRef};
///
/// let bytes = Value::array([1, 2, 3]).encode().unwrap();
/// let array = ValueRef::decode(&bytes).unwrap().as_array().unwrap();
/// assert_eq!((array.len(), array.is_empty()), (3, false));
/// assert_eq!(array.get(2).and_then(ValueRef::as_int), Some(3.into()));
/// assert_eq!(array.iter().filter_map(ValueRef::as_int).max(), Some(3.into()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ArrayRef<'a> {
    len: usize,
    /// The encodings of the items, validated.
    content: &'a [u8],
}

/// A borrowed map.
///
/// ```
/// use subvm_calldata::{Map, Value, ValueRef};
///
/// let bytes = Value::from(Map::from([("fee", 1), ("value", 2)])).encode().unwrap();
/// let map = ValueRef::decode(&bytes).unwrap().as_map().unwrap();
/// assert_eq!((map.len(), map.is_empty()), (2, false));
/// assert_eq!(map.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["fee", "value"]);
/// assert_eq!(map.get("fee").and_then(ValueRef::as_int), Some(1.into()));
/// // To hand a field on as it came.
/// assert_eq!(map.get_encoded("value"), Some(&[0x11][..]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MapRef<'a> {
    len: usize,
    /// The encodings of the entries, validated.
    content: &'a [u8],
}

impl<'a> ValueRef<'a> {
    /// The value whose encoding `bytes` is, within the default limits.
    ///
    /// # Errors
    /// See [`DecodeErrorKind`](super::DecodeErrorKind).
    ///
    /// # Cost
    /// As [`validate`](super::validate).
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode_with(bytes, &DecodeLimits::DEFAULT)
    }

    /// The value whose encoding `bytes` is, within `limits`.
    ///
    /// # Errors
    /// See [`DecodeErrorKind`](super::DecodeErrorKind).
    ///
    /// ```
    /// use subvm_calldata::{DecodeErrorKind, DecodeLimits, ValueRef};
    /// let flat = DecodeLimits { max_depth: 1, ..DecodeLimits::DEFAULT };
    /// let nested = [0x0d, 0x05]; // [[]]
    /// assert_eq!(ValueRef::decode_with(&nested, &flat).unwrap_err().kind, DecodeErrorKind::TooDeep);
    /// ```
    pub fn decode_with(bytes: &'a [u8], limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, limits);
        let value = Self::read(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let head = reader.head()?;
        let content = content(reader, head)?;
        Ok(Self::of(head, content))
    }

    /// The value of a head, and of what is inside where it opens a container.
    #[inline]
    pub(super) const fn of(head: Head<'a>, content: &'a [u8]) -> Self {
        match head {
            Head::Null => Self::Null,
            Head::Bool(b) => Self::Bool(b),
            Head::Int(int) => Self::Int(int),
            Head::Address(bytes) => Self::Address(Address(*bytes)),
            Head::Bytes(bytes) => Self::Bytes(bytes),
            Head::Str(text) => Self::Str(text),
            Head::Array(len) => Self::Array(ArrayRef { len, content }),
            Head::Map(len) => Self::Map(MapRef { len, content }),
        }
    }

    /// A value of its own.
    ///
    /// # Cost
    /// As [`Value::decode`].
    #[must_use]
    pub fn to_owned(self) -> Value {
        let (content, container) = match self {
            Self::Null => return Value::Null,
            Self::Bool(b) => return b.into(),
            Self::Int(int) => return int.to_int().into(),
            Self::Address(address) => return address.into(),
            Self::Bytes(bytes) => return bytes.into(),
            Self::Str(text) => return text.into(),
            Self::Array(array) => (array.content, Container::Array(array.len)),
            Self::Map(map) => (map.content, Container::Map(map.len)),
        };
        // Validated content is never refused.
        decode::read_content(&mut Reader::trusted(content), container).unwrap_or_default()
    }

    /// Appends the encoding: the very bytes this was decoded from.
    ///
    /// ```
    /// use subvm_calldata::ValueRef;
    /// let (bytes, mut out) = (b"\x0d\x09", Vec::new());
    /// ValueRef::decode(bytes).unwrap().index(0).unwrap().encode_into(&mut out);
    /// assert_eq!(out, b"\x09");
    /// ```
    pub fn encode_into(self, out: &mut Vec<u8>) {
        match self {
            Self::Null => write::put_atom(out, wire::NULL),
            Self::Bool(b) => write::put_atom(out, if b { wire::TRUE } else { wire::FALSE }),
            Self::Int(int) => int.put(out),
            Self::Address(address) => {
                write::put_atom(out, wire::ADDRESS);
                out.extend_from_slice(&address.0);
            }
            Self::Bytes(bytes) => write::put_counted(out, wire::BYTES, bytes),
            Self::Str(text) => write::put_counted(out, wire::STR, text.as_bytes()),
            Self::Array(ArrayRef { len, content }) => {
                write::put_head(out, wire::ARRAY, len);
                out.extend_from_slice(content);
            }
            Self::Map(MapRef { len, content }) => {
                write::put_head(out, wire::MAP, len);
                out.extend_from_slice(content);
            }
        }
    }

    /// The value under `key`, if this is a map that has it.
    #[must_use]
    pub fn get(self, key: &str) -> Option<ValueRef<'a>> {
        self.as_map()?.get(key)
    }

    /// The item at `position`, if this is an array that is long enough.
    #[must_use]
    pub fn index(self, position: usize) -> Option<ValueRef<'a>> {
        self.as_array()?.get(position)
    }

    /// Whether this is null.
    ///
    /// ```
    /// use subvm_calldata::{Address, Value, ValueRef};
    /// let bytes = Value::array([Value::Null, true.into(), b"ab".into(), Address([7; 20]).into()]).encode().unwrap();
    /// let items = ValueRef::decode(&bytes).unwrap().as_array().unwrap();
    /// let [null, truth, bytes, address] = items.iter().collect::<Vec<_>>()[..] else { unreachable!() };
    /// assert!(null.is_null() && truth.as_bool() == Some(true));
    /// assert_eq!((bytes.as_bytes(), bytes.as_str()), (Some(&b"ab"[..]), None));
    /// assert_eq!(address.as_address(), Some(Address([7; 20])));
    /// ```
    #[must_use]
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean, if this is one.
    #[must_use]
    pub const fn as_bool(self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// The integer, if this is one.
    #[must_use]
    pub fn as_int(self) -> Option<Int> {
        match self {
            Self::Int(int) => Some(int.to_int()),
            _ => None,
        }
    }

    /// The address, if this is one.
    #[must_use]
    pub const fn as_address(self) -> Option<Address> {
        match self {
            Self::Address(address) => Some(address),
            _ => None,
        }
    }

    /// The bytes, if these are bytes (a string or an address is not).
    #[must_use]
    pub const fn as_bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if this is a string.
    #[must_use]
    pub const fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The array, if this is one.
    #[must_use]
    pub const fn as_array(self) -> Option<ArrayRef<'a>> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The map, if this is one.
    #[must_use]
    pub const fn as_map(self) -> Option<MapRef<'a>> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }
}

fn content<'a>(reader: &mut Reader<'a>, head: Head<'a>) -> Result<&'a [u8], DecodeError> {
    let start = reader.at();
    validate::skip_content(reader, head)?;
    Ok(reader.since(start))
}

impl<'a> ArrayRef<'a> {
    /// The number of items.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether there is no item.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The encodings of the items.
    pub(super) const fn content(self) -> &'a [u8] {
        self.content
    }

    /// The items.
    #[must_use]
    pub const fn iter(self) -> Items<'a> {
        Items { left: self.len, reader: Reader::trusted(self.content) }
    }

    /// The item at `position`.
    ///
    /// # Cost
    /// Linear in what is before it.
    #[must_use]
    pub fn get(self, position: usize) -> Option<ValueRef<'a>> {
        self.iter().nth(position)
    }
}

impl<'a> MapRef<'a> {
    /// The number of entries.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The encodings of the entries.
    pub(super) const fn content(self) -> &'a [u8] {
        self.content
    }

    /// The entries, ascending by key.
    #[must_use]
    pub const fn iter(self) -> Entries<'a> {
        Entries { left: self.len, reader: Reader::trusted(self.content) }
    }

    /// The value under `key`.
    ///
    /// # Cost
    /// Linear in what is before it.
    #[must_use]
    pub fn get(self, key: &str) -> Option<ValueRef<'a>> {
        self.iter().find(|(each, _)| *each >= key).filter(|(each, _)| *each == key).map(|(_, value)| value)
    }

    /// The encoding of the value under `key`.
    ///
    /// # Cost
    /// Linear in what is before it, and in it.
    #[must_use]
    pub fn get_encoded(self, key: &str) -> Option<&'a [u8]> {
        let mut entries = self.iter();
        loop {
            let (each, start) = entries.next_key()?;
            entries.next_value()?;
            if each >= key {
                return (each == key).then(|| entries.reader.since(start));
            }
        }
    }
}

/// Iterator of [`ArrayRef::iter`].
///
/// ```
/// use subvm_calldata::{Value, ValueRef};
/// let bytes = Value::array([1, 2]).encode().unwrap();
/// let mut items = ValueRef::decode(&bytes).unwrap().as_array().unwrap().iter();
/// assert_eq!(items.len(), 2);
/// assert_eq!(items.next().map(ValueRef::to_owned), Some(Value::from(1)));
/// ```
#[derive(Clone)]
pub struct Items<'a> {
    left: usize,
    reader: Reader<'a>,
}

impl<'a> Iterator for Items<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        self.left = self.left.checked_sub(1)?;
        ValueRef::read(&mut self.reader).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// Iterator of [`MapRef::iter`].
///
/// ```
/// use subvm_calldata::{Map, Value, ValueRef};
/// let bytes = Value::from(Map::from([("b", 2), ("a", 1)])).encode().unwrap();
/// let mut entries = ValueRef::decode(&bytes).unwrap().as_map().unwrap().iter();
/// assert_eq!(entries.len(), 2);
/// assert_eq!(entries.next().map(|(key, value)| (key, value.to_owned())), Some(("a", Value::from(1))));
/// ```
#[derive(Clone)]
pub struct Entries<'a> {
    left: usize,
    reader: Reader<'a>,
}

impl<'a> Entries<'a> {
    /// A key, and where its value starts.
    fn next_key(&mut self) -> Option<(&'a str, usize)> {
        self.left = self.left.checked_sub(1)?;
        let key = self.reader.key(None).ok()?;
        Some((key, self.reader.at()))
    }

    fn next_value(&mut self) -> Option<ValueRef<'a>> {
        ValueRef::read(&mut self.reader).ok()
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, _) = self.next_key()?;
        Some((key, self.next_value()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Entries<'_> {}

impl<'a> IntoIterator for ArrayRef<'a> {
    type Item = ValueRef<'a>;
    type IntoIter = Items<'a>;

    fn into_iter(self) -> Items<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for MapRef<'a> {
    type Item = (&'a str, ValueRef<'a>);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}
