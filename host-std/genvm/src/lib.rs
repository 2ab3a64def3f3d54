//! A GenVM executor on subvm: what a GenLayer node starts in the place of `genvm`.
//!
//! The node gives [`ExecutionData`] and listens on a socket; [`execute`] connects, runs the contract on an engine of subvm whose storage,
//! balances, calls and modules are asked for over that socket, and hands the node one result. What is met of GenVM's protocol, and what
//! differs, stands in `docs/genvm.md`.
//!
//! ```
//! use subvm_genvm::Peer;
//! assert_eq!("unix:///run/node.sock".parse(), Ok(Peer::Unix("/run/node.sock".into())));
//! assert_eq!("127.0.0.1:4000".parse(), Ok(Peer::Tcp("127.0.0.1:4000".into())));
//! ```
//!
//! | file | what |
//! |---|---|
//! | `peer`, `stream` | whom to connect to; bytes with a deadline |
//! | `data` | what the node gives |
//! | `host` | the host protocol: requests, answers, bounds |
//! | `modules` | frames to the modules for the web and models |
//! | `chain`, `code` | the core's traits over them; a contract's code from its storage |
//! | `outcome`, `result`, `hash` | how the run ended, as the node reads it |
#![cfg(unix)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

mod chain;
mod code;
mod data;
mod emissions;
mod execute;
mod hash;
mod host;
mod modules;
mod outcome;
mod peer;
mod result;
mod stream;

pub use data::{DataError, ExecutionData, MessageData, Nested};
pub use execute::{ExecuteError, Line, Options, execute};
pub use peer::{Peer, PeerError, WrongPeer};
pub use stream::inherited;
