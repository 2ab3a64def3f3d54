//! Doubles for the parts around the core, for tests and fuzzing: no compiler, no disk, no network.
//!
//! - [`MemoryHost`] is a whole node in memory: a chain's contracts, balances and storage.
//! - [`ScriptedEngine`] runs Rust closures in place of WebAssembly; [`play`] runs a single one.
//! - [`conformance`] checks a node's own parts for the promises of the traits.
//! - [`fault`] makes any part fail at a chosen call; [`trace`] writes down every host call.
//!
//! ```
//! use std::sync::Arc;
//! use subvm_core::{Entry, Message, Outcome, Params, Role, Run, calldata::Value, host::State, run};
//! use subvm_host_mock::{MemoryHost, ScriptedEngine};
//!
//! let mut engine = ScriptedEngine::new();
//! let contract = engine.script(|machine| {
//!     machine.storage_write(7, 0, b"hello")?;
//!     machine.end_with("Return", 42)
//! });
//! let host = MemoryHost::new();
//! let message = Message::default();
//! host.deploy(message.contract_address, contract);
//! let (_, report) = run(Arc::new(engine), host.node(), Run {
//!     message,
//!     entry: Entry::Contract,
//!     role: Role::Leader,
//!     params: Arc::new(Params::default()),
//!     state: State::Accepted,
//!     deadline: None,
//!     cancel: None,
//! });
//! let report = report.unwrap();
//! assert_eq!(report.outcome, Outcome::Return(Value::from(42).encode().unwrap()));
//! assert_eq!(report.receipt.storage.len(), 1);
//! ```

pub mod conformance;
mod engine;
pub mod fault;
mod host;
mod machine;
mod play;
pub mod trace;

pub use engine::ScriptedEngine;
pub use host::{MemoryHost, Printed};
pub use machine::{Machine, Script};
pub use play::play;
