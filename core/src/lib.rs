//! The deterministic core of subvm: everything that consensus depends on, without an engine, without I/O, without `std`.
//!
//! [`run`] takes a transaction from its [`Message`] to its [`Receipt`]. It asks the [`Node`](host::Node) for what the chain knows, and an
//! [`Engine`] to run sub-VMs; what guests may call stands in [`wasi`] and [`sdk`]; what they read and write is [`calldata`]; every price and
//! limit is in [`costs`].
//!
//! | to | see |
//! |---|---|
//! | implement a node's part | [`host`] |
//! | bring another engine | [`Engine`] |
//! | vote on a leader's receipt | [`Report::vote`] |
//! | read or write calldata | [`calldata::Value`] |
//! | check a proof of what a contract stores | [`state`] |
//!
//! The specification is `docs/spec/`, the reasons are in `docs/RATIONALE.md`.
//!
//! ```
//! use subvm_core::{Vote, calldata::Value};
//! use subvm_host_mock::{MemoryHost, play};
//!
//! // A contract in Rust, which `subvm_host_mock` runs in place of WebAssembly: a leader's run, and a validator's.
//! let contract = || play(&MemoryHost::new(), |machine| machine.end_with("Return", Value::array([1, 2])));
//! let (leader, validator) = (contract(), contract());
//! assert_eq!(validator.vote(&leader.receipt), Vote::Agree);
//! assert_eq!(validator.receipt.digest(), leader.receipt.digest());
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic, clippy::disallowed_types)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cancel;
mod consensus;
mod errno;
mod ids;
mod outcome;
mod own;
mod room;
mod run;
mod sha3_256;
mod supervisor;

pub mod costs;
pub mod fd;
pub mod fingerprint;
pub mod gvm32;
pub mod host;
pub mod sdk;
pub mod state;
pub mod vfs;
pub mod wasi;
pub mod wire;

#[doc(inline)]
pub use subvm_calldata as calldata;

pub use cancel::Cancel;
pub use consensus::ballot::{Ballot, Commitment};
pub use consensus::bundle::FormatError;
pub use consensus::input::{Entry, Role, Run};
pub use consensus::message::{EntryKind, Message, datetime};
pub use consensus::package::{Library, Package, PackageError, Parts, Wasm};
pub use consensus::params::{FloatPolicy, LOWERING_VERSION, Params, Personality, SCHEDULE_VERSION};
pub use consensus::permissions::Permissions;
pub use consensus::profile::Profile;
pub use consensus::proposal::{Proposal, ProposalError};
pub use consensus::receipt::{Difference, Gas, PageWrite, Receipt, ReceiptError, Vote, vote};
pub use consensus::report::Report;
pub use consensus::rules::{RuleSets, RulesError};
pub use costs::budget::{Exhausted, Meter, Ram, RamMark};
pub use ids::{Address, Mode, SlotId};
pub use outcome::{
    End, InternalError, InternalErrorKind, Invalid, LeaderFault, Outcome, Resource, ShortHash, Trap, UnknownVmError,
    VmError,
};
pub use run::engine::{Engine, Finished};
pub use run::sub_vm::{Guest, SubVm};
pub use supervisor::run;
pub use wasi::call::{Cx, Stop};
