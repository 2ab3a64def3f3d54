//! The deterministic core of subvm.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod budget;
mod call;
mod engine;
mod ids;
mod message;
mod outcome;
mod overlay;
mod own;
mod package;
mod params;
mod permissions;
mod receipt;
mod spawn;
mod sub_vm;
mod supervisor;
mod transaction;

pub mod calldata;
pub mod costs;
pub mod fd;
pub mod fingerprint;
pub mod host;
pub mod sdk;
pub mod vfs;
pub mod wasi;

pub use budget::{Exhausted, Meter, Ram, RamMark};
pub use call::{Cx, Stop};
pub use engine::{Engine, Finished};
pub use ids::{Address, SlotId};
pub use message::{Message, datetime};
pub use outcome::{End, InternalError, InternalErrorKind, Invalid, Outcome, Resource, Trap, UnknownVmError, VmError};
pub use package::{Library, Package, PackageError, Parts};
pub use params::{FloatPolicy, LOWERING_VERSION, Params, SCHEDULE_VERSION};
pub use permissions::Permissions;
pub use receipt::{Difference, Gas, PageWrite, Receipt, ReceiptError, Vote, vote};
pub use sub_vm::{Guest, SubVm};
pub use supervisor::{Entry, Report, Role, Run, run};

/// Whether every node must reproduce a sub-VM to the octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It must.
    Deterministic,
    /// It need not: a leader proposes the result, and validators check it.
    NonDeterministic,
}
