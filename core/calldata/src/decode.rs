//! From bytes to an owned value.

use super::build::Open;
use super::key::Key;
use super::raw_key::RawKey;
use super::read::{Head, Reader};
use super::{DecodeError, DecodeLimits, Int, Value};
use alloc::alloc::{Layout, handle_alloc_error};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
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
    /// The allocator gave no room for so many bytes. It says nothing of the input.
    NoRoom(usize),
}

impl From<DecodeError> for Undecoded {
    fn from(_: DecodeError) -> Self {
        Self::Malformed
    }
}

impl From<Unread> for Undecoded {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Wrong(_) => Self::Malformed,
            Unread::NoRoom(bytes) => Self::NoRoom(bytes),
        }
    }
}

/// Why a value is not read.
pub(super) enum Unread {
    Wrong(DecodeError),
    /// For so many bytes.
    NoRoom(usize),
}

impl From<DecodeError> for Unread {
    fn from(error: DecodeError) -> Self {
        Self::Wrong(error)
    }
}

impl Unread {
    /// The error, for who has no other way to say that there is no room than the allocator's.
    fn or_abort(self) -> DecodeError {
        match self {
            Self::Wrong(error) => error,
            Self::NoRoom(bytes) => handle_alloc_error(Layout::array::<u8>(bytes).unwrap_or(Layout::new::<u8>())),
        }
    }
}

/// Items or entries, and containers, between two questions whether to go on: some 100 us of work.
const PAUSE: usize = 4096;

/// As [`Value::decode`], and asks now and then whether to `go_on`: what a guest sends may take a second. Nor does it end the process where there is
/// no memory for what the input asks for: everything of 4 KiB or more is asked for so that it may be refused.
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
    if let Some(container) = put_scalar(reader.head()?, &mut value)? {
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
    match put_scalar(reader.head()?, &mut value).map_err(Unread::or_abort)? {
        None => Ok(value),
        Some(container) => read_content(reader, container),
    }
}

/// Reads what is inside a container whose head has been read.
pub(super) fn read_content(reader: &mut Reader<'_>, container: Container) -> Result<Value, DecodeError> {
    match read_while(reader, container, &mut || true).map_err(Unread::or_abort)? {
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
) -> Result<ControlFlow<(), Value>, Unread> {
    let mut level = Level::new(container, reader, 0)?;
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
            let inner = Level::new(container, reader, level.owed())?;
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

    /// Takes a value that is there: a large one, whose copy is nothing to what is in it.
    #[cold]
    fn take(&mut self, value: Value) {
        let value = Cell::new(value);
        self.put(&value, Cell::take);
    }
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
fn put_scalar(head: Head<'_>, place: &mut impl Place) -> Result<Option<Container>, Unread> {
    match head {
        Head::Str(text) if text.len() >= LARGE => place.take(Value::Str(large(text.as_bytes(), String::from_utf8)?)),
        Head::Bytes(bytes) if bytes.len() >= LARGE => place.take(Value::Bytes(large(bytes, Ok::<_, ()>)?)),
        Head::Int(int) => place.put(int, |int| int.with_int(Value::Int)),
        Head::Str(text) => place.put(text, |text| Value::Str(text.into())),
        Head::Bytes(bytes) => place.put(bytes, |bytes| Value::Bytes(bytes.into())),
        Head::Null => place.put((), |()| Value::Null),
        Head::Bool(b) => place.put(b, Value::Bool),
        Head::Address(bytes) => place.put(bytes, |bytes| Value::Address(crate::Address(*bytes))),
        Head::Array(len) => return Ok(Some(Container::Array(len))),
        Head::Map(len) => return Ok(Some(Container::Map(len))),
    }
    Ok(None)
}

/// From so many bytes on memory is asked for so that it may be refused. What is smaller comes out of what the process has already, nearly always.
const LARGE: usize = 4096;

/// What `make` makes of a copy of `bytes`, which it does not refuse.
#[cold]
fn large<T: Default, E>(bytes: &[u8], make: impl FnOnce(Vec<u8>) -> Result<T, E>) -> Result<T, Unread> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| Unread::NoRoom(bytes.len()))?;
    copy.extend_from_slice(bytes);
    Ok(make(copy).unwrap_or_default())
}

/// A vector with room for `items`, and no more.
#[inline]
fn with_room<T>(items: usize) -> Result<Vec<T>, Unread> {
    if items < LARGE / size_of::<T>().max(1) { Ok(Vec::with_capacity(items)) } else { with_much_room(items) }
}

#[cold]
fn with_much_room<T>(items: usize) -> Result<Vec<T>, Unread> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(items).map_err(|_| no_room::<T>(items))?;
    Ok(vector)
}

#[cold]
fn no_room<T>(items: usize) -> Unread {
    Unread::NoRoom(items.saturating_mul(size_of::<T>()))
}

/// How many of the `left` items are read in one go, into a vector that has room for them: what claims fewer items than the containers around it
/// need can be given more than it was given room for, before that shows. Then there is room for a few more at a time, as where a vector grows by
/// itself: what is claimed may not come.
#[inline]
fn in_one_go<T>(vector: &mut Vec<T>, left: usize) -> Result<usize, Unread> {
    if vector.len() == vector.capacity() && left > 0 {
        vector.try_reserve(1).map_err(|_| no_room::<T>(vector.len() + 1))?;
    }
    Ok(left.min(PAUSE).min(vector.capacity() - vector.len()))
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
    fn new(container: Container, reader: &Reader<'_>, owed: usize) -> Result<Self, Unread> {
        let spare = reader.left().saturating_sub(owed);
        let (open, left) = match container {
            Container::Array(len) => (Open::Array(with_room(len.min(spare))?), len),
            Container::Map(len) => {
                let capacity = len.min(spare / ENTRY_BYTES);
                (Open::Map(with_room(capacity)?, Key::default()), len)
            }
        };
        Ok(Self { open, left, last_key: None, owed })
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
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<Option<Container>, Unread> {
        let mut own = reader.clone();
        let mut inner = None;
        match &mut self.open {
            Open::Array(items) => {
                let until = self.left - in_one_go(items, self.left)?;
                while self.left > until && inner.is_none() {
                    self.left -= 1;
                    match own.small_int() {
                        Some(n) => items.put(n, small),
                        None => inner = put_scalar(own.other_head()?, items)?,
                    }
                }
            }
            Open::Map(entries, next) => {
                let until = self.left - in_one_go(entries, self.left)?;
                while self.left > until && inner.is_none() {
                    self.left -= 1;
                    let key = own.raw_key(self.last_key)?;
                    self.last_key = Some(key);
                    match own.small_int() {
                        Some(n) => entries.put(n, small),
                        None => inner = put_scalar(own.other_head()?, entries)?,
                    }
                    let place = match entries.last_mut() {
                        Some((default, _)) if inner.is_none() => default,
                        _ => &mut *next,
                    };
                    if key.bytes.len() < LARGE {
                        place.set(key.bytes);
                    } else {
                        *place = large(key.bytes, String::from_utf8)?.into();
                    }
                }
            }
        }
        *reader = own;
        Ok(inner)
    }
}
