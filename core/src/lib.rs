//! The deterministic core of subvm.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod ids;

pub mod calldata;
pub mod costs;

pub use ids::{Address, SlotId};
