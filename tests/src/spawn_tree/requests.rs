//! The `gl_call` requests of a tree.

use subvm_core::Address;
use subvm_core::calldata::{Map, Value};

use super::Strategy;
use super::chain::OTHER;

/// What a request to a module is answered with: `{"ok": bool}`.
pub(super) const MODULE_ANSWER: u64 = 5;

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(Map::from(entries))
}

fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

fn request(name: &str, argument: Value) -> Vec<u8> {
    map([(name, argument)]).encode().unwrap_or_default()
}

pub(super) fn send(value: u8) -> Vec<u8> {
    request(
        "EthSend",
        map([("address", Value::Address(OTHER)), ("calldata", bytes(b"pay")), ("value", i64::from(value).into())]),
    )
}

pub(super) fn emit() -> Vec<u8> {
    request("EmitEvent", map([("topics", Value::array([0i64; 0])), ("blob", map([("k", 1.into())]))]))
}

pub(super) fn call_below() -> Vec<u8> {
    request("EthCall", map([("address", Value::Address(OTHER)), ("calldata", bytes(b"ask"))]))
}

/// What the chain of the double answers to [`call_below`].
pub(super) fn answer_below() -> Vec<u8> {
    bytes(&[&OTHER.0[..], b"ask"].concat()).encode().unwrap_or_default()
}

pub(super) fn prompt() -> Vec<u8> {
    request(
        "ExecPrompt",
        map([("prompt", "?".into()), ("response_format", "text".into()), ("images", Value::array([0i64; 0]))]),
    )
}

pub(super) fn malformed() -> Vec<u8> {
    request("Sandbox", map([("data", bytes(b""))]))
}

pub(super) fn sandbox(node: usize, write: bool, send: bool, time: Option<i64>) -> Vec<u8> {
    let fields =
        [("data", bytes(&[node as u8])), ("allow_write_storage", write.into()), ("allow_send_messages", send.into())];
    let mut fields = Map::from(fields);
    if let Some(time) = time {
        fields.insert("gas_time", time);
    }
    request("Sandbox", Value::Map(fields))
}

pub(super) fn call(node: usize, address: Address, state: u8) -> Vec<u8> {
    request(
        "CallContract",
        map([
            ("address", Value::Address(address)),
            ("calldata", (node as i64).into()),
            ("state", i64::from(state).into()),
        ]),
    )
}

pub(super) fn block(node: usize, agree: bool) -> Vec<u8> {
    request(
        "RunNondet",
        map([("data_leader", bytes(&[node as u8])), ("data_validator", bytes(&[node as u8, agree.into()]))]),
    )
}

pub(super) fn block_with(node: usize, strategy: Strategy) -> Vec<u8> {
    let strategy = match strategy {
        Strategy::StrictEq => "StrictEq".into(),
        Strategy::Numeric { abs, rel } => {
            let fields = map([("abs", i64::from(abs % 4).into()), ("rel_ppm", (i64::from(rel % 16) * 1000).into())]);
            map([("Numeric", fields)])
        }
        Strategy::Comparative => map([("Comparative", map([("principle", "p".into())]))]),
        Strategy::NonComparative => map([("NonComparative", map([("task", "t".into()), ("criteria", "c".into())]))]),
    };
    request("RunNondetWith", map([("data", bytes(&[node as u8])), ("strategy", strategy)]))
}
