//! From octets to an owned value.

use super::build::Open;
use super::key::Key;
use super::read::{Head, Reader};
use super::{DecodeError, DecodeLimits, Int, Value};
use alloc::vec::Vec;

impl Value {
    /// The value whose encoding `octets` is, within the default limits.
    ///
    /// # Errors
    /// See [`DecodeErrorKind`](super::DecodeErrorKind).
    ///
    /// # Cost
    /// Linear in the input, in time and memory: at most 40 octets for each octet of the input.
    ///
    /// ```
    /// use subvm_core::calldata::{DecodeErrorKind, Value};
    ///
    /// assert_eq!(Value::decode(&[0x09]), Ok(Value::from(1)));
    /// let error = Value::decode(&[0x09, 0x00]).unwrap_err();
    /// assert_eq!((error.kind, error.offset), (DecodeErrorKind::TrailingOctets, 1));
    /// ```
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with(octets, &DecodeLimits::DEFAULT)
    }

    /// The value whose encoding `octets` is, within `limits`.
    ///
    /// # Errors
    /// See [`DecodeErrorKind`](super::DecodeErrorKind).
    ///
    /// # Cost
    /// As [`decode`](Self::decode), whatever the limits.
    pub fn decode_with(octets: &[u8], limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets, limits);
        let value = read(&mut reader)?;
        reader.end()?;
        Ok(value)
    }
}

/// Reads one value.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let mut value = Value::Null;
    match scalar(reader.head()?, |scalar| value = scalar) {
        None => Ok(value),
        Some(container) => read_content(reader, container),
    }
}

/// Reads what is inside a container whose head has been read.
pub(super) fn read_content(reader: &mut Reader<'_>, container: Container) -> Result<Value, DecodeError> {
    let mut owed = 0;
    let mut level = Level::new(container, reader, owed);
    let mut outer: Vec<Level<'_>> = Vec::new();
    loop {
        if let Some(container) = level.fill(reader)? {
            owed += level.owed();
            let inner = Level::new(container, reader, owed);
            outer.push(core::mem::replace(&mut level, inner));
            continue;
        }
        reader.close();
        let value = level.open.close();
        let Some(parent) = outer.pop() else {
            return Ok(value);
        };
        level = parent;
        owed -= level.owed();
        level.open.add(value);
    }
}

/// A container of so many items.
pub(super) enum Container {
    Array(usize),
    Map(usize),
}

/// Gives a value that is no container to `put`. Each kind is given by itself, so that it is written
/// to where it shall be without a detour.
#[inline(always)]
fn scalar(head: Head<'_>, put: impl FnOnce(Value)) -> Option<Container> {
    match head {
        Head::Int(int) => int.with_int(|int| put(Value::Int(int))),
        Head::Str(text) => put(Value::Str(text.into())),
        Head::Bytes(bytes) => put(Value::Bytes(bytes.into())),
        Head::Null => put(Value::Null),
        Head::Bool(b) => put(Value::Bool(b)),
        Head::Address(octets) => put(Value::Address(crate::Address(*octets))),
        Head::Array(len) => return Some(Container::Array(len)),
        Head::Map(len) => return Some(Container::Map(len)),
    }
    None
}

/// A container that is being read.
struct Level<'a> {
    open: Open,
    /// Items or entries that have not begun.
    left: usize,
    /// In a map, the key of the last entry begun.
    last_key: Option<&'a [u8]>,
}

/// The fewest octets an entry of a map can have: the length of its key and a value.
const ENTRY_OCTETS: usize = 2;

impl<'a> Level<'a> {
    /// Reserves room for what has been announced, but for no more than the input can fill after
    /// the `owed` octets that the containers around this one need. So all reservations together
    /// are linear in the input, however deep they are nested.
    fn new(container: Container, reader: &Reader<'_>, owed: usize) -> Self {
        let spare = reader.left().saturating_sub(owed);
        let (open, left) = match container {
            Container::Array(len) => (Open::Array(Vec::with_capacity(len.min(spare))), len),
            Container::Map(len) => {
                let capacity = len.min(spare / ENTRY_OCTETS);
                (Open::Map(Vec::with_capacity(capacity), Key::default()), len)
            }
        };
        Self { open, left, last_key: None }
    }

    /// Octets that must follow the container inside this one.
    const fn owed(&self) -> usize {
        match self.open {
            Open::Array(_) => self.left,
            Open::Map(..) => self.left.saturating_mul(ENTRY_OCTETS),
        }
    }

    /// Reads up to the end of this container, or up to the first container in it.
    #[inline]
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<Option<Container>, DecodeError> {
        match &mut self.open {
            Open::Array(items) => {
                while self.left > 0 {
                    self.left -= 1;
                    if let Some(n) = reader.small_int() {
                        items.push(small(n));
                    } else if let Some(container) = scalar(reader.other_head()?, |value| items.push(value)) {
                        return Ok(Some(container));
                    }
                }
            }
            Open::Map(entries, next) => {
                while self.left > 0 {
                    self.left -= 1;
                    let key = reader.key_octets(self.last_key)?;
                    self.last_key = Some(key);
                    let mut push = |value| entries.push((Key::default(), value));
                    if let Some(n) = reader.small_int() {
                        push(small(n));
                    } else if let Some(container) = scalar(reader.other_head()?, push) {
                        next.set(key);
                        return Ok(Some(container));
                    }
                    if let Some((default, _)) = entries.last_mut() {
                        default.set(key);
                    }
                }
            }
        }
        Ok(None)
    }
}

#[inline(always)]
fn small(n: i64) -> Value {
    Value::Int(Int::from_i128(n.into()))
}
