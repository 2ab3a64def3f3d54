//! From a value to octets.

use super::walk::{Event, Walk};
use super::{DecodeLimits, EncodeError, EncodeErrorKind as Kind, Int, Value, wire};
use alloc::vec::Vec;

impl Value {
    /// The encoding, within the default limits.
    ///
    /// # Errors
    /// `TooDeep` and `IntTooLarge`: exactly what [`decode`](Self::decode) would refuse.
    ///
    /// # Cost
    /// Linear in the encoding.
    ///
    /// ```
    /// use subvm_core::calldata::{Map, Value};
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
    pub fn encode_with(&self, limits: &DecodeLimits) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        put(self, limits, &mut out)?;
        Ok(out)
    }

    /// Appends the encoding, within the default limits.
    ///
    /// # Errors
    /// As [`encode`](Self::encode). Then `out` is as it was.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = out.len();
        put(self, &DecodeLimits::DEFAULT, out).inspect_err(|_| out.truncate(before))
    }
}

/// Appends the encoding of `value`, or the start of it and an error.
pub(super) fn put(value: &Value, limits: &DecodeLimits, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    Walk::of(value).try_each(|event, depth| {
        match event {
            Event::Leaf(leaf) => put_leaf(leaf, limits, out)?,
            Event::Key(key) => put_key(out, key.as_bytes()),
            Event::Close => {}
            Event::Array(_) | Event::Map(_) if depth > limits.max_depth as usize => return Err(Kind::TooDeep.into()),
            Event::Array(len) => wire::put_head(out, wire::ARRAY, len),
            Event::Map(len) => wire::put_head(out, wire::MAP, len),
        }
        Ok(())
    })
}

#[inline]
fn put_leaf(leaf: &Value, limits: &DecodeLimits, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match leaf {
        Value::Int(int) => put_int(out, int, limits)?,
        Value::Str(text) => put_counted(out, wire::STR, text.as_bytes()),
        Value::Bytes(bytes) => put_counted(out, wire::BYTES, bytes),
        Value::Bool(b) => wire::put_atom(out, if *b { wire::TRUE } else { wire::FALSE }),
        Value::Address(address) => {
            wire::put_atom(out, wire::ADDRESS);
            out.extend_from_slice(&address.0);
        }
        Value::Null | Value::Array(_) | Value::Map(_) => wire::put_atom(out, wire::NULL),
    }
    Ok(())
}

#[inline]
pub(super) fn put_int(out: &mut Vec<u8>, int: &Int, limits: &DecodeLimits) -> Result<(), EncodeError> {
    if !int.is_within(limits.max_int_bits) {
        return Err(Kind::IntTooLarge.into());
    }
    int.put(out);
    Ok(())
}

#[inline]
pub(super) fn put_counted(out: &mut Vec<u8>, kind: u8, octets: &[u8]) {
    wire::put_head(out, kind, octets.len());
    out.extend_from_slice(octets);
}

#[inline]
pub(super) fn put_key(out: &mut Vec<u8>, key: &[u8]) {
    wire::put_uleb(out, key.len() as u64);
    out.extend_from_slice(key);
}
