//! The deterministic core of subvm.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod budget;
mod call;
mod ids;
mod outcome;
mod package;
mod receipt;

pub mod calldata;
pub mod costs;
pub mod host;
pub mod vfs;
pub mod wasi;

pub use budget::{Exhausted, Meter, Ram, RamMark};
pub use call::{Cx, Stop};
pub use ids::{Address, SlotId};
pub use outcome::{End, InternalError, InternalErrorKind, Invalid, Outcome, Resource, Trap, UnknownVmError, VmError};
pub use package::{Library, Package};
pub use receipt::PageWrite;

/// Whether every node must reproduce a sub-VM to the octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It must.
    Deterministic,
    /// It need not: a leader proposes the result, and validators check it.
    NonDeterministic,
}
