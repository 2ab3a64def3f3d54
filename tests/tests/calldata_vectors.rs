//! The vectors of `tests/vectors/calldata.json`, which any other implementation can use.

use serde_json::Value as Json;
use subvm_core::calldata::{DecodeLimits, Value, ValueRef, validate};

fn vectors(list: &str) -> Vec<Json> {
    let file: Json = serde_json::from_str(include_str!("../vectors/calldata.json")).unwrap();
    file[list].as_array().unwrap().clone()
}

fn text<'v>(vector: &'v Json, field: &str) -> &'v str {
    vector[field].as_str().unwrap()
}

fn bytes(vector: &Json, field: &str) -> Vec<u8> {
    let bytes: Value = format!("b#{}", text(vector, field)).parse().unwrap();
    bytes.try_into().unwrap()
}

#[test]
fn values_have_their_encodings() {
    for vector in vectors("values") {
        let (text, encoding) = (text(&vector, "text"), bytes(&vector, "encoding"));
        let value: Value = text.parse().unwrap();
        assert_eq!(value.encode().unwrap(), encoding, "{text}");
        assert_eq!(Value::decode(&encoding).unwrap(), value, "{text}");
        assert_eq!(ValueRef::decode(&encoding).unwrap().to_owned(), value, "{text}");
        assert_eq!(value.to_string(), vector.get("printed").and_then(Json::as_str).unwrap_or(text));
    }
}

#[test]
fn refused_bytes_are_refused_where_they_say() {
    for vector in vectors("refused") {
        let input = bytes(&vector, "input");
        let error = Value::decode(&input).unwrap_err();
        assert_eq!(error.kind.code(), text(&vector, "error"), "{vector}");
        assert_eq!(Some(error.offset as u64), vector["offset"].as_u64(), "{vector}");
        assert_eq!(validate(&input, &DecodeLimits::DEFAULT), Err(error));
    }
}

#[test]
fn refused_texts_are_refused_where_they_say() {
    for vector in vectors("refused_text") {
        let error = text(&vector, "text").parse::<Value>().unwrap_err();
        assert_eq!(error.kind.code(), text(&vector, "error"), "{vector}");
        assert_eq!(Some(error.offset as u64), vector["offset"].as_u64(), "{vector}");
    }
}
