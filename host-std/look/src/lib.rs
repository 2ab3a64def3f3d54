//! Looking into recorded runs: the machine at any tick, and the first instruction at which two replays differ.
//!
//! | to | see |
//! |---|---|
//! | see the machine at a tick | [`look`] |
//! | find the first instruction that gave another value | [`bisect()`] |
//! | plant a fault, for practice | [`Fault`] |
//!
//! Both replay a recording up to a [`Point`](subvm_replay::Point): less time gas is exactly a prefix of a run, and it stops at the same
//! instruction on every engine. The engine has a [`Watch`] look into its runs. Source: `docs/spec/bisect.md`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

mod bisect;
mod difference;
mod fault;
mod instruction;
mod locals;
mod module;
mod notes;
mod seen;
mod watch;

pub use bisect::{Bisected, Divergence, Left, Side, bisect};
pub use difference::{Bytes, GlobalDiffers, Value};
pub use fault::Fault;
pub use instruction::{Instruction, instruction};
pub use notes::{Note, Notes};
pub use seen::{Keep, Looked, Memory, Seen, SeenInstance, look};
pub use watch::Watch;
