//! The small reader and writer accept and write exactly what `subvm-calldata` does.

use proptest::prelude::*;
use subvm_calldata::{Address, DecodeLimits, Int, Map, Value, validate};
use subvm_sdk::data::{Bytes, Encoded, Reader, Writer, from_bytes, to_bytes};
use subvm_sdk::{Calldata, U256};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i128>().prop_map(Value::from),
        any::<[u8; 32]>().prop_map(|word| Int::from_u256_le(&word).into()),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| num(&bytes).into()),
        any::<[u8; 20]>().prop_map(|bytes| Address(bytes).into()),
        prop::collection::vec(any::<u8>(), 0..140).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,3}", inner), 0..6)
                .prop_map(|entries| entries.into_iter().collect::<Map>().into()),
        ]
    })
}

/// A wide integer of these digits.
fn num(bytes: &[u8]) -> Int {
    bytes.iter().fold(Int::from(1), |n, byte| n * 256 + Int::from(*byte))
}

fn agree(bytes: &[u8]) {
    let ours = || {
        let mut from = Reader::new(bytes);
        let len = from.any()?.len();
        from.end().map(|()| len)
    };
    let theirs = validate(bytes, &DecodeLimits::DEFAULT);
    assert_eq!(ours().is_ok(), theirs.is_ok(), "{bytes:02x?}: {:?}, {theirs:?}", ours());
}

proptest! {
    #[test]
    fn values_are_read_as_they_are(value in value()) {
        let bytes = value.encode().unwrap();
        agree(&bytes);
        prop_assert_eq!(&from_bytes::<Value>(&bytes).unwrap(), &value);
        prop_assert_eq!(to_bytes(&value), &bytes[..]);
        let encoded: Encoded = from_bytes(&bytes).unwrap();
        prop_assert_eq!(encoded.as_bytes(), &bytes[..]);
    }

    #[test]
    fn broken_values_are_refused_alike(value in value(), at in any::<prop::sample::Index>(), with: u8, cut: bool) {
        let mut bytes = value.encode().unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = with }
        agree(&bytes);
    }

    #[test]
    fn any_bytes_are_judged_alike(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        agree(&bytes);
    }

    #[test]
    fn integers_are_the_same_in_both(n: u128, i: i128, word: [u8; 32]) {
        for (ours, theirs) in [
            (to_bytes(&n), Value::from(n)),
            (to_bytes(&i), Value::from(i)),
            (to_bytes(&(n as u8)), Value::from(n as u8)),
            (to_bytes(&U256::from_le_bytes(word)), Int::from_u256_le(&word).into()),
        ] {
            prop_assert_eq!(ours, theirs.encode().unwrap());
        }
        prop_assert_eq!(from_bytes(&to_bytes(&n)), Ok(n));
        prop_assert_eq!(from_bytes(&to_bytes(&i)), Ok(i));
        prop_assert_eq!(from_bytes(&to_bytes(&U256::from_le_bytes(word))), Ok(U256::from_le_bytes(word)));
        let (wide, small) = (from_bytes::<u128>(&to_bytes(&U256::from_le_bytes(word))), U256::from_le_bytes(word));
        prop_assert_eq!(wide.ok(), u128::try_from(small).ok());
        let long = Value::from(num(&[&word[..], &word].concat())).encode().unwrap();
        prop_assert!(from_bytes::<U256>(&long).is_err() && from_bytes::<i128>(&long).is_err());
    }

    #[test]
    fn derived_types_come_back(text: String, bytes: Vec<u8>, n: i64, some: Option<u16>, list: Vec<bool>) {
        let all = All { text, bytes: Bytes(bytes), nested: Kind::Named { n, some }, list };
        let encoded = to_bytes(&all);
        agree(&encoded);
        prop_assert_eq!(from_bytes(&encoded), Ok(all));
    }
}

#[derive(Calldata, Clone, Debug, PartialEq)]
struct All {
    text: String,
    bytes: Bytes,
    nested: Kind,
    list: Vec<bool>,
}

#[derive(Calldata, Clone, Debug, PartialEq)]
enum Kind {
    Nothing,
    One(u8),
    Two(u8, Unit),
    Named { n: i64, some: Option<u16> },
}

#[derive(Calldata, Clone, Debug, PartialEq)]
struct Unit;

#[test]
fn limits_are_the_same() {
    for bits in [65_535_u32, 65_536, 65_537, 65_550] {
        // 2^bits - 1, a payload of that many bits.
        let groups = (bits - 4).div_ceil(7);
        let top = (bits - 4) - 7 * (groups - 1);
        let mut bytes = vec![0xff - 6];
        bytes.extend(vec![0xff; groups as usize - 1]);
        bytes.push((1_u16 << top) as u8 - 1);
        agree(&bytes);
        assert_eq!(Reader::new(&bytes).any().is_ok(), bits <= 65_536, "{bits}");
    }
    for depth in [127, 128, 129] {
        agree(&[vec![0x0d; depth], vec![0]].concat());
        agree(&[[0x0e, 0].repeat(depth), vec![0]].concat());
    }
}

#[test]
fn variants_have_one_form() {
    let read = |text: &str| from_bytes::<Kind>(&text.parse::<Value>().unwrap().encode().unwrap());
    assert_eq!(read(r#""Nothing""#), Ok(Kind::Nothing));
    assert_eq!(read(r#"{"Two": [7, null]}"#), Ok(Kind::Two(7, Unit)));
    for (text, why) in [
        (r#"{"Nothing": null}"#, "calldata, Nothing: there is no such variant"),
        (r#""One""#, "calldata, One: there is no such variant"),
        (r#"{"One": 256}"#, "calldata, One: expected an integer of type u8"),
        (r#"{"Two": [7]}"#, "calldata, Two: expected an array of another length"),
        (r#"{"Named": {"n": 1}}"#, "calldata, Named.some: a field is missing"),
        (r#"{"Named": {"n": 1, "some": "x"}}"#, "calldata, Named.some: expected an integer of type u16"),
        ("{}", "calldata: expected a variant"),
        ("7", "calldata: expected a variant"),
    ] {
        assert_eq!(read(text).unwrap_err().to_string(), why);
    }
}

#[test]
fn a_writer_chains() {
    let mut to = Writer::default();
    to.map(3).key("a").int(-1).key("b").bool(true).key("c").null();
    let map = Map::from([("a", Value::from(-1)), ("b", true.into()), ("c", Value::Null)]);
    assert_eq!(to.into_bytes(), Value::from(map).encode().unwrap());
}
