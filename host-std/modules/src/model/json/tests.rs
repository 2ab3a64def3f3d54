use proptest::prelude::*;
use serde_json::Value as Serde;

use super::*;
use subvm_core::calldata::Map;

#[test]
fn objects_become_maps() {
    let text = r#" {"b": [1, -2, 1.5, 1e3, 123456789012345678901234567890, true, null], "a": "é"} "#;
    let expected = r#"{"a":"é","b":[1,-2,"1.5","1e3",123456789012345678901234567890,true,null]}"#;
    assert_eq!(object(text).unwrap().to_string(), expected);
    let escapes = r#"{"\u0061\n": "\"\\\/\b\f\r\t\u00e9\ud83d\ude00"}"#;
    assert_eq!(object(escapes).unwrap(), Value::from(Map::from([("a\n", "\"\\/\u{8}\u{c}\r\té😀")])));
}

#[test]
fn nothing_else_is_taken() {
    for text in [
        "",
        "[]",
        "1",
        "{} {}",
        "```json\n{}\n```",
        "{'a': 1}",
        "{\"a\": NaN}",
        "Sure: {}",
        "{\"a\": 01}",
        "{\"a\": 1.}",
        "{\"a\": .5}",
        "{\"a\": 1e}",
        "{\"a\": +1}",
        "{\"a\": -}",
        "{\"a\": 1,}",
        "{,}",
        "{\"a\"}",
        "{\"a\": \"\n\"}",
        "{\"a\": \"\\x\"}",
        "{\"a\": \"\\u12g4\"}",
        "{\"a\": \"\\ud800\"}",
        "{\"a\": \"\\udc00\"}",
        "{\"a\": \"\\ud800\\ud800\"}",
        "{\"a\": \"b}",
        "{\"a\": tru}",
        "\u{feff}{}",
    ] {
        assert!(object(text).is_err(), "{text}");
    }
}

#[test]
fn a_key_stands_once_at_any_depth() {
    for text in [
        r#"{"a": 1, "a": 1}"#,
        r#"{"a": 1, "\u0061": 2}"#,
        r#"{"b": [{"a": {}, "c": 1, "a": {}}]}"#,
        r#"{"": 1, "": 2}"#,
    ] {
        assert!(object(text).is_err(), "{text}");
    }
    assert!(object(r#"{"a": {"a": {"a": 1}}, "A": 2}"#).is_ok());
}

/// A library's own way to write numbers down is no way into ours.
#[test]
fn an_object_is_an_object_whatever_its_key() {
    let key = "$serde_json::private::Number";
    assert_eq!(
        object(&format!("{{\"a\": {{\"{key}\": \"1\"}}}}")).unwrap().to_string(),
        format!(r#"{{"a":{{"{key}":"1"}}}}"#)
    );
}

#[test]
fn what_is_read_is_bounded() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(object(&nested(127)).is_ok());
    assert!(object(&nested(128)).is_err());
    let number = |digits: usize| format!("{{\"a\":{}}}", "7".repeat(digits));
    assert!(object(&number(1024)).is_ok());
    assert!(object(&number(1025)).is_err());
    // Itself, its array, and what is in it.
    let many = |values: usize| format!("{{\"a\":[0{}]}}", ",0".repeat(values - 3));
    assert!(object(&many(1 << 17)).is_ok());
    assert!(object(&many((1 << 17) + 1)).is_err());

    for text in [number(3_900_000), "[".repeat(4_000_000), "{\"a\":".repeat(800_000), "\"".repeat(4_000_000)] {
        assert!(object(&text).is_err());
    }
    let million: String = (0..400).map(|_| format!("{},", "7".repeat(1024))).collect();
    assert!(object(&format!("{{\"a\":[{million}0]}}")).is_ok());
}

/// As another reader has it; nothing where a key stands twice, which that reader takes.
fn same(ours: &Json<'_>, theirs: &Serde) -> bool {
    match (ours, theirs) {
        (Json::Null, Serde::Null) => true,
        (Json::Bool(a), Serde::Bool(b)) => a == b,
        // It writes exponents in its own way.
        (Json::Number(a), Serde::Number(b)) => {
            let plain = |text: &str| text.to_ascii_lowercase().replace("e+", "e");
            plain(a) == plain(&b.to_string())
        }
        (Json::String(a), Serde::String(b)) => a == b,
        (Json::Array(a), Serde::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Serde::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => false,
    }
}

fn any_json() -> impl Strategy<Value = Serde> {
    let number = any::<(i64, f64)>().prop_map(|(int, float)| [Serde::from(int), Serde::from(float)]);
    let leaf = prop_oneof![
        Just(Serde::Null),
        any::<bool>().prop_map(Serde::from),
        (number, any::<bool>()).prop_map(|([int, float], first)| if first { int } else { float }),
        any::<String>().prop_map(Serde::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Serde::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Serde::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_others_write_is_read(json in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) }.unwrap();
        let ours = Json::read(&text);
        prop_assert!(ours.as_ref().is_ok_and(|ours| same(ours, &json)), "{text}: {ours:?}");
    }

    #[test]
    fn others_read_what_we_take(text in r#"[ \[\]{},:"\\0-9a-bu.eE+\-tfnrlsé]{0,24}"#) {
        match (Json::read(&text), serde_json::from_str::<Serde>(&text)) {
            (Ok(ours), theirs) => prop_assert!(theirs.is_ok_and(|theirs| same(&ours, &theirs)), "{text}"),
            // It takes a key that stands twice.
            (Err(_), Ok(theirs)) => prop_assert!(text.contains('{') && theirs.to_string().len() < text.len(), "{text}"),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn damage_is_no_panic(json in any_json(), at in any::<prop::sample::Index>(), with in any::<char>()) {
        let mut text: Vec<char> = serde_json::to_string(&json).unwrap().chars().collect();
        let at = at.index(text.len());
        text[at] = with;
        let text: String = text.into_iter().collect();
        let theirs = serde_json::from_str::<Serde>(&text);
        if let Ok(ours) = Json::read(&text) {
            prop_assert!(theirs.is_ok_and(|theirs| same(&ours, &theirs)), "{text}");
        }
    }
}
