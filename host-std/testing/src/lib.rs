//! A chain in memory, for tests of contracts: the real engine runs them, nothing of the VM is a double.
//!
//! ```
//! use subvm_testing::{Chain, Map, Vote, web};
//!
//! # let oracle = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/oracle.wasm"));
//! let mut chain = Chain::new();
//! chain.world(web("https://prices.test/*").text("101.25"));
//! let (alice, oracle) = (chain.account("alice", 0), chain.deploy(oracle, Map::new()));
//!
//! // One transaction: a leader runs it, two validators check and vote, and what most agree on is applied.
//! let asked = chain.call(alice, oracle, "ask", Map::from([("url", "https://prices.test/btc")]));
//! assert_eq!(asked.returned().to_string(), r#"{"answer":"101.25","count":1}"#);
//! assert_eq!(asked.votes, [Vote::Agree, Vote::Agree]);
//! ```
//!
//! | to | see |
//! |---|---|
//! | deploy and call | [`Chain::deploy`], [`Chain::call`], [`Chain::view`] |
//! | send money, deliver messages, let time pass | [`Chain::send`], [`Transaction::delivered`], [`Chain::finalize`], [`Chain::pass`] |
//! | say what the web and models answer, and to whom | [`web`], [`model`], [`Answer`] |
//! | answer as the live world did once | [`recorded`](recorded()) |
//! | let a node be too slow, or an answer late | [`Chain::stall`], [`Chain::deadline`], [`Answer::after`] |
//! | let a leader lie | [`Chain::tamper`] |
//! | appeal, go back | [`Chain::appeal`], [`Chain::snapshot`] |
//! | hold gas to a file | [`Golden`] |
//! | see why it failed, and where | [`Transaction::stack`] |
//! | see which lines were reached | [`Chain::cover`], [`Coverage`] |
//! | build a contract from its source | [`build`](build()), [`python`](python()) |
//! | have compiled modules kept for the next process | [`keep_compiled`] |
//! | say all of this in a file, for a contract in any language | [`scenario`] |
//!
//! What a test asks for in vain panics, with what there was instead.

mod build;
mod chain;
mod control;
mod coverage;
mod deliver;
mod engine;
mod golden;
mod package;
mod python;
mod recorded;
pub mod scenario;
mod snapshot;
mod time;
mod transaction;
mod world;

pub use build::build;
pub use chain::Chain;
pub use coverage::Coverage;
pub use engine::{engine, keep_compiled};
pub use golden::Golden;
pub use python::{NoPython, python};
pub use recorded::recorded;
pub use snapshot::Snapshot;
pub use subvm_core::calldata::{Map, Value};
pub use subvm_core::{Address, Vote};
pub use subvm_host_mock::Printed;
pub use transaction::Transaction;
pub use world::{Answer, Node, Script, asked, model, web};
