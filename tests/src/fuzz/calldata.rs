//! What must hold of calldata whatever the bytes: each function panics if it does not.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use subvm_core::Address;
use subvm_core::calldata::{
    Bytes, DecodeLimits, Int, SerdeError, Value, ValueRef, from_slice, from_value, to_bytes, validate,
};

/// Every way to decode says the same, and what decodes is encoded to the same bytes.
pub fn decode(data: &[u8]) {
    let owned = Value::decode(data);
    let borrowed = ValueRef::decode(data);
    assert_eq!(validate(data, &DecodeLimits::DEFAULT), owned.as_ref().map(|_| ()).map_err(|error| *error));
    match (owned, borrowed) {
        (Ok(owned), Ok(borrowed)) => {
            assert_eq!(owned.encode().unwrap(), data);
            assert_eq!(borrowed.to_owned(), owned);
        }
        (Err(owned), Err(borrowed)) => {
            assert_eq!(owned, borrowed);
            assert!(owned.offset <= data.len());
        }
        _ => panic!("owned and borrowed decoding disagree"),
    }
}

/// Values made from the bytes come back from their encoding, with raised limits too.
pub fn round_trip(data: &[u8]) {
    let value = grow(&mut data.iter().copied());
    match value.encode() {
        Ok(bytes) => assert_eq!(Value::decode(&bytes).unwrap(), value),
        Err(_) => {
            let bytes = value.encode_with(&DecodeLimits::UNLIMITED).unwrap();
            assert!(Value::decode(&bytes).is_err());
            assert_eq!(Value::decode_with(&bytes, &DecodeLimits::UNLIMITED).unwrap(), value);
        }
    }
    assert!(value.clone() == value);
}

/// A value by the instructions in `bytes`, built on a stack of values.
fn grow(bytes: &mut impl Iterator<Item = u8>) -> Value {
    let mut stack = Vec::new();
    while let Some(byte) = bytes.next() {
        let len = usize::from(byte >> 3);
        let value = match byte & 7 {
            0 => Value::Null,
            1 => (len % 2 == 0).into(),
            2 => Int::from(num_bigint::BigInt::from_signed_bytes_le(&bytes.take(len * 2).collect::<Vec<_>>())).into(),
            3 => bytes.take(len).collect::<Vec<_>>().into(),
            4 => String::from_utf8_lossy(&bytes.take(len).collect::<Vec<_>>()).into_owned().into(),
            5 => stack.split_off(stack.len().saturating_sub(len)).into(),
            6 => {
                let values = stack.split_off(stack.len().saturating_sub(len));
                let keys = values.iter().map(|_| bytes.next().unwrap_or_default() % 32);
                let keys: Vec<String> = keys.map(|len| "k".repeat(usize::from(len))).collect();
                Value::Map(keys.into_iter().zip(values).collect())
            }
            _ => Address([byte; 20]).into(),
        };
        stack.push(value);
    }
    stack.into()
}

/// What parses prints to text that parses to the same, and is encoded if it is within the limits.
pub fn text(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<Value>() {
        Ok(value) => {
            assert_eq!(value.to_string().parse::<Value>().unwrap(), value);
            assert_eq!(format!("{value:#}").parse::<Value>().unwrap(), value);
            assert_eq!(Value::decode(&value.encode().unwrap()).unwrap(), value);
        }
        Err(error) => assert!(error.offset <= text.len()),
    }
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Typed {
    zeta: Option<Box<Typed>>,
    choice: Choice,
    to: Option<Address>,
    amount: Int,
    data: Bytes,
    names: BTreeMap<String, i128>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Choice {
    Unit,
    Pair(u64, i8),
    Named { y: char, x: u32 },
}

/// Typed reading refuses what dynamic reading refuses, and what it reads is written canonically.
pub fn serde(data: &[u8]) {
    let value = Value::decode(data);
    match (from_slice::<Value>(data), &value) {
        (Ok(read), Ok(value)) => {
            assert_eq!(read, *value);
            assert_eq!(to_bytes(&read).unwrap(), data);
            assert_eq!(from_value::<Value>(value).unwrap(), read);
        }
        (Err(SerdeError::Decode(read)), Err(error)) => assert_eq!(read, *error),
        (read, value) => panic!("{read:?} against {value:?}"),
    }
    if let Ok(typed) = from_slice::<Typed>(data) {
        assert!(value.is_ok());
        let bytes = to_bytes(&typed).unwrap();
        assert_eq!(Value::decode(&bytes).unwrap().encode().unwrap(), bytes);
        assert_eq!(from_slice::<Typed>(&bytes).unwrap(), typed);
    }
}
