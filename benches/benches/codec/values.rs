//! The values, and each of them in the model of every peer.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use subvm_core::Address;
use subvm_core::calldata::{Bytes, Int, Map, Value};

/// What a call of a contract looks like.
#[derive(Serialize, Deserialize)]
pub(crate) struct Message {
    contract: Address,
    sender: Address,
    stack: Vec<Address>,
    value: u128,
    is_init: bool,
    datetime: String,
    chain_id: u64,
    nonce: u64,
    delta: i64,
    entry_kind: u8,
    entry_data: Bytes,
    args: Arguments,
}

#[derive(Serialize, Deserialize)]
struct Arguments {
    method: String,
    tags: Vec<String>,
    amounts: Vec<u32>,
    limits: BTreeMap<String, u32>,
    memo: Option<String>,
}

impl Message {
    pub(crate) fn example() -> Self {
        let limits = [("cpu", 1000), ("disk", 65_536), ("mem", 262_144)];
        Self {
            contract: Address([1; 20]),
            sender: Address([2; 20]),
            stack: vec![Address([3; 20]), Address([4; 20])],
            value: 123_456_789_012_345_678,
            is_init: false,
            datetime: "2025-01-01T00:00:00Z".into(),
            chain_id: 61_999,
            nonce: 0x1ead_beef_cafe_f00d,
            delta: -123_456_789,
            entry_kind: 0,
            entry_data: Bytes((0..100).collect()),
            args: Arguments {
                method: "transfer".into(),
                tags: ["alpha", "beta", "gamma"].map(String::from).into(),
                amounts: (0..20).map(|n| n * 37 % 300).collect(),
                limits: limits.map(|(key, n)| (key.into(), n)).into(),
                memo: None,
            },
        }
    }
}

pub(crate) fn small_integers() -> Value {
    Value::array((0..10_000_u32).map(|n| n * 37 % 200))
}

pub(crate) fn bytes() -> Value {
    (0..1 << 20).map(|n: u32| ((n * 31) >> 3) as u8).collect::<Vec<u8>>().into()
}

pub(crate) fn large_map() -> Value {
    (0..1000_u32).map(|n| (format!("key-{n:04}"), n * 7)).collect::<Map>().into()
}

pub(crate) fn wide_integers() -> Value {
    let word = |n: u16| {
        let mut word = [0xa5; 32];
        word[..2].copy_from_slice(&n.to_le_bytes());
        word
    };
    Value::array((0..1000).map(|n| Int::from_u256_le(&word(n))))
}

/// One value in the model of each codec. What a model has not (addresses, integers beyond 64 bits,
/// bytes in JSON) is put as people do: bytes, a tag or extension around big-endian bytes, hexadecimal,
/// decimal text.
pub(crate) struct Peers {
    pub(crate) json: serde_json::Value,
    pub(crate) cbor: ciborium::Value,
    pub(crate) msgpack: rmpv::Value,
}

impl Peers {
    pub(crate) fn new(value: &Value) -> Self {
        Self { json: json(value), cbor: cbor(value), msgpack: msgpack(value) }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.json).unwrap()
    }

    pub(crate) fn to_cbor(&self) -> Vec<u8> {
        let mut out = Vec::new();
        ciborium::into_writer(&self.cbor, &mut out).unwrap();
        out
    }

    pub(crate) fn to_msgpack(&self) -> Vec<u8> {
        let mut out = Vec::new();
        rmpv::encode::write_value(&mut out, &self.msgpack).unwrap();
        out
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A positive integer of more than 64 bits, most significant byte first.
fn big_endian(int: &Int) -> Vec<u8> {
    int.to_u256_le().unwrap().into_iter().rev().skip_while(|byte| *byte == 0).collect()
}

fn json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(int) => match (u64::try_from(int), i64::try_from(int)) {
            (Ok(n), _) => n.into(),
            (_, Ok(n)) => n.into(),
            _ => int.to_string().into(),
        },
        Value::Address(address) => hex(&address.0).into(),
        Value::Bytes(bytes) => hex(bytes).into(),
        Value::Str(text) => text.as_str().into(),
        Value::Array(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(map) => Json::Object(map.iter().map(|(key, value)| (key.into(), json(value))).collect()),
    }
}

fn cbor(value: &Value) -> ciborium::Value {
    use ciborium::Value as Cbor;
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(int) => match (u64::try_from(int), i64::try_from(int)) {
            (Ok(n), _) => n.into(),
            (_, Ok(n)) => n.into(),
            _ => Cbor::Tag(2, Box::new(Cbor::Bytes(big_endian(int)))),
        },
        Value::Address(address) => Cbor::Bytes(address.0.into()),
        Value::Bytes(bytes) => Cbor::Bytes(bytes.clone()),
        Value::Str(text) => text.as_str().into(),
        Value::Array(items) => Cbor::Array(items.iter().map(cbor).collect()),
        Value::Map(map) => Cbor::Map(map.iter().map(|(key, value)| (key.into(), cbor(value))).collect()),
    }
}

fn msgpack(value: &Value) -> rmpv::Value {
    use rmpv::Value as Pack;
    match value {
        Value::Null => Pack::Nil,
        Value::Bool(b) => (*b).into(),
        Value::Int(int) => match (u64::try_from(int), i64::try_from(int)) {
            (Ok(n), _) => n.into(),
            (_, Ok(n)) => n.into(),
            _ => Pack::Ext(2, big_endian(int)),
        },
        Value::Address(address) => Pack::Binary(address.0.into()),
        Value::Bytes(bytes) => Pack::Binary(bytes.clone()),
        Value::Str(text) => text.as_str().into(),
        Value::Array(items) => Pack::Array(items.iter().map(msgpack).collect()),
        Value::Map(map) => Pack::Map(map.iter().map(|(key, value)| (key.into(), msgpack(value))).collect()),
    }
}
