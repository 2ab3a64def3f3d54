//! The text form, by example.

use subvm_calldata::{Map, TextErrorKind as Kind, Value};

#[track_caller]
fn refused(text: &str, kind: Kind, offset: usize) {
    let error = text.parse::<Value>().unwrap_err();
    assert_eq!((error.kind, error.offset), (kind, offset), "{text}");
    assert!(error.to_string().contains(kind.code()));
}

#[test]
fn json_is_text_form() {
    let text = " { \"b\" : [ 1 , -0, true,\tfalse,null ] ,\r\n \"a\" : { } , \"\\u0041\\ud83d\\ude00\\/\" : \"\\\"\\\\\\b\\f\\n\\r\\t\" } ";
    let value: Value = text.parse().unwrap();
    assert_eq!(value.to_string(), "{\"A😀/\":\"\\\"\\\\\\b\\f\\n\\r\\t\",\"a\":{},\"b\":[1,0,true,false,null]}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap().as_object().unwrap().len(), 3);
}

#[test]
fn what_is_beyond_json() {
    let text =
        "[b#,b#00ff,addr#000102030405060708090a0b0c0d0e0f10111213,-123456789012345678901234567890123456789012345]";
    assert_eq!(text.parse::<Value>().unwrap().to_string(), text);
    assert_eq!("b#AbCd".parse::<Value>().unwrap().to_string(), "b#abcd");
}

#[test]
fn strings_are_escaped_as_little_as_json_allows() {
    let text: String = (0..0x24_u8).map(char::from).chain("\\/\u{7f}\u{2028}é".chars()).collect();
    let printed = Value::from(text.clone()).to_string();
    assert_eq!(serde_json::from_str::<String>(&printed).unwrap(), text);
    assert_eq!(printed, serde_json::to_string(&text).unwrap());
}

#[test]
fn pretty_text_has_a_line_for_each_value() {
    let value =
        Value::from(Map::from([("a", Value::array([1, 2])), ("b", Map::new().into()), ("c", Value::array([0; 0]))]));
    assert_eq!(format!("{value:#}"), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}");
}

#[test]
fn refusals_are_told_apart() {
    refused("", Kind::UnexpectedEnd, 0);
    refused("[1,", Kind::UnexpectedEnd, 3);
    refused("[1,]", Kind::Unexpected, 3);
    refused("[1 2]", Kind::Unexpected, 3);
    refused("{\"a\"}", Kind::Unexpected, 4);
    refused("{a:1}", Kind::Unexpected, 1);
    refused("{\"a\":1,}", Kind::Unexpected, 7);
    refused("[1}", Kind::Unexpected, 2);
    refused("nul", Kind::Unexpected, 0);
    refused("-", Kind::UnexpectedEnd, 1);
    refused("- 1", Kind::Unexpected, 1);
    refused("1 1", Kind::Trailing, 2);
    refused("nullx", Kind::Trailing, 4);
    refused("01", Kind::LeadingZero, 0);
    refused("-00", Kind::LeadingZero, 0);
    refused("[1.0]", Kind::NotAnInteger, 1);
    refused("1e3", Kind::NotAnInteger, 0);
    refused("-2E1", Kind::NotAnInteger, 0);
    refused("b#abc", Kind::Hex, 2);
    refused("addr#00", Kind::Hex, 5);
    refused("\"a", Kind::UnexpectedEnd, 2);
    refused("\"a\\", Kind::UnexpectedEnd, 3);
    refused("\"\\x\"", Kind::Escape, 1);
    refused("\"\\u12g4\"", Kind::Escape, 1);
    refused("\"\\u+123\"", Kind::Escape, 1);
    refused("\"\\ud800\"", Kind::Surrogate, 1);
    refused("\"\\ud800\\u0041\"", Kind::Surrogate, 1);
    refused("\"\\udc00\"", Kind::Surrogate, 1);
    refused("\"\n\"", Kind::Control, 1);
    refused("{\"b\":1,\"a\":2,\"a\":3,\"b\":4}", Kind::DuplicateKey, 13);
    refused("{\"a\":1,\"\\u0061\":2}", Kind::DuplicateKey, 7);
}

#[test]
fn a_number_with_a_fraction_is_told_that_there_are_no_floats() {
    let message = "1.5".parse::<Value>().unwrap_err().to_string();
    assert!(message.contains("no floating-point type"), "{message}");
}

#[test]
fn an_integer_of_a_mebibyte_is_refused_without_converting_it() {
    refused(&"9".repeat(1 << 20), Kind::IntTooLarge, 0);
}
