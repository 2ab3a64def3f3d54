//! Recordings of runs: written beside a run, replayed without a node, compared call by call.
//!
//! Everything that a run is told comes through the five traits of a [`Node`](subvm_core::host::Node). So a [`Recorder`] around them has all that
//! it takes to run it again, and [`Replay`] does: on any engine, on any machine, with no node, no store and no network behind it. Beside
//! that a recording has each host call, so that two of them can be laid side by side, and the first call that differs names what does.
//!
//! | to | see |
//! |---|---|
//! | record a run | [`Recorder`] |
//! | run it again | [`Replay`] |
//! | run it up to a tick | [`Replay::until`] |
//! | find where two of them differ | [`compare::recordings`] |
//! | see what two receipts differ in | [`compare::receipts`] |
//! | read a recording | [`Reader`], and [`Timeline`], which knows where in its run each record is |
//!
//! Of the two digests, [`Recorded::trace`] is what nodes log and compare: it is of the deterministic side, the same for leader, validator and
//! who catches up. Source: `docs/spec/recording.md`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

mod buffer;
pub mod compare;
#[doc(hidden)]
pub mod forged;
mod format;
mod given;
mod package;
mod reader;
mod recorder;
mod replayer;
mod timeline;
mod tracer;
mod writer;

pub use buffer::Buffer;
pub use format::function::Function;
pub use format::record::{Answer, Ask, Asked, Begins, CodeAnswer, Ends, Enters, Exits, Given, Part, Record, RunEnds};
pub use format::sample::Sample;
pub use package::package_digest;
pub use reader::{ReadError, Reader};
pub use recorder::{Options, Recorded, Recorder};
pub use replayer::{Finding, Found, Point, Replay, ReplayError, Replayed, Stopped, Verdict};
pub use timeline::{Moment, Timeline};
pub use writer::Incomplete;
