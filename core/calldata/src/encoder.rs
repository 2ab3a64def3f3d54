//! Writing calldata piece by piece.

use super::{
    DecodeErrorKind, DecodeLimits, EncodeError, EncodeErrorKind as Kind, Int, Value, ValueRef, encode, validate, wire,
    write,
};
use crate::Address;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range;

/// Writes one value without building it: what is inside a container follows its head, and a
/// container ends with the last of the items it announced.
///
/// What it writes is canonical: keys out of order, wrong counts and values beyond the limits are
/// refused, at [`finish`](Self::finish), with the first mistake made.
///
/// ```
/// use subvm_calldata::{Encoder, Value};
///
/// let mut encoder = Encoder::new();
/// encoder.map(2).key("id").int(7).key("tags").array(2).str("a").str("b");
/// let bytes = encoder.finish().unwrap();
/// assert_eq!(Value::decode(&bytes).unwrap().to_string(), r#"{"id":7,"tags":["a","b"]}"#);
/// ```
pub struct Encoder {
    out: Vec<u8>,
    limits: DecodeLimits,
    level: Level,
    outer: Vec<Level>,
    refused: Option<Kind>,
}

/// The container being written.
struct Level {
    /// Items or entries that have not begun.
    left: usize,
    place: Place,
}

/// What may follow.
enum Place {
    Item,
    /// In a map: a key, above the last, which stands at these bytes of the output.
    Key(Option<Range<usize>>),
    /// In a map: the value of the key at these bytes.
    ValueOf(Range<usize>),
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder of one value, within the default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_limits(DecodeLimits::DEFAULT)
    }

    /// An encoder of one value, within the limits that its decoder will have.
    ///
    /// ```
    /// use subvm_calldata::{DecodeLimits, EncodeErrorKind, Encoder};
    /// let mut encoder = Encoder::with_limits(DecodeLimits { max_int_bits: 64, ..DecodeLimits::DEFAULT });
    /// encoder.int(u128::MAX);
    /// assert_eq!(encoder.finish().unwrap_err().kind, EncodeErrorKind::IntTooLarge);
    /// ```
    #[must_use]
    pub const fn with_limits(limits: DecodeLimits) -> Self {
        let level = Level { left: 1, place: Place::Item };
        Self { out: Vec::new(), limits, level, outer: Vec::new(), refused: None }
    }

    /// Makes room for so many bytes at once, where their number is about known.
    ///
    /// ```
    /// use subvm_calldata::Encoder;
    /// let mut encoder = Encoder::new();
    /// encoder.reserve(40).bytes(&[7; 32]);
    /// assert_eq!(encoder.finish().unwrap().len(), 34);
    /// ```
    pub fn reserve(&mut self, bytes: usize) -> &mut Self {
        self.out.reserve(bytes);
        self
    }

    /// As [`reserve`](Self::reserve), where there may be no room: then nothing has changed.
    ///
    /// # Errors
    /// Where the allocator has no room for `bytes` more.
    ///
    /// ```
    /// use subvm_calldata::Encoder;
    /// let mut encoder = Encoder::new();
    /// assert!(encoder.try_reserve(usize::MAX).is_err());
    /// encoder.null();
    /// assert_eq!(encoder.finish(), Ok(vec![0]));
    /// ```
    pub fn try_reserve(&mut self, bytes: usize) -> Result<(), TryReserveError> {
        self.out.try_reserve_exact(bytes)
    }

    /// The encoding.
    ///
    /// # Errors
    /// The first mistake made.
    pub fn finish(self) -> Result<Vec<u8>, EncodeError> {
        match self.refused {
            Some(kind) => Err(kind.into()),
            None if self.level.left > 0 || !self.outer.is_empty() => Err(Kind::Count.into()),
            None => Ok(self.out),
        }
    }

    /// Writes null.
    ///
    /// ```
    /// use subvm_calldata::{Address, Encoder, Value};
    /// let mut encoder = Encoder::new();
    /// encoder.array(4).null().bool(true).bytes(b"\x01").address(Address([7; 20]));
    /// let value = Value::decode(&encoder.finish().unwrap()).unwrap();
    /// assert_eq!(value, Value::array([Value::Null, true.into(), [1].into(), Address([7; 20]).into()]));
    /// ```
    pub fn null(&mut self) -> &mut Self {
        self.borrowed(ValueRef::Null)
    }

    /// Writes a boolean.
    pub fn bool(&mut self, b: bool) -> &mut Self {
        self.borrowed(ValueRef::Bool(b))
    }

    /// Writes an integer.
    pub fn int(&mut self, int: impl Into<Int>) -> &mut Self {
        self.leaf(|out, limits| encode::put_int(out, &int.into(), limits))
    }

    /// Writes an address.
    pub fn address(&mut self, address: Address) -> &mut Self {
        self.borrowed(ValueRef::Address(address))
    }

    /// Writes bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.borrowed(ValueRef::Bytes(bytes))
    }

    /// Writes a string.
    pub fn str(&mut self, text: &str) -> &mut Self {
        self.borrowed(ValueRef::Str(text))
    }

    /// Begins an array of `len` items, each to be written next.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.open(wire::ARRAY, Level { left: len, place: Place::Item })
    }

    /// Begins a map of `len` entries, each to be written next: [`key`](Self::key), then the value.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.open(wire::MAP, Level { left: len, place: Place::Key(None) })
    }

    /// Writes the key of the value that follows.
    pub fn key(&mut self, key: &str) -> &mut Self {
        if let Err(error) = self.try_key(key) {
            self.refuse(error.kind);
        }
        self
    }

    /// Writes a whole value.
    pub fn value(&mut self, value: &Value) -> &mut Self {
        self.leaf(|out, limits| encode::put(value, limits, out))
    }

    /// Writes a value that is encoded already.
    ///
    /// # Cost
    /// Validates the bytes.
    ///
    /// ```
    /// use subvm_calldata::{Encoder, Value};
    /// let inner = Value::array([1, 2]).encode().unwrap();
    /// let mut encoder = Encoder::new();
    /// encoder.map(1).key("ok").encoded(&inner);
    /// assert_eq!(Value::decode(&encoder.finish().unwrap()).unwrap()["ok"], Value::array([1, 2]));
    /// ```
    pub fn encoded(&mut self, bytes: &[u8]) -> &mut Self {
        self.leaf(|out, limits| {
            validate(bytes, limits).map_err(|error| match error.kind {
                DecodeErrorKind::TooDeep => Kind::TooDeep,
                DecodeErrorKind::IntTooLarge => Kind::IntTooLarge,
                _ => Kind::NotEncoded,
            })?;
            out.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn borrowed(&mut self, value: ValueRef<'_>) -> &mut Self {
        self.leaf(|out, _| {
            value.encode_into(out);
            Ok(())
        })
    }

    /// Writes a whole value by `put`, which is told the limits that are left for it.
    fn leaf(&mut self, put: impl FnOnce(&mut Vec<u8>, &DecodeLimits) -> Result<(), EncodeError>) -> &mut Self {
        let entered = u32::try_from(self.outer.len()).unwrap_or(u32::MAX);
        let max_depth = self.limits.max_depth.saturating_sub(entered);
        let limits = DecodeLimits { max_depth, ..self.limits };
        if self.begin_value() {
            match put(&mut self.out, &limits) {
                Ok(()) => self.leave_full(),
                Err(error) => self.refuse(error.kind),
            }
        }
        self
    }

    fn open(&mut self, kind: u8, inner: Level) -> &mut Self {
        if !self.begin_value() {
            return self;
        }
        if self.outer.len() >= self.limits.max_depth as usize {
            self.refuse(Kind::TooDeep);
            return self;
        }
        write::put_head(&mut self.out, kind, inner.left);
        self.outer.push(core::mem::replace(&mut self.level, inner));
        self.leave_full();
        self
    }

    /// Whether a value may stand here. Then it is counted.
    fn begin_value(&mut self) -> bool {
        let refusal = match &self.level.place {
            _ if self.refused.is_some() => return false,
            Place::Item if self.level.left == 0 => Kind::Count,
            Place::Key(_) => Kind::KeyExpected,
            Place::Item => {
                self.level.left -= 1;
                return true;
            }
            Place::ValueOf(key) => {
                self.level.left -= 1;
                self.level.place = Place::Key(Some(key.clone()));
                return true;
            }
        };
        self.refuse(refusal);
        false
    }

    fn try_key(&mut self, key: &str) -> Result<(), EncodeError> {
        let Place::Key(last) = &self.level.place else {
            return Err(Kind::KeyExpected.into());
        };
        let last = last.as_ref().and_then(|last| self.out.get(last.clone()));
        match last.map(|last| key.as_bytes().cmp(last)) {
            Some(Ordering::Less) => return Err(Kind::KeyOrder.into()),
            Some(Ordering::Equal) => return Err(Kind::DuplicateKey.into()),
            Some(Ordering::Greater) | None => {}
        }
        write::put_key(&mut self.out, key.as_bytes());
        let end = self.out.len();
        self.level.place = Place::ValueOf(end - key.len()..end);
        Ok(())
    }

    /// Leaves the containers that have got all they announced.
    fn leave_full(&mut self) {
        while self.level.left == 0 {
            let Some(parent) = self.outer.pop() else { break };
            self.level = parent;
        }
    }

    fn refuse(&mut self, kind: Kind) {
        self.refused.get_or_insert(kind);
    }
}
