//! Values so deep that any recursion would end the process: the stack of a thread here is small.

use subvm_calldata::{DecodeErrorKind, DecodeLimits, EncodeErrorKind, Map, TextErrorKind, Value, ValueRef, validate};

const DEEP: usize = 200_000;
const RAISED: DecodeLimits = DecodeLimits { max_depth: DEEP as u32, ..DecodeLimits::DEFAULT };

/// Runs on a stack of 64 KiB: a third of a byte for each level.
fn on_small_stack(body: fn()) {
    std::thread::Builder::new().stack_size(64 * 1024).spawn(body).unwrap().join().unwrap();
}

/// Arrays and maps in turns, with something beside each.
fn nest(depth: usize) -> Value {
    (0..depth).fold(Value::from(7), |inner, level| match level % 3 {
        0 => Value::array([inner]),
        1 => Map::from([("a", Value::from("x")), ("b", inner), ("c", Value::array([1]))]).into(),
        _ => Value::array([Value::Null, inner, Map::new().into()]),
    })
}

#[test]
fn deep_values_are_cloned_compared_hashed_and_dropped() {
    on_small_stack(|| {
        let value = nest(DEEP);
        let mut clone = value.clone();
        assert!(clone == value);
        if let Value::Array(items) = &mut clone {
            items.push(1);
        } else if let Value::Map(map) = &mut clone {
            map.insert("z", 1);
        }
        assert!(clone != value);
        assert!(nest(DEEP - 1) != value);
        let state = std::hash::RandomState::new();
        use std::hash::BuildHasher;
        assert_eq!(state.hash_one(&value), state.hash_one(value.clone()));
    });
}

#[test]
fn deep_values_are_encoded_and_decoded_where_the_limit_is_raised() {
    on_small_stack(|| {
        let value = nest(DEEP);
        let bytes = value.encode_with(&RAISED).unwrap();
        assert!(Value::decode_with(&bytes, &RAISED).unwrap() == value);
        assert!(validate(&bytes, &RAISED).is_ok());
        assert!(ValueRef::decode_with(&bytes, &RAISED).unwrap().to_owned() == value);
        let mut damaged = bytes;
        let last = damaged.len() - 1;
        damaged[last] ^= 0x07;
        assert!(Value::decode_with(&damaged, &RAISED).is_err());
    });
}

#[test]
fn deep_values_are_printed_and_parsed() {
    on_small_stack(|| {
        let value = nest(DEEP);
        let text = value.to_string();
        assert_eq!(format!("{value:?}"), text);
        assert!(Value::parse_with(&text, &RAISED).unwrap() == value);
        assert_eq!(text.parse::<Value>().unwrap_err().kind, TextErrorKind::TooDeep);
    });
}

#[test]
fn deep_values_are_refused_by_default() {
    on_small_stack(|| {
        let value = nest(DEEP);
        assert_eq!(value.encode().unwrap_err().kind, EncodeErrorKind::TooDeep);
        let bytes = value.encode_with(&RAISED).unwrap();
        assert_eq!(Value::decode(&bytes).unwrap_err().kind, DecodeErrorKind::TooDeep);
    });
}

#[test]
fn the_default_limit_is_128_containers() {
    for leaf in [Value::Null, Value::array([0; 0]), Map::new().into()] {
        let containers = usize::from(leaf != Value::Null);
        let within = (containers..128).fold(leaf, |inner, _| Value::array([inner]));
        let bytes = within.encode().unwrap();
        assert_eq!(Value::decode(&bytes).as_ref(), Ok(&within));
        assert_eq!(within.to_string().parse().as_ref(), Ok(&within));

        let beyond = Value::array([within]);
        assert_eq!(beyond.encode().unwrap_err().kind, EncodeErrorKind::TooDeep);
        let bytes = beyond.encode_with(&RAISED).unwrap();
        let error = Value::decode(&bytes).unwrap_err();
        assert_eq!((error.kind, error.offset), (DecodeErrorKind::TooDeep, 128));
        assert_eq!(validate(&bytes, &DecodeLimits::DEFAULT), Err(error));
        let error = beyond.to_string().parse::<Value>().unwrap_err();
        assert_eq!((error.kind, error.offset), (TextErrorKind::TooDeep, 128));
    }
}

#[test]
fn siblings_do_not_add_to_the_depth() {
    let value = Value::array((0..1000).map(|_| Value::array([Value::array([1])])));
    assert_eq!(Value::decode(&value.encode().unwrap()), Ok(value));
}
