//! The transactions of `tests/vectors/transactions.json`: what is given in one, run on an engine.

use std::sync::Arc;

use serde_json::Value as Json;
use subvm_core::calldata::Value;
use subvm_core::host::{Node, State};
use subvm_core::wasi::Refused;
use subvm_core::{
    Engine, Entry, Gas, InternalError, Library, Message, PageWrite, Parts, Receipt, Report, Role, Run, SlotId, run,
};
use subvm_host_mock::MemoryHost;

/// What a transaction comes to in this role, where its modules stand in the vectors as bytes.
///
/// # Errors
/// An internal error.
///
/// # Panics
/// Where the vectors are malformed, or the run asks modules for something else than they say.
pub fn run_given(given: &Json, engine: &Arc<dyn Engine>, role: Role) -> Result<Report, InternalError> {
    let modules = modules(given, &role);
    let (host, node, transaction) = setting(given, role);
    let (_, report) = run(engine.clone(), node, transaction);
    let asked: Vec<Vec<u8>> = modules.iter().map(|pair| value(&pair[0]).encode().unwrap()).collect();
    assert_eq!(host.asked(), asked);
    report
}

/// The chain of a transaction, a node of it, and what it is to run.
///
/// # Panics
/// Where the vectors are malformed.
#[must_use]
pub fn setting(given: &Json, role: Role) -> (MemoryHost, Node, Run) {
    let message = message(given);
    let host = MemoryHost::new();
    host.set_now(given["now"].as_u64().unwrap());
    host.set_balance(message.contract_address, given["balance"].as_u64().unwrap().into());
    host.apply(State::Accepted, message.contract_address, &storage(given));
    let libraries = list(&given["libraries"])
        .iter()
        .map(|library| Library { name: text(&library["name"]).into(), wasm: bytes(&library["wasm"]).into() });
    let parts =
        Parts { start: bytes(&given["start"]["wasm"]).into(), libraries: libraries.collect(), ..Parts::default() };
    host.deploy(message.contract_address, Arc::new(parts.check(&Refused::default()).unwrap()));
    modules(given, &role).iter().for_each(|pair| host.answer(value(&pair[1]).encode().unwrap()));
    let (entry, params, state) = (Entry::Contract, Arc::default(), State::Accepted);
    let node = host.node();
    (host, node, Run { message, entry, role, params, state, deadline: None, cancel: None })
}

/// What modules are asked, and answer, in a role.
fn modules<'a>(given: &'a Json, role: &Role) -> &'a [Json] {
    if matches!(role, Role::Sync { .. }) { &[] } else { list(&given["modules"]) }
}

/// The message of a transaction.
///
/// # Panics
/// Where it is malformed.
#[must_use]
pub fn message(given: &Json) -> Message {
    let fields = value(&given["message"]);
    let address = |name: &str| fields[name].as_address().unwrap();
    Message {
        contract_address: address("contract_address"),
        sender_address: address("sender_address"),
        origin_address: address("origin_address"),
        stack: Vec::new(),
        chain_id: fields["chain_id"].as_int().unwrap().clone(),
        value: fields["value"].as_int().unwrap().clone(),
        is_init: fields["is_init"].as_bool().unwrap(),
        entry_data: fields["entry_data"].as_bytes().unwrap().to_vec(),
        ..Message::default()
    }
}

/// The storage before the run, as a receipt that writes whole pages.
fn storage(given: &Json) -> Receipt {
    let pages = list(&given["storage"]).iter().map(|write| PageWrite {
        slot: SlotId(bytes(&write[0]).try_into().unwrap()),
        page: (write[1].as_u64().unwrap() / 32).try_into().unwrap(),
        content: bytes(&write[2]).try_into().unwrap(),
    });
    let [params, message] = [[0; 32]; 2];
    let (result, gas, storage) = (vec![0, 0], Gas::default(), pages.collect());
    Receipt { params, message, result, gas, storage, messages: Vec::new(), nondet: Vec::new() }
}

/// The items of a list.
///
/// # Panics
/// Where it is none.
#[must_use]
pub fn list(json: &Json) -> &[Json] {
    json.as_array().unwrap()
}

/// A text.
///
/// # Panics
/// Where it is none.
#[must_use]
pub fn text(json: &Json) -> &str {
    json.as_str().unwrap()
}

/// Calldata in its text form.
///
/// # Panics
/// Where it is none.
#[must_use]
pub fn value(json: &Json) -> Value {
    text(json).parse().unwrap()
}

/// Bytes, written in hexadecimal digits.
///
/// # Panics
/// Where it is none.
#[must_use]
pub fn bytes(json: &Json) -> Vec<u8> {
    format!("b#{}", text(json)).parse::<Value>().unwrap().try_into().unwrap()
}

/// Bytes in hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
