//! What a model writes as JSON, as calldata.

use serde_json::Value as Json;
use subvm_core::calldata::{Int, Value};

use super::BAD_ANSWER;
use crate::Failure;

/// The calldata of a JSON object. Calldata has no fractions: a number with a fraction or an exponent becomes the string that was written.
///
/// # Errors
/// `bad_answer` when it is not one JSON object, with nothing around it.
pub(super) fn object(text: &str) -> Result<Value, Failure> {
    match serde_json::from_str(text) {
        Ok(json @ Json::Object(_)) => Ok(value(json)),
        _ => Err(BAD_ANSWER),
    }
}

/// Recursion is bounded: the parser refuses JSON deeper than 128.
fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => {
            let text = number.to_string();
            text.parse::<Int>().map_or(Value::Str(text), Value::Int)
        }
        Json::String(text) => Value::Str(text),
        Json::Array(items) => Value::Array(items.into_iter().map(value).collect()),
        Json::Object(entries) => Value::Map(entries.into_iter().map(|(key, json)| (key, value(json))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_become_maps() {
        let text = r#" {"b": [1, -2, 1.5, 1e3, 123456789012345678901234567890, true, null], "a": "é"} "#;
        let expected = r#"{"a":"é","b":[1,-2,"1.5","1e+3",123456789012345678901234567890,true,null]}"#;
        assert_eq!(object(text).unwrap().to_string(), expected);
    }

    #[test]
    fn nothing_else_is_taken() {
        for text in ["", "[]", "1", "{} {}", "```json\n{}\n```", "{'a': 1}", "{\"a\": NaN}", "Sure: {}"] {
            assert!(object(text).is_err(), "{text}");
        }
        assert!(object(&format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200))).is_err());
    }
}
