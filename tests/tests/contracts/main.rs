//! Contracts that are written with `subvm-sdk`, on the real engine, as leader and validators.

mod documents;
mod oracle;
mod scenarios;
mod token;
mod workshop;

use subvm_testing::{Golden, Map, Value};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A compiled contract of `tests/guests/contracts`.
fn module(name: &str) -> Vec<u8> {
    std::fs::read(format!("{ROOT}/tests/guests/contracts/wasm/{name}.wasm")).unwrap()
}

/// Calldata in its text form.
#[track_caller]
fn map(text: &str) -> Map {
    let Ok(Value::Map(map)) = text.parse() else { panic!("{text} is no map") };
    map
}

fn golden(name: &str) -> Golden {
    Golden::at(format!("{ROOT}/tests/golden/contracts/{name}.txt"))
}
