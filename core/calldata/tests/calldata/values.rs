//! What Rust people expect of a value.

use subvm_calldata::Address;
use subvm_calldata::{Array, Int, Map, Value, WrongType};

#[test]
fn native_types_become_values_and_come_back() {
    assert_eq!(u64::try_from(Value::from(7_u64)), Ok(7));
    assert_eq!(String::try_from(Value::from("a")), Ok("a".into()));
    assert_eq!(Vec::try_from(Value::from(b"ab")), Ok(b"ab".to_vec()));
    assert_eq!(bool::try_from(Value::from(true)), Ok(true));
    assert_eq!(Address::try_from(Value::from(Address([7; 20]))), Ok(Address([7; 20])));
    assert_eq!(Int::try_from(Value::from(u128::MAX)), Ok(Int::from(u128::MAX)));
    assert_eq!(Value::from(None::<u8>), Value::Null);
    assert_eq!(Value::from(()), Value::default());
    assert_eq!(u8::try_from(Value::from(256)), Err(WrongType { expected: "u8", found: "int" }));
    assert_eq!(u8::try_from(&Value::from("1")), Err(WrongType { expected: "u8", found: "str" }));
    assert_eq!(Map::try_from(Value::Null).unwrap_err().to_string(), "expected Map, found null");
}

#[test]
fn indexing_never_panics() {
    let value = Value::from(Map::from([("list", Value::array([1, 2]))]));
    assert_eq!(value["list"][1], 2.into());
    assert_eq!(value["list"][2], Value::Null);
    assert_eq!(value["none"]["deeper"][0], Value::Null);
    assert_eq!(value.get("none"), None);
    assert_eq!(value.index(0), None);
}

#[test]
fn accessors_answer_for_their_type_only() {
    let values = [
        Value::Null,
        true.into(),
        1.into(),
        Address::default().into(),
        b"x".into(),
        "x".into(),
        Value::array([1]),
        Map::new().into(),
    ];
    for (at, value) in values.iter().enumerate() {
        let bytes = value.encode().unwrap();
        let borrowed = subvm_calldata::ValueRef::decode(&bytes).unwrap();
        let own = [
            value.is_null(),
            value.as_bool().is_some(),
            value.as_int().is_some(),
            value.as_address().is_some(),
            value.as_bytes().is_some(),
            value.as_str().is_some(),
            value.as_array().is_some(),
            value.as_map().is_some(),
        ];
        let of_borrowed = [
            borrowed.is_null(),
            borrowed.as_bool().is_some(),
            borrowed.as_int().is_some(),
            borrowed.as_address().is_some(),
            borrowed.as_bytes().is_some(),
            borrowed.as_str().is_some(),
            borrowed.as_array().is_some(),
            borrowed.as_map().is_some(),
        ];
        let expected: Vec<_> = (0..8).map(|each| each == at).collect();
        assert_eq!((&own[..], &of_borrowed[..]), (&expected[..], &expected[..]), "{value}");
    }
}

#[test]
fn of_repeated_keys_the_last_stays() {
    let map = Map::from([("b", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5)]);
    assert_eq!(Value::from(map).to_string(), r#"{"a":4,"b":5}"#);
}

#[test]
fn borrowed_maps_and_arrays_are_looked_up() {
    let value: Value = r#"{"a":[1,[2,{"x":3}],"y"],"c":{"d":b#0102},"e":null}"#.parse().unwrap();
    let bytes = value.encode().unwrap();
    let borrowed = subvm_calldata::ValueRef::decode(&bytes).unwrap();
    assert_eq!(
        borrowed.get("a").unwrap().index(1).unwrap().index(1).unwrap().get("x").unwrap().as_int(),
        Some(3.into())
    );
    assert_eq!(borrowed.get("b"), None);
    assert_eq!(borrowed.get("f"), None);
    let map = borrowed.as_map().unwrap();
    assert_eq!((map.len(), map.iter().len()), (3, 3));
    for (key, each) in value.as_map().unwrap().iter() {
        assert_eq!(map.get_encoded(key), Some(&each.encode().unwrap()[..]));
    }
    assert_eq!(map.get_encoded("b"), None);
    assert_eq!(map.get_encoded("z"), None);
    assert_eq!(borrowed.to_string(), value.to_string());
}

#[test]
fn arrays_are_slices_that_grow() {
    let mut array = Array::with_capacity(2);
    array.extend([3, 1]);
    array.push("x");
    array[0] = Value::Null;
    assert_eq!(array.pop(), Some("x".into()));
    assert_eq!(format!("{array:?}"), "[null,1]");
    assert_eq!(array.into_iter().count(), 2);
}

#[test]
fn a_value_takes_40_bytes() {
    assert_eq!(size_of::<Value>(), 40);
    assert_eq!(size_of::<Option<Value>>(), 40);
}
