//! From bytes to an owned value.

use super::build::Open;
use super::key::Key;
use super::raw_key::RawKey;
use super::read::{Head, Reader};
use super::{DecodeError, DecodeLimits, Int, Value};
use alloc::vec::Vec;
use core::iter;
use core::ops::ControlFlow;

impl Value {
    /// The value whose encoding `bytes` is, within the default limits.
    ///
    /// # Errors
    /// See [`DecodeErrorKind`](super::DecodeErrorKind).
    ///
    /// # Cost
    /// Linear in the input, in time and memory: at most 40 bytes for each byte of the input, and some hundred
    /// for each container around the one being read.
    ///
    /// ```
    /// use subvm_calldata::{DecodeErrorKind, Value};
    ///
    /// assert_eq!(Value::decode(&[0x09]), Ok(Value::from(1)));
    /// let error = Value::decode(&[0x09, 0x00]).unwrap_err();
    /// assert_eq!((error.kind, error.offset), (DecodeErrorKind::TrailingBytes, 1));
    /// ```
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with(bytes, &DecodeLimits::DEFAULT)
    }

    /// The value whose encoding `bytes` is, within `limits`.
    ///
    /// # Errors
    /// See [`DecodeErrorKind`](super::DecodeErrorKind).
    ///
    /// # Cost
    /// As [`decode`](Self::decode), whatever the limits.
    ///
    /// ```
    /// use subvm_calldata::{DecodeErrorKind, DecodeLimits, Value};
    /// let small = DecodeLimits { max_int_bits: 64, ..DecodeLimits::DEFAULT };
    /// let bytes = Value::from(u128::MAX).encode().unwrap();
    /// assert_eq!(Value::decode_with(&bytes, &small).unwrap_err().kind, DecodeErrorKind::IntTooLarge);
    /// ```
    pub fn decode_with(bytes: &[u8], limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, limits);
        let value = read(&mut reader)?;
        reader.end()?;
        Ok(value)
    }
}

/// Why [`decode_while`] gives no value.
///
/// ```
/// use subvm_calldata::{Undecoded, decode_while};
/// assert_eq!(decode_while(b"\x0f", &mut || true), Err(Undecoded::Malformed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecoded {
    /// The bytes are no encoding.
    Malformed,
    /// Whoever was asked wanted no more.
    Stopped,
}

impl From<DecodeError> for Undecoded {
    fn from(_: DecodeError) -> Self {
        Self::Malformed
    }
}

/// Items or entries, and containers, between two questions whether to go on: some 100 us of work.
const PAUSE: usize = 4096;

/// As [`Value::decode`], and asks now and then whether to `go_on`: what a guest sends may take a second.
///
/// # Errors
/// [`Undecoded`]: what is wrong with the bytes is not told.
///
/// # Cost
/// As [`Value::decode`], and a call of `go_on` for each 4,096 items.
///
/// ```
/// use subvm_calldata::{Undecoded, Value, decode_while};
/// let long = Value::from(vec![Value::Null; 5_000]).encode()?;
/// assert!(decode_while(&long, &mut || true).is_ok());
/// assert_eq!(decode_while(&long, &mut || false), Err(Undecoded::Stopped));
/// # Ok::<(), subvm_calldata::EncodeError>(())
/// ```
pub fn decode_while(bytes: &[u8], go_on: &mut dyn FnMut() -> bool) -> Result<Value, Undecoded> {
    let mut reader = Reader::new(bytes, &DecodeLimits::DEFAULT);
    let mut value = Value::Null;
    if let Some(container) = put_scalar(reader.head()?, &mut value) {
        value = match read_while(&mut reader, container, go_on)? {
            ControlFlow::Continue(value) => value,
            ControlFlow::Break(()) => return Err(Undecoded::Stopped),
        };
    }
    reader.end()?;
    Ok(value)
}

/// Reads one value.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let mut value = Value::Null;
    match put_scalar(reader.head()?, &mut value) {
        None => Ok(value),
        Some(container) => read_content(reader, container),
    }
}

/// Reads what is inside a container whose head has been read.
pub(super) fn read_content(reader: &mut Reader<'_>, container: Container) -> Result<Value, DecodeError> {
    match read_while(reader, container, &mut || true)? {
        ControlFlow::Continue(value) => Ok(value),
        // Nobody said so.
        ControlFlow::Break(()) => Ok(Value::Null),
    }
}

/// Reads what is inside a container whose head has been read, as long as it is to go on.
fn read_while(
    reader: &mut Reader<'_>,
    container: Container,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<ControlFlow<(), Value>, DecodeError> {
    let mut level = Level::new(container, reader, 0);
    let mut outer: Vec<Level<'_>> = Vec::new();
    let mut containers = 0usize;
    loop {
        let inner = level.fill(reader)?;
        let paused = inner.is_none() && level.left > 0;
        containers += 1;
        if (paused || containers.is_multiple_of(PAUSE)) && !go_on() {
            return Ok(ControlFlow::Break(()));
        }
        if let Some(container) = inner {
            let inner = Level::new(container, reader, level.owed());
            outer.push(core::mem::replace(&mut level, inner));
            continue;
        }
        if paused {
            continue;
        }
        reader.close();
        let value = level.open.close();
        let Some(parent) = outer.pop() else {
            return Ok(ControlFlow::Continue(value));
        };
        level = parent;
        level.open.add(value);
    }
}

/// A container of so many items.
pub(super) enum Container {
    Array(usize),
    Map(usize),
}

/// Takes a value, by what it is made of and how: it is put together where it shall be.
///
/// A value that is pushed to a vector is put together on the stack, because it must be dropped if the vector fails to
/// grow, and copying it from there takes longer than all the rest.
trait Place {
    fn put<T: Copy>(&mut self, parts: T, make: impl Fn(T) -> Value);
}

impl Place for Value {
    #[inline(always)]
    fn put<T: Copy>(&mut self, parts: T, make: impl Fn(T) -> Value) {
        *self = make(parts);
    }
}

impl Place for Vec<Value> {
    #[inline(always)]
    fn put<T: Copy>(&mut self, parts: T, make: impl Fn(T) -> Value) {
        self.extend(iter::once(parts).map(make));
    }
}

/// The key is to be set.
impl Place for Vec<(Key, Value)> {
    #[inline(always)]
    fn put<T: Copy>(&mut self, parts: T, make: impl Fn(T) -> Value) {
        self.extend(iter::once(parts).map(|parts| (Key::default(), make(parts))));
    }
}

/// Puts a value that is no container to its place.
#[inline(always)]
fn put_scalar(head: Head<'_>, place: &mut impl Place) -> Option<Container> {
    match head {
        Head::Int(int) => place.put(int, |int| int.with_int(Value::Int)),
        Head::Str(text) => place.put(text, |text| Value::Str(text.into())),
        Head::Bytes(bytes) => place.put(bytes, |bytes| Value::Bytes(bytes.into())),
        Head::Null => place.put((), |()| Value::Null),
        Head::Bool(b) => place.put(b, Value::Bool),
        Head::Address(bytes) => place.put(bytes, |bytes| Value::Address(crate::Address(*bytes))),
        Head::Array(len) => return Some(Container::Array(len)),
        Head::Map(len) => return Some(Container::Map(len)),
    }
    None
}

#[inline(always)]
fn small(n: i64) -> Value {
    Value::Int(Int::from_i128(n.into()))
}

/// A container that is being read.
struct Level<'a> {
    open: Open,
    /// Items or entries that have not begun.
    left: usize,
    /// In a map, the key of the last entry begun.
    last_key: Option<RawKey<'a>>,
    /// Bytes that must follow for the containers around this one.
    owed: usize,
}

/// The fewest bytes an entry of a map can have: the length of its key and a value.
const ENTRY_BYTES: usize = 2;

impl<'a> Level<'a> {
    /// Reserves room for what has been announced, but for no more than the input can fill after
    /// the `owed` bytes that the containers around this one need. So all reservations together
    /// are linear in the input, however deep they are nested.
    fn new(container: Container, reader: &Reader<'_>, owed: usize) -> Self {
        let spare = reader.left().saturating_sub(owed);
        let (open, left) = match container {
            Container::Array(len) => (Open::Array(Vec::with_capacity(len.min(spare))), len),
            Container::Map(len) => {
                let capacity = len.min(spare / ENTRY_BYTES);
                (Open::Map(Vec::with_capacity(capacity), Key::default()), len)
            }
        };
        Self { open, left, last_key: None, owed }
    }

    /// Bytes that must follow the container inside this one, for this one and those around it.
    const fn owed(&self) -> usize {
        let bytes = match self.open {
            Open::Array(_) => 1,
            Open::Map(..) => ENTRY_BYTES,
        };
        self.owed.saturating_add(self.left.saturating_mul(bytes))
    }

    /// Reads up to the end of this container, up to the first container in it, or as much as is read without a pause.
    #[inline]
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<Option<Container>, DecodeError> {
        let mut own = reader.clone();
        let mut inner = None;
        let until = self.left.saturating_sub(PAUSE);
        match &mut self.open {
            Open::Array(items) => {
                while self.left > until && inner.is_none() {
                    self.left -= 1;
                    match own.small_int() {
                        Some(n) => items.put(n, small),
                        None => inner = put_scalar(own.other_head()?, items),
                    }
                }
            }
            Open::Map(entries, next) => {
                while self.left > until && inner.is_none() {
                    self.left -= 1;
                    let key = own.raw_key(self.last_key)?;
                    self.last_key = Some(key);
                    match own.small_int() {
                        Some(n) => entries.put(n, small),
                        None => inner = put_scalar(own.other_head()?, entries),
                    }
                    match entries.last_mut() {
                        Some((default, _)) if inner.is_none() => default.set(key.bytes),
                        _ => next.set(key.bytes),
                    }
                }
            }
        }
        *reader = own;
        Ok(inner)
    }
}
