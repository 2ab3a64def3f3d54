//! From a value to bytes.

use super::out::{Out, Window};
use super::walk::{Event, Level, Walk};
use super::{DecodeLimits, EncodeError, EncodeErrorKind as Kind, Int, Value, wire, write};
use alloc::vec::Vec;

impl Value {
    /// The encoding, within the default limits.
    ///
    /// # Errors
    /// `TooDeep` and `IntTooLarge`: exactly what [`decode`](Self::decode) would refuse.
    ///
    /// # Cost
    /// Linear in the encoding. Allocates an encoding of up to 470 bytes at once, a larger one as a vector grows.
    ///
    /// ```
    /// use subvm_calldata::{Map, Value};
    ///
    /// let value = Value::from(Map::from([("a", 1)]));
    /// assert_eq!(value.encode().unwrap(), [0x0e, 0x01, 0x61, 0x09]);
    /// ```
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        self.encode_with(&DecodeLimits::DEFAULT)
    }

    /// The encoding, within the limits that its decoder will have.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    ///
    /// ```
    /// use subvm_calldata::{DecodeLimits, EncodeErrorKind, Value};
    /// let flat = DecodeLimits { max_depth: 1, ..DecodeLimits::DEFAULT };
    /// assert_eq!(Value::array([1]).encode_with(&flat), Ok(vec![0x0d, 0x09]));
    /// assert_eq!(Value::array([Value::array([1])]).encode_with(&flat).unwrap_err().kind, EncodeErrorKind::TooDeep);
    /// ```
    pub fn encode_with(&self, limits: &DecodeLimits) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        put(self, limits, &mut out)?;
        Ok(out)
    }

    /// Appends the encoding, within the default limits.
    ///
    /// # Errors
    /// As [`encode`](Self::encode). Then `out` is as it was.
    ///
    /// ```
    /// use subvm_calldata::Value;
    /// let mut code_and_data = vec![0];
    /// Value::from(1).encode_into(&mut code_and_data).unwrap();
    /// assert_eq!(code_and_data, [0, 0x09]);
    /// ```
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = out.len();
        put(self, &DecodeLimits::DEFAULT, out).inspect_err(|_| out.truncate(before))
    }
}

/// Appends the encoding of `value`, or the start of it and an error.
pub(super) fn put(value: &Value, limits: &DecodeLimits, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut out = Window::new(out);
    let mut walk = Walk::of(value);
    loop {
        match put_to_container(&mut walk.level, limits, &mut out)? {
            Some(container) => {
                match walk.enter(container) {
                    Event::Array(len) => write::put_head(&mut out, wire::ARRAY, len),
                    Event::Map(len) => write::put_head(&mut out, wire::MAP, len),
                    Event::Leaf(_) | Event::Key(_) | Event::Close => {}
                }
                if walk.depth() > limits.max_depth as usize {
                    return Err(Kind::TooDeep.into());
                }
            }
            None if walk.leave() => {}
            None => break,
        }
    }
    out.vector();
    Ok(())
}

/// Writes up to the end of a container, or up to the first container in it. This is where the time goes:
/// the place is kept apart from `level` so that it is in a register.
#[inline(always)]
fn put_to_container<'v>(
    level: &mut Level<'v>,
    limits: &DecodeLimits,
    out: &mut impl Out,
) -> Result<Option<&'v Value>, EncodeError> {
    match level {
        Level::Items(items) => {
            let mut rest = items.clone();
            while let Some(item) = rest.next() {
                if matches!(item, Value::Array(_) | Value::Map(_)) {
                    *items = rest;
                    return Ok(Some(item));
                }
                put_leaf(item, limits, out)?;
            }
        }
        Level::Entries(_, entries) => {
            let mut rest = entries.clone();
            while let Some((key, value)) = rest.next() {
                key.put(out);
                if matches!(value, Value::Array(_) | Value::Map(_)) {
                    *entries = rest;
                    return Ok(Some(value));
                }
                put_leaf(value, limits, out)?;
            }
        }
    }
    Ok(None)
}

#[inline(always)]
fn put_leaf(leaf: &Value, limits: &DecodeLimits, out: &mut impl Out) -> Result<(), EncodeError> {
    match leaf {
        Value::Int(int) => put_int(out, int, limits)?,
        Value::Str(text) => write::put_counted(out, wire::STR, text.as_bytes()),
        Value::Bytes(bytes) => write::put_counted(out, wire::BYTES, bytes),
        Value::Bool(b) => write::put_atom(out, if *b { wire::TRUE } else { wire::FALSE }),
        Value::Address(address) => {
            write::put_atom(out, wire::ADDRESS);
            out.put_first(&address.0, address.0.len());
        }
        Value::Null | Value::Array(_) | Value::Map(_) => write::put_atom(out, wire::NULL),
    }
    Ok(())
}

#[inline(always)]
pub(super) fn put_int(out: &mut impl Out, int: &Int, limits: &DecodeLimits) -> Result<(), EncodeError> {
    if int.put(out, limits.max_int_bits) { Ok(()) } else { Err(Kind::IntTooLarge.into()) }
}
