//! What may stand in the fields of requests, and what may not.

use num_bigint::BigInt;
use subvm_core::calldata::{Int, Map, Value};

use super::{CONTRACT, NOBODY, OTHER};
use crate::fuzz::source::Source;
use crate::requests::Field;

/// A value that may stand in a field.
pub(super) fn good(field: Field, source: &mut Source<'_>) -> Value {
    match field {
        Field::Any => any(source),
        Field::Bytes => Value::Bytes(source.bytes()),
        Field::Str => Value::Str(text(source)),
        Field::Bool => Value::Bool(source.below(2) == 1),
        Field::Address => Value::Address(source.choose(&[CONTRACT, OTHER, NOBODY])),
        Field::Word => Value::Int(source.choose(&[Int::from(0), 1.into(), 5.into(), 1000.into(), largest_word()])),
        Field::On => Value::from(source.choose(&["accepted", "finalized"])),
        Field::State => Value::from(source.below(3)),
        Field::Ticks => Value::Int(source.choose(&[Int::from(0), 50_000.into(), power(64), power(300)])),
        Field::Strategy => strategy(source),
        Field::Topics => (0..source.below(5)).map(|topic| Value::Bytes(vec![topic; 32])).collect::<Vec<_>>().into(),
        Field::Map => Value::Map((0..source.below(3)).map(|key| (format!("k{key}"), any(source))).collect()),
        Field::Headers => {
            Value::Map((0..source.below(3)).map(|key| (format!("h{key}"), Value::Bytes(source.bytes()))).collect())
        }
        Field::Body if source.below(2) == 0 => Value::Null,
        Field::Body => Value::Bytes(source.bytes()),
        Field::RenderMode => Value::from(source.choose(&["text", "html", "screenshot"])),
        Field::Format => Value::from(source.choose(&["text", "json"])),
        Field::Images => (0..source.below(3)).map(|_| Value::Bytes(source.bytes())).collect::<Vec<_>>().into(),
        Field::Is(name) => Value::from(name),
    }
}

fn strategy(source: &mut Source<'_>) -> Value {
    let tolerances = [Int::from(0), 1.into(), largest_word()];
    let (name, fields) = match source.below(4) {
        0 => return "StrictEq".into(),
        1 => {
            let [abs, rel] = [0; 2].map(|_| Value::Int(source.choose(&tolerances)));
            ("Numeric", Map::from([("abs", abs), ("rel_ppm", rel)]))
        }
        2 => ("Comparative", Map::from([("principle", Value::Str(text(source)))])),
        _ => {
            ("NonComparative", Map::from([("task", Value::Str(text(source))), ("criteria", Value::Str(text(source)))]))
        }
    };
    Value::Map(Map::from([(name, Value::Map(fields))]))
}

/// A value that may not stand in a field; nothing where any may.
pub(super) fn bad(field: Field, source: &mut Source<'_>) -> Option<Value> {
    let numeric = |abs, rel| {
        let fields = Map::from([("abs", Value::Int(abs)), ("rel_ppm", Value::Int(rel))]);
        Value::Map(Map::from([("Numeric", Value::Map(fields))]))
    };
    let words = |len: usize, count: usize| -> Value { vec![Value::Bytes(vec![1; len]); count].into() };
    let choices = match field {
        Field::Any => return None,
        Field::Bytes => vec![Value::Null, "text".into(), 1.into()],
        Field::Str | Field::Is(_) => vec![Value::Null, Value::Bytes(b"text".to_vec()), 1.into()],
        Field::Bool => vec![Value::Null, 0.into(), "true".into()],
        Field::Address => vec![Value::Bytes(vec![1; 20]), "0x01".into(), Value::Null],
        Field::Word => vec![Value::from(-1), Value::Int(power(256)), "1".into(), Value::Null],
        Field::On => vec!["".into(), "Accepted".into(), Value::Bytes(b"accepted".to_vec()), 0.into()],
        Field::State => vec![3.into(), Value::from(-1), 256.into(), Value::Int(power(64)), "0".into(), false.into()],
        Field::Ticks => vec![Value::from(-1), Value::Int(-power(64)), "1".into(), Value::Null],
        Field::Strategy => vec![
            "strictEq".into(),
            numeric(Int::from(-1), Int::from(0)),
            numeric(Int::from(0), power(256)),
            Value::Map(Map::from([("Numeric", Value::Map(Map::from([("abs", Value::from(1))])))])),
            Value::Map(Map::from([("Comparative", Value::Null), ("Numeric", Value::Null)])),
            Value::Map(Map::from([("Comparative", Value::Map(Map::from([("principle", Value::Null)])))])),
            Value::Map(Map::new()),
        ],
        Field::Topics => vec![words(32, 5), words(31, 1), words(33, 4), Value::Map(Map::new()), Value::Null],
        Field::Map => vec![Value::Null, words(1, 1)],
        Field::Headers => vec![Value::Map(Map::from([("h", Value::from("text"))])), words(1, 1), Value::Null],
        Field::Body => vec!["text".into(), 0.into()],
        Field::RenderMode => vec!["Text".into(), "".into(), 0.into()],
        Field::Format => vec!["JSON".into(), "".into(), 0.into()],
        Field::Images => vec![words(1, 3), Value::array(["text"]), Value::Null],
    };
    Some(source.choose(&choices))
}

/// Any value, of a few bytes.
pub(super) fn any(source: &mut Source<'_>) -> Value {
    match source.below(6) {
        0 => Value::Null,
        1 => Value::from(source.byte()),
        2 => Value::Str(text(source)),
        3 => Value::Bytes(source.bytes()),
        4 => Value::array([Value::Null, Value::Address(OTHER)]),
        _ => Value::Map(Map::from([("k", Value::Bool(true))])),
    }
}

pub(super) fn text(source: &mut Source<'_>) -> String {
    String::from_utf8_lossy(&source.bytes()).into_owned()
}

fn power(exponent: u32) -> Int {
    Int::from(BigInt::from(1) << exponent)
}

fn largest_word() -> Int {
    Int::from((BigInt::from(1) << 256) - 1)
}
