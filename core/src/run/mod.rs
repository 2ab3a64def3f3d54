//! The state of a run, and the sub-VMs that hand it to each other.
//!
//! [`transaction`] has one owner at a time: the [`sub_vm`] that executes, which the [`engine`] runs. [`spawn`] starts a child with it and takes
//! it back; [`overlay`] holds what the run has written. These four know each other: they are one thing, seen from four sides.

pub(crate) mod engine;
mod look;
pub(crate) mod overlay;
pub(crate) mod spawn;
pub(crate) mod sub_vm;
pub(crate) mod transaction;
