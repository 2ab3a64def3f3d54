//! Transactions in a browser: subvm, compiled to WebAssembly, runs the vectors on wasmi. `tests/tests/browser.rs` has Node run this.

#[path = "../../src/vectors.rs"]
mod vectors;

use std::sync::Arc;

use serde_json::{Value as Json, json};
use subvm_core::{Engine, Role};
use subvm_wasmi::WasmiEngine;

/// All the vectors, as text.
const VECTORS: &str = include_str!("../../vectors/transactions.json");

/// What transaction `index` of the vectors comes to for a leader, as JSON in UTF-8 behind its length in four bytes, least significant first.
/// Nobody takes the memory back.
#[unsafe(no_mangle)]
pub extern "C" fn run_transaction(index: usize) -> *const u8 {
    let all: Json = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let engine: Arc<dyn Engine> = Arc::new(WasmiEngine::new());
    let said = match vectors::run_given(&all["transactions"][index]["given"], &engine, Role::Leader) {
        Ok(report) => json!({
            "receipt": vectors::hex(&report.receipt.to_bytes()),
            "receipt_digest": vectors::hex(&report.receipt.digest()),
            "gas_time": report.receipt.gas.time,
            "diagnostics": report.diagnostics,
        }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    let said = said.to_string();
    let length = u32::try_from(said.len()).expect("a short text");
    [&length.to_le_bytes()[..], said.as_bytes()].concat().leak().as_ptr()
}
