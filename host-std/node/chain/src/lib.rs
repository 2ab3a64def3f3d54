//! The state machine of a chain of subvm contracts: what a transaction is, which block may follow, and what it leads to. No network, no disk, no
//! clock: a node brings those, a simulation its own. What it does is in `docs/network.md`.
//!
//! - [`SignedTx`] is what accounts send; [`Chain::admit`] says whether one may wait.
//! - [`Chain::propose`] builds a block, [`Chain::validate`] says whether one may follow, [`Chain::apply`] does what it says. Validity is
//!   deterministic: what the web answered has no part in it.
//! - [`Chain::jobs`] are the runs that ask the web: as leader, whose results go into a block, and as validator, whose [`Voter`] puts a ballot into
//!   an [`Extension`] of its precommit. No block waits for them.
//! - [`Poll`] has the rule by which ballots are counted.
//!
//! All of a chain is in memory, and a clone of [`Chain`] costs little. After a restart a node applies its blocks again: that asks the web nothing.
#![forbid(unsafe_code)]

mod block;
mod call;
mod chain;
mod exec;
mod extension;
mod form;
mod genesis;
mod ids;
mod job;
mod known;
mod mutant;
mod outcome;
mod poll;
mod refusal;
mod runner;
pub mod sample;
mod snapshot;
mod store;
mod sum;
mod tx;
mod voter;
mod world;

pub use block::{Block, Header, SignedExtension, Votes};
pub use call::Call;
pub use chain::{Chain, Money};
pub use exec::Outside;
pub use extension::{Extension, Item, extension_bytes};
pub use genesis::{Genesis, GenesisError, Prices, Rules, Validator};
pub use ids::{BlockId, CallId, Key, NotAName, TxId, address, contract_address};
pub use job::{Job, JobKey};
#[cfg(feature = "simulation")]
pub use mutant::Mutant;
pub use outcome::{Applied, Fault, Outcome, Status};
pub use poll::{Appeal, Poll, Tally};
pub use refusal::{InvalidBlock, Refusal};
pub use runner::{About, Purpose, Ran, Runner};
pub use snapshot::{SnapshotError, Written};
pub use store::Account;
#[cfg(feature = "simulation")]
pub use tx::forget_signatures;
pub use tx::{Action, SignedTx, Tx, signed};
pub use voter::Voter;
