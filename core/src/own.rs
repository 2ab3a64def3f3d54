//! Encoding what this library builds itself.

use alloc::vec::Vec;

use subvm_calldata::{DecodeLimits, Encoder, Undecoded, Value, decode_while};

use crate::outcome::InternalError;
use crate::room;

/// The canonical bytes of a value whose depth and integers this library bounds.
///
/// # Panics
/// Never: without limits nothing is refused.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "only limits refuse a value, and here are none")]
    value.encode_with(&DecodeLimits::UNLIMITED).expect("nothing is refused without limits")
}

/// The canonical bytes of a value that holds what a guest chose the size of, as deep as calldata may be and a little.
///
/// # Errors
/// An internal error where there is no room for them.
pub(crate) fn try_encode(value: &Value) -> Result<Vec<u8>, InternalError> {
    try_written(most(value), |out| {
        out.value(value);
    })
}

/// The value that these bytes are within the usual limits, if they are any.
///
/// # Errors
/// An internal error where there is no room for it.
pub(crate) fn try_decode(bytes: &[u8]) -> Result<Option<Value>, InternalError> {
    match decode_while(bytes, &mut || true) {
        Ok(value) => Ok(Some(value)),
        Err(Undecoded::NoRoom(bytes)) => Err(room::none(bytes)),
        Err(Undecoded::Malformed | Undecoded::Stopped) => Ok(None),
    }
}

/// At least as many bytes as the encoding has. A head has ten at most. It goes as deep as calldata may be.
fn most(value: &Value) -> usize {
    const HEAD: usize = 10;
    HEAD + match value {
        Value::Null | Value::Bool(_) => 0,
        Value::Address(address) => address.0.len(),
        Value::Int(int) => int.payload_bits() as usize / 7,
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(items) => items.iter().map(most).sum(),
        Value::Map(map) => map.iter().map(|(key, value)| HEAD + key.len() + most(value)).sum(),
    }
}

/// The canonical bytes, about `bytes` of them, of what `write` writes piece by piece: each run needs some, and to build a value first takes twice
/// as long.
///
/// # Panics
/// Never, where `write` writes one value whose keys are in order, whatever is in it: no limit refuses anything.
pub(crate) fn written(bytes: usize, write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut encoder = Encoder::with_limits(DecodeLimits::UNLIMITED);
    encoder.reserve(bytes);
    finished(encoder, write)
}

/// As [`written`], of `bytes` bytes at most.
///
/// # Errors
/// An internal error where there is no room for them.
///
/// # Panics
/// As [`written`].
pub(crate) fn try_written(bytes: usize, write: impl FnOnce(&mut Encoder)) -> Result<Vec<u8>, InternalError> {
    let mut encoder = Encoder::with_limits(DecodeLimits::UNLIMITED);
    encoder.try_reserve(bytes).map_err(|_| room::none(bytes))?;
    Ok(finished(encoder, write))
}

fn finished(mut encoder: Encoder, write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    write(&mut encoder);
    #[expect(clippy::expect_used, reason = "what is written depends on no data but for its leaves")]
    encoder.finish().expect("this library writes its keys in order")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use subvm_calldata::{Address, Int, Map};

    #[test]
    fn what_is_reserved_is_enough() {
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Address(Address([7; 20])),
            Value::Int(Int::from(-1)),
            Value::Int(Int::from(u128::MAX) * Int::from(i128::MIN)),
            Value::from("text".repeat(100)),
            Value::from(vec![0u8; 300]),
            Value::from(vec![Value::from(vec![Value::Null; 200]), Value::from(Map::from([("k", 1)]))]),
        ];
        for value in values {
            let bytes = try_encode(&value).unwrap();
            assert_eq!(bytes, encode(&value));
            assert!(bytes.len() <= most(&value), "{value}");
        }
    }

    #[test]
    fn what_is_no_calldata_is_no_value() {
        assert_eq!(try_decode(b"\x09").unwrap(), Some(Value::from(1)));
        assert_eq!(try_decode(b"\x09\x00").unwrap(), None);
    }
}
