//! Calldata as a format of serde, and calldata's types in other formats.

#![allow(clippy::disallowed_types, reason = "types of others are what serde is for")]
#![cfg(feature = "serde")]

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use subvm_calldata::Address;
use subvm_calldata::{
    Bytes, DecodeErrorKind, EncodeErrorKind, Int, Map, SerdeError, Value, from_slice, from_value, to_bytes, to_value,
};

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Inner {
    zeta: bool,
    alpha: Option<u8>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Pair(i64, String);

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Choice {
    None,
    One(u16),
    Two(u8, char),
    Named { y: i32, x: i32 },
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Everything {
    text: String,
    inner: Inner,
    pair: Pair,
    choices: Vec<Choice>,
    to: Address,
    big: Int,
    data: Bytes,
    map: BTreeMap<String, i128>,
    any: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    maybe: Option<u128>,
    unit: (),
}

fn everything() -> Everything {
    Everything {
        text: "t".into(),
        inner: Inner { zeta: true, alpha: None },
        pair: Pair(-5, "p".into()),
        choices: vec![Choice::None, Choice::One(7), Choice::Two(1, 'é'), Choice::Named { y: 2, x: 1 }],
        to: Address([9; 20]),
        big: Int::from_u256_le(&[0xff; 32]),
        data: Bytes(vec![0, 255]),
        map: BTreeMap::from([("b".into(), i128::MIN), ("a".into(), 1)]),
        any: Value::array([Value::from(Address([8; 20])), Int::from_u256_le(&[0xfe; 32]).into(), b"x".into()]),
        maybe: Some(u128::MAX),
        unit: (),
    }
}

#[test]
fn everything_round_trips_canonically() {
    for maybe in [None, Some(u128::MAX)] {
        let content = Everything { maybe, ..everything() };
        let bytes = to_bytes(&content).unwrap();
        assert_eq!(from_slice::<Everything>(&bytes).unwrap(), content);
        let value = Value::decode(&bytes).unwrap();
        assert_eq!(value.encode().unwrap(), bytes);
        assert_eq!(to_value(&content).unwrap(), value);
        assert_eq!(from_value::<Everything>(&value).unwrap(), content);
        assert_eq!(value["to"].as_address(), Some(Address([9; 20])));
        assert_eq!(value["big"].as_int(), Some(&content.big));
        assert_eq!(value["data"].as_bytes(), Some(&[0, 255][..]));
        assert_eq!(value["choices"].to_string(), r#"["None",{"One":7},{"Two":[1,"é"]},{"Named":{"x":1,"y":2}}]"#);
        assert_eq!(value["inner"].to_string(), r#"{"alpha":null,"zeta":true}"#);
    }
}

#[test]
fn borrowed_text_and_bytes_point_into_the_input() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        data: &'a [u8],
    }
    let bytes = to_bytes(&to_value(&BTreeMap::from([("text", "abc")])).unwrap()).unwrap();
    assert!(from_slice::<Borrowed<'_>>(&bytes).is_err());
    let value = Value::from(Map::from([("data", Value::from(b"xy")), ("text", "abc".into())]));
    let bytes = value.encode().unwrap();
    let borrowed: Borrowed<'_> = from_slice(&bytes).unwrap();
    assert!(bytes.as_ptr_range().contains(&borrowed.text.as_ptr()));
    assert_eq!((borrowed.text, borrowed.data), ("abc", &b"xy"[..]));
}

/// serde buffers these types: what they hold must not lose its type by that.
#[test]
fn flattened_and_untagged_types_keep_addresses_and_large_integers() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Outer {
        id: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(untagged)]
    enum Untagged {
        To { to: Address },
        Big { big: Int },
        Data { data: Bytes },
        Any { any: Value },
    }
    let large = [Int::from_u256_le(&[0xff; 32]), Int::from(-1) - Int::from_u256_le(&[0xff; 32]), Int::from(u128::MAX)];
    let mut values: Vec<Value> = large.iter().map(Value::from).collect();
    values.extend([Address([1; 20]).into(), [1; 20].into(), Value::Null, 5.into(), "s".into()]);
    for value in values {
        let rest = BTreeMap::from([("a".to_owned(), value.clone()), ("z".to_owned(), Value::array([value.clone()]))]);
        let outer = Outer { id: 1, rest };
        assert_eq!(from_slice::<Outer>(&to_bytes(&outer).unwrap()).unwrap(), outer);
        let any = Untagged::Any { any: value };
        assert_eq!(from_slice::<Untagged>(&to_bytes(&any).unwrap()).unwrap(), any);
    }
    let typed = [
        Untagged::To { to: Address([1; 20]) },
        Untagged::Big { big: large[0].clone() },
        Untagged::Data { data: Bytes(vec![1; 20]) },
    ];
    for each in typed {
        assert_eq!(from_slice::<Untagged>(&to_bytes(&each).unwrap()).unwrap(), each);
    }
}

#[test]
fn types_are_not_taken_for_each_other() {
    let refused = |text: &str, parse: fn(&[u8]) -> bool| {
        let bytes = text.parse::<Value>().unwrap().encode().unwrap();
        assert!(!parse(&bytes), "{text}");
    };
    let address = "addr#0101010101010101010101010101010101010101";
    refused("b#0101010101010101010101010101010101010101", |o| from_slice::<Address>(o).is_ok());
    refused(address, |o| from_slice::<Bytes>(o).is_ok());
    refused("\"5\"", |o| from_slice::<Int>(o).is_ok());
    refused("b#05", |o| from_slice::<Int>(o).is_ok());
    refused("b#61", |o| from_slice::<String>(o).is_ok());
    refused("\"a\"", |o| from_slice::<Bytes>(o).is_ok());
    refused("1", |o| from_slice::<f64>(o).is_ok());
    refused("256", |o| from_slice::<u8>(o).is_ok());
    refused("[1,2,3]", |o| from_slice::<(u8, u8)>(o).is_ok());
    refused("[1]", |o| from_slice::<(u8, u8)>(o).is_ok());
    refused("{\"One\":1,\"Two\":2}", |o| from_slice::<Choice>(o).is_ok());
    refused("{\"None\":null}", |o| from_slice::<Choice>(o).is_ok());
    refused("\"One\"", |o| from_slice::<Choice>(o).is_ok());
}

#[test]
fn what_calldata_has_not_is_refused() {
    assert!(matches!(to_bytes(&1.5_f64), Err(SerdeError::Unsupported(_))));
    assert!(matches!(to_bytes(&BTreeMap::from([(1, 2)])), Err(SerdeError::Unsupported(_))));
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([("b", 1), ("a", 2), ("b", 3)])
        }
    }
    let Err(SerdeError::Encode(error)) = to_bytes(&Twice) else { panic!() };
    assert_eq!(error.kind, EncodeErrorKind::DuplicateKey);
}

#[test]
fn an_address_has_20_bytes() {
    struct Short;
    impl Serialize for Short {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_newtype_struct("$subvm::Address", &Bytes(vec![1; 19]))
        }
    }
    assert!(matches!(to_bytes(&Short), Err(SerdeError::Unsupported(_))));
}

#[test]
fn bytes_are_refused_where_values_are() {
    for (bytes, kind) in [
        (&b"\x16\x01b\x00\x01a\x00"[..], DecodeErrorKind::KeyOrder),
        (b"\x0e\x01a\x00\x00", DecodeErrorKind::TrailingBytes),
        (b"\x0e\x01a\x0f", DecodeErrorKind::ReservedType),
    ] {
        let expected = SerdeError::Decode(Value::decode(bytes).unwrap_err());
        assert!(expected.to_string().contains(kind.code()));
        assert_eq!(from_slice::<BTreeMap<String, Value>>(bytes).unwrap_err(), expected);
        assert_eq!(from_slice::<serde::de::IgnoredAny>(bytes).unwrap_err(), expected);
    }
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Chain {
    next: Option<Box<Chain>>,
}

#[test]
fn depth_is_limited_both_ways() {
    let chain = |len| (0..len).fold(Chain { next: None }, |next, _| Chain { next: Some(next.into()) });
    let bytes = to_bytes(&chain(127)).unwrap();
    assert_eq!(from_slice::<Chain>(&bytes).unwrap(), chain(127));
    let Err(SerdeError::Encode(error)) = to_bytes(&chain(128)) else { panic!() };
    assert_eq!(error.kind, EncodeErrorKind::TooDeep);
    let beyond: Vec<u8> = [[0x0e, 0x04].as_slice(), b"next"].concat().repeat(129).into_iter().chain([0]).collect();
    let Err(SerdeError::Decode(error)) = from_slice::<Chain>(&beyond) else { panic!() };
    assert_eq!((error.kind, error.offset), (DecodeErrorKind::TooDeep, 128 * 6));
    let deep = (0..200_000).fold(Value::Null, |inner, _| Value::array([inner]));
    assert!(to_bytes(&deep).is_err());
    assert!(serde_json::to_string(&deep).is_err());
}

#[test]
fn in_json_bytes_are_hexadecimal_and_large_integers_are_text() {
    let content = everything();
    let json = serde_json::to_string(&content).unwrap();
    assert!(json.contains("\"0909090909090909090909090909090909090909\""), "{json}");
    assert!(json.contains("\"data\":\"00ff\""), "{json}");
    let mut back: Everything = serde_json::from_str(&json).unwrap();
    // JSON has neither addresses nor bytes, and no integers beyond 64 bits that all can read.
    back.any = content.any.clone();
    assert_eq!(back, content);
    let value: Value = serde_json::from_str(r#"{"b":[1,-2,null,true],"a":"x"}"#).unwrap();
    assert_eq!(value.to_string(), r#"{"a":"x","b":[1,-2,null,true]}"#);
    assert!(serde_json::from_str::<Value>("1.5").is_err());
    assert!(serde_json::from_str::<Value>(r#"{"a":1,"a":2}"#).is_err());
}

/// Keys that begin alike, and of lengths around a word, two words, and what a length of one byte can say.
fn key() -> impl Strategy<Value = String> {
    let alike = "(|1234567|12345678|key-key-key-ke|key-key-key-key|a key of 22 bytes ...)[a\\x00é]{0,3}";
    prop_oneof![3 => ".{0,4}", 3 => alike, 1 => "k{0,20}", 1 => "k{14,17}|k{124,130}"]
}

proptest! {
    #[test]
    fn integers_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let int = Int::from(num_bigint::BigInt::from_signed_bytes_le(&bytes));
        let encoded = to_bytes(&int).unwrap();
        prop_assert_eq!(&encoded, &Value::from(&int).encode().unwrap());
        prop_assert_eq!(&from_slice::<Int>(&encoded).unwrap(), &int);
        prop_assert_eq!(&serde_json::from_str::<Int>(&serde_json::to_string(&int).unwrap()).unwrap(), &int);
    }

    #[test]
    fn maps_are_sorted_whatever_their_order(
        entries in prop::collection::hash_map(key(), prop::collection::hash_map(key(), any::<i32>(), 0..4), 0..20),
    ) {
        let bytes = to_bytes(&entries).unwrap();
        let inner = |map: HashMap<String, i32>| Value::from(map.into_iter().collect::<Map>());
        let value = Value::from(entries.clone().into_iter().map(|(key, map)| (key, inner(map))).collect::<Map>());
        prop_assert_eq!(&bytes, &value.encode().unwrap());
        prop_assert_eq!(from_slice::<HashMap<String, HashMap<String, i32>>>(&bytes).unwrap(), entries);
    }
}
