//! A walk over bytes that builds nothing.

use super::raw_key::RawKey;
use super::read::{Head, Reader};
use super::{DecodeError, DecodeLimits};
use alloc::vec::Vec;

/// Says whether [`Value::decode_with`](super::Value::decode_with) would succeed, and with which
/// error not.
///
/// # Errors
/// See [`DecodeErrorKind`](super::DecodeErrorKind).
///
/// # Cost
/// Linear in the input. Memory: 40 bytes for each container around the byte being read.
///
/// ```
/// use subvm_calldata::{DecodeLimits, validate};
///
/// assert!(validate(b"\x0e\x01a\x09", &DecodeLimits::DEFAULT).is_ok());
/// let error = validate(b"\x0e\x01a\x0f", &DecodeLimits::DEFAULT).unwrap_err();
/// assert_eq!((error.kind.code(), error.offset), ("reserved_type", 3));
/// ```
pub fn validate(bytes: &[u8], limits: &DecodeLimits) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes, limits);
    let head = reader.head()?;
    skip_content(&mut reader, head)?;
    reader.end()
}

/// How many values and keys there are in an encoding: itself, and what is inside of it.
///
/// # Errors
/// As [`validate`] within the default limits.
///
/// ```
/// use subvm_calldata::{Map, Value, count};
/// let map = Value::Map(Map::from([("a", vec![Value::Null, true.into()])]));
/// assert_eq!(count(&map.encode()?), Ok(5));
/// # Ok::<(), subvm_calldata::EncodeError>(())
/// ```
pub fn count(bytes: &[u8]) -> Result<u64, DecodeError> {
    let mut reader = Reader::new(bytes, &DecodeLimits::DEFAULT);
    let head = reader.head()?;
    let inside = skip_content(&mut reader, head)?;
    reader.end()?;
    Ok(1 + inside)
}

/// Reads what is inside a container whose head has been read; nothing for other heads. Gives how many values and keys that was.
pub(super) fn skip_content<'a>(reader: &mut Reader<'a>, head: Head<'a>) -> Result<u64, DecodeError> {
    let Some(mut level) = Level::inside(head) else {
        return Ok(0);
    };
    let mut outer = Vec::new();
    let mut count = level.values();
    loop {
        if let Some(inner) = level.advance(reader)? {
            // No more than there are bytes.
            count += inner.values();
            outer.push(core::mem::replace(&mut level, inner));
            continue;
        }
        reader.close();
        match outer.pop() {
            Some(parent) => level = parent,
            None => return Ok(count),
        }
    }
}

/// Reads one value, of which it gives the bytes.
#[cfg(feature = "serde")]
pub(super) fn encoding<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let start = reader.at();
    let head = reader.head()?;
    skip_content(reader, head)?;
    Ok(reader.since(start))
}

/// What is still to come of a container.
enum Level<'a> {
    Items(usize),
    /// With the key before.
    Entries(usize, Option<RawKey<'a>>),
}

impl<'a> Level<'a> {
    /// Values and keys that are still to come.
    const fn values(&self) -> u64 {
        match self {
            Self::Items(left) => *left as u64,
            Self::Entries(left, _) => 2 * *left as u64,
        }
    }

    /// Reads up to the end of this container, or up to the first container in it.
    #[inline]
    fn advance(&mut self, reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        let mut own = reader.clone();
        let mut inner = None;
        match self {
            Self::Items(left) => {
                while *left > 0 && inner.is_none() {
                    *left -= 1;
                    inner = Self::inside(own.head()?);
                }
            }
            Self::Entries(left, last) => {
                while *left > 0 && inner.is_none() {
                    *left -= 1;
                    *last = Some(own.raw_key(*last)?);
                    inner = Self::inside(own.head()?);
                }
            }
        }
        *reader = own;
        Ok(inner)
    }

    #[inline]
    const fn inside(head: Head<'a>) -> Option<Self> {
        match head {
            Head::Array(len) => Some(Self::Items(len)),
            Head::Map(len) => Some(Self::Entries(len, None)),
            _ => None,
        }
    }
}
