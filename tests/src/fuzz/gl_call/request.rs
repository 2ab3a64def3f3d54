//! Requests of `gl_call`, well-formed and near to it, from a table of what the specification says of their fields.

use num_bigint::{BigInt, BigUint};
use subvm_core::Address;
use subvm_core::calldata::{Int, Map, Value};

use super::{CONTRACT, NOBODY, OTHER};
use crate::fuzz::source::Source;

/// A request, and what the model knows of it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) octets: Vec<u8>,
    pub(super) means: Means,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Means {
    /// Nothing: it is refused as `inval`.
    Nothing,
    /// It may be well-formed or not.
    Anything,
    Return(Vec<u8>),
    UserError(String),
    Block,
    Sandbox,
    Call(Address),
    EthCall(Vec<u8>),
    Message(BigUint),
    Module,
    TraceMessage(String),
    TraceRuntime,
}

/// What may stand in a field.
#[derive(Clone, Copy)]
enum Field {
    Any,
    Bytes,
    Str,
    Bool,
    Address,
    Word,
    On,
    State,
    Ticks,
    Strategy,
    Topics,
    Map,
    Headers,
    Body,
    RenderMode,
    Format,
    Images,
    Is(&'static str),
}

type Row = (&'static str, &'static [(&'static str, Field)]);

/// The requests whose argument is a map of fields. Source: `docs/spec/sdk.md`.
const TABLE: [Row; 16] = [
    ("RunNondet", &[("data_leader", Field::Bytes), ("data_validator", Field::Bytes)]),
    ("RunNondetWith", &[("data", Field::Bytes), ("strategy", Field::Strategy)]),
    ("Sandbox", &[("data", Field::Bytes), ("allow_write_storage", Field::Bool), ("allow_send_messages", Field::Bool)]),
    (
        "Sandbox",
        &[
            ("data", Field::Bytes),
            ("allow_write_storage", Field::Bool),
            ("allow_send_messages", Field::Bool),
            ("gas_time", Field::Ticks),
        ],
    ),
    ("CallContract", &[("address", Field::Address), ("calldata", Field::Any), ("state", Field::State)]),
    (
        "PostMessage",
        &[("address", Field::Address), ("calldata", Field::Any), ("value", Field::Word), ("on", Field::On)],
    ),
    (
        "DeployContract",
        &[
            ("calldata", Field::Any),
            ("code", Field::Bytes),
            ("value", Field::Word),
            ("on", Field::On),
            ("salt_nonce", Field::Word),
        ],
    ),
    ("EthSend", &[("address", Field::Address), ("calldata", Field::Bytes), ("value", Field::Word)]),
    ("EthCall", &[("address", Field::Address), ("calldata", Field::Bytes)]),
    ("EmitEvent", &[("topics", Field::Topics), ("blob", Field::Map)]),
    ("WebRequest", &[("method", Field::Str), ("url", Field::Str), ("headers", Field::Headers), ("body", Field::Body)]),
    ("WebRender", &[("mode", Field::RenderMode), ("url", Field::Str), ("wait_after_loaded", Field::Str)]),
    ("ExecPrompt", &[("prompt", Field::Str), ("response_format", Field::Format), ("images", Field::Images)]),
    (
        "ExecPromptTemplate",
        &[
            ("template", Field::Is("EqComparative")),
            ("leader_answer", Field::Str),
            ("validator_answer", Field::Str),
            ("principle", Field::Str),
        ],
    ),
    (
        "ExecPromptTemplate",
        &[
            ("template", Field::Is("EqNonComparativeLeader")),
            ("task", Field::Str),
            ("criteria", Field::Str),
            ("input", Field::Str),
        ],
    ),
    (
        "ExecPromptTemplate",
        &[
            ("template", Field::Is("EqNonComparativeValidator")),
            ("task", Field::Str),
            ("criteria", Field::Str),
            ("input", Field::Str),
            ("output", Field::Str),
        ],
    ),
];

/// The requests whose argument is no map of fields.
const OTHERS: [&str; 4] = ["Return", "UserError", "Rollback", "Trace"];

/// A request: mostly well-formed, sometimes with one thing wrong, sometimes any octets.
pub(super) fn request(source: &mut Source<'_>) -> Asked {
    match source.below(24) {
        row @ 0..16 => with_fields(source, TABLE[usize::from(row)]),
        16 => {
            let value = any(source);
            let octets = value.encode().expect("it is small");
            Asked { octets: envelope("Return", value), means: Means::Return(octets) }
        }
        17 => {
            let (name, text) = (source.choose(&["UserError", "Rollback"]), text(source));
            Asked { octets: envelope(name, Value::Str(text.clone())), means: Means::UserError(text) }
        }
        18 => Asked { octets: envelope("Trace", "RuntimeMicroSec".into()), means: Means::TraceRuntime },
        19 => {
            let text = text(source);
            let message = Map::from([("Message", Value::Str(text.clone()))]);
            Asked { octets: envelope("Trace", Value::Map(message)), means: Means::TraceMessage(text) }
        }
        20 => wrong_argument(source),
        21 => wrong_envelope(source),
        _ => {
            let octets = source.octets();
            Asked { means: guess(&octets), octets }
        }
    }
}

/// What octets can mean of which nobody knows more.
pub(super) fn guess(octets: &[u8]) -> Means {
    let value = Value::decode(octets).ok();
    let name = value.as_ref().and_then(Value::as_map).filter(|map| map.len() == 1).and_then(|map| map.keys().next());
    let known = TABLE.iter().map(|row| row.0).chain(OTHERS);
    if name.is_some_and(|name| known.into_iter().any(|known| known == name)) { Means::Anything } else { Means::Nothing }
}

/// A request by its row of the table; in one of four, one thing is wrong with its fields.
fn with_fields(source: &mut Source<'_>, (name, fields): Row) -> Asked {
    let mut map: Map = fields.iter().map(|(name, field)| (*name, good(*field, source))).collect();
    let mut means = meaning(name, &map);
    if source.once_in(4) {
        means = Means::Nothing;
        let (chosen, field) = source.choose(fields);
        match source.below(4) {
            0 if chosen != "gas_time" => drop(map.remove(chosen)),
            1 => drop(map.insert("unknown", Value::Null)),
            2 => {
                let value = map.remove(chosen).unwrap_or_default();
                map.insert(format!("{chosen}_"), value);
            }
            _ => match bad(field, source) {
                Some(value) => drop(map.insert(chosen, value)),
                None => drop(map.insert("zz", Value::Null)),
            },
        }
    }
    Asked { octets: envelope(name, Value::Map(map)), means }
}

fn meaning(name: &str, fields: &Map) -> Means {
    let address = || fields.get("address").and_then(Value::as_address).unwrap_or_default();
    let value = || fields.get("value").and_then(Value::as_int).and_then(Int::to_u256_le);
    match name {
        "RunNondet" | "RunNondetWith" => Means::Block,
        "Sandbox" => Means::Sandbox,
        "CallContract" => Means::Call(address()),
        "EthCall" => {
            let calldata = fields.get("calldata").and_then(Value::as_bytes).unwrap_or_default();
            Means::EthCall([&address().0, calldata].concat())
        }
        "PostMessage" | "DeployContract" | "EthSend" | "EmitEvent" => {
            Means::Message(BigUint::from_bytes_le(&value().unwrap_or_default()))
        }
        _ => Means::Module,
    }
}

fn envelope(name: &str, argument: Value) -> Vec<u8> {
    Value::Map(Map::from([(name, argument)])).encode().expect("it is small")
}

/// Arguments that are not what the request takes.
fn wrong_argument(source: &mut Source<'_>) -> Asked {
    let name = source.choose(&["UserError", "Rollback", "Trace", "Sandbox", "EmitEvent", "ExecPrompt"]);
    let value = source.choose(&[
        Value::Null,
        Value::Int(7.into()),
        Value::Bytes(b"text".to_vec()),
        Value::array(["text"]),
        Value::Map(Map::from([("Message", Value::Int(1.into()))])),
        Value::Map(Map::from([("Message", Value::from("a")), ("other", Value::Null)])),
        Value::Map(Map::new()),
    ]);
    Asked { octets: envelope(name, value), means: Means::Nothing }
}

/// A well-formed request in what is no envelope.
fn wrong_envelope(source: &mut Source<'_>) -> Asked {
    let inner = ("Return", Value::Null);
    let mut octets = envelope(inner.0, inner.1.clone());
    match source.below(6) {
        0 => octets.push(source.octet()),
        1 => drop(octets.pop()),
        2 => octets.clear(),
        3 => octets = Value::Map(Map::from([inner, ("UserError", Value::from("x"))])).encode().expect("it is small"),
        4 => octets = Value::array([Value::from(inner.0), inner.1]).encode().expect("it is small"),
        _ => octets = envelope("return", inner.1),
    }
    Asked { octets, means: Means::Nothing }
}

/// A value that may stand in a field.
fn good(field: Field, source: &mut Source<'_>) -> Value {
    match field {
        Field::Any => any(source),
        Field::Bytes => Value::Bytes(source.octets()),
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
            Value::Map((0..source.below(3)).map(|key| (format!("h{key}"), Value::Bytes(source.octets()))).collect())
        }
        Field::Body if source.below(2) == 0 => Value::Null,
        Field::Body => Value::Bytes(source.octets()),
        Field::RenderMode => Value::from(source.choose(&["text", "html", "screenshot"])),
        Field::Format => Value::from(source.choose(&["text", "json"])),
        Field::Images => (0..source.below(3)).map(|_| Value::Bytes(source.octets())).collect::<Vec<_>>().into(),
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
fn bad(field: Field, source: &mut Source<'_>) -> Option<Value> {
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

/// Any value, of a few octets.
fn any(source: &mut Source<'_>) -> Value {
    match source.below(6) {
        0 => Value::Null,
        1 => Value::from(source.octet()),
        2 => Value::Str(text(source)),
        3 => Value::Bytes(source.octets()),
        4 => Value::array([Value::Null, Value::Address(OTHER)]),
        _ => Value::Map(Map::from([("k", Value::Bool(true))])),
    }
}

fn text(source: &mut Source<'_>) -> String {
    String::from_utf8_lossy(&source.octets()).into_owned()
}

fn power(exponent: u32) -> Int {
    Int::from(BigInt::from(1) << exponent)
}

fn largest_word() -> Int {
    Int::from((BigInt::from(1) << 256) - 1)
}
