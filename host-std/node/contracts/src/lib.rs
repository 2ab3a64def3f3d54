//! Contracts in Rust, which the mock engine runs, and the web that they ask: what tests, simulations and measurements of chains have in common.
//!
//! ```
//! use subvm_host_mock::ScriptedEngine;
//! use subvm_sample_contracts::{ask, count};
//!
//! let mut engine = ScriptedEngine::new();
//! // An oracle that counts how often it was asked.
//! let package = engine.script(|machine| {
//!     let answer = ask(machine)?;
//!     count(machine)?;
//!     machine.storage_write(0, 0, &answer)?;
//!     machine.end_with("Return", subvm_core::calldata::Value::Bytes(answer))
//! });
//! # drop(package);
//! ```
#![forbid(unsafe_code)]

use std::time::Duration;

use subvm_core::End;
use subvm_core::calldata::{Map, Value};
use subvm_core::host::{HostError, Modules, Progress, RequestId, Rng};
use subvm_host_mock::Machine;

/// The slot in which contracts count.
pub const COUNT: u8 = 1;
/// By how much two answers may differ that are as good as each other.
pub const TOLERANCE: i64 = 5;

/// A map of calldata.
#[must_use]
pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(Map::from(entries))
}

/// Asks the web for a number, in a non-deterministic block, and gives what its leader and the others agreed on. In the run of that block itself it
/// ends, with the number.
///
/// # Errors
/// How the run ends.
pub fn ask(machine: &mut Machine<'_>) -> Result<Vec<u8>, End> {
    if machine.message()?["entry_kind"] == Value::from(2) {
        let page = map([("mode", "text".into()), ("url", "price".into()), ("wait_after_loaded", "0ms".into())]);
        let answer = machine.request("WebRender", page)?.unwrap_or_default();
        let own = Value::decode(&answer).unwrap_or_default()["ok"].clone();
        machine.end_with("Return", own)?;
    }
    let numeric = map([("Numeric", map([("abs", TOLERANCE.into()), ("rel_ppm", 0.into())]))]);
    let block = map([("data", Value::Bytes(vec![1])), ("strategy", numeric)]);
    Ok(machine.request("RunNondetWith", block)?.unwrap_or_default())
}

/// Counts in storage how often the contract came here.
///
/// # Errors
/// How the run ends.
pub fn count(machine: &mut Machine<'_>) -> Result<(), End> {
    let count = machine.storage_read(COUNT, 0, 8)?.unwrap_or_default();
    let count = count.try_into().map(u64::from_le_bytes).unwrap_or_default() + 1;
    machine.storage_write(COUNT, 0, &count.to_le_bytes()).map(drop)
}

/// A web that knows one number, or nothing; and random bytes that are always the same.
///
/// ```
/// use subvm_core::host::{Modules, RequestId};
/// use std::time::Duration;
/// let mut web = subvm_sample_contracts::Web(None);
/// assert!(web.start(&[]).is_ok() && web.wait(RequestId(0), Duration::ZERO).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Web(pub Option<i64>);

impl Modules for Web {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Ok(RequestId(0))
    }

    fn wait(&mut self, _: RequestId, _: Duration) -> Result<Progress, HostError> {
        let answer = self.0.ok_or("the line is dead")?;
        Ok(Progress::Ready(map([("ok", answer.into())]).encode()?))
    }

    fn cancel(&mut self, _: RequestId) {}
}

impl Rng for Web {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        into.fill(7);
        Ok(())
    }
}
