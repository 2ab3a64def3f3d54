//! Requests of `gl_call`, well-formed and near to it, from a table of what the specification says of their fields.

use num_bigint::BigUint;
use subvm_core::Address;
use subvm_core::calldata::{Int, Map, Value};

use super::field::{any, bad, good, text};
use crate::fuzz::source::Source;
use crate::requests::{REQUESTS, Row};

/// A request, and what the model knows of it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) bytes: Vec<u8>,
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

/// The requests whose argument is no map of fields.
const OTHERS: [&str; 4] = ["Return", "UserError", "Rollback", "Trace"];

/// A request: mostly well-formed, sometimes with one thing wrong, sometimes any bytes.
pub(super) fn request(source: &mut Source<'_>) -> Asked {
    match source.below(24) {
        row @ 0..16 => with_fields(source, REQUESTS[usize::from(row)]),
        16 => {
            let value = any(source);
            let bytes = value.encode().expect("it is small");
            Asked { bytes: envelope("Return", value), means: Means::Return(bytes) }
        }
        17 => {
            let (name, text) = (source.choose(&["UserError", "Rollback"]), text(source));
            Asked { bytes: envelope(name, Value::Str(text.clone())), means: Means::UserError(text) }
        }
        18 => Asked { bytes: envelope("Trace", "RuntimeMicroSec".into()), means: Means::TraceRuntime },
        19 => {
            let text = text(source);
            let message = Map::from([("Message", Value::Str(text.clone()))]);
            Asked { bytes: envelope("Trace", Value::Map(message)), means: Means::TraceMessage(text) }
        }
        20 => wrong_argument(source),
        21 => wrong_envelope(source),
        _ => {
            let bytes = source.bytes();
            Asked { means: guess(&bytes), bytes }
        }
    }
}

/// What bytes can mean of which nobody knows more.
pub(super) fn guess(bytes: &[u8]) -> Means {
    let value = Value::decode(bytes).ok();
    let name = value.as_ref().and_then(Value::as_map).filter(|map| map.len() == 1).and_then(|map| map.keys().next());
    let known = REQUESTS.iter().map(|row| row.0).chain(OTHERS);
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
    Asked { bytes: envelope(name, Value::Map(map)), means }
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
    Asked { bytes: envelope(name, value), means: Means::Nothing }
}

/// A well-formed request in what is no envelope.
fn wrong_envelope(source: &mut Source<'_>) -> Asked {
    let inner = ("Return", Value::Null);
    let mut bytes = envelope(inner.0, inner.1.clone());
    match source.below(6) {
        0 => bytes.push(source.byte()),
        1 => drop(bytes.pop()),
        2 => bytes.clear(),
        3 => bytes = Value::Map(Map::from([inner, ("UserError", Value::from("x"))])).encode().expect("it is small"),
        4 => bytes = Value::array([Value::from(inner.0), inner.1]).encode().expect("it is small"),
        _ => bytes = envelope("return", inner.1),
    }
    Asked { bytes, means: Means::Nothing }
}
