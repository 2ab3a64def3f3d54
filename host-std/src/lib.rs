//! subvm on stock wasmtime: what a node and a developer touch.
//!
//! - [`WasmtimeEngine`] runs sub-VMs for [`subvm_core::run`]; [`lower`](mod@lower) makes their modules deterministic first.
//! - [`ledger`] keeps storage; [`random`] and [`clock`] are the operating system's; [`modules`] and [`web`] reach the world outside.
//! - [`cli`] is the `subvm` command.

pub mod cli;
pub mod clock;
mod engine;
pub mod ledger;
pub mod lower;
pub mod modules;
pub mod pages;
pub mod random;
pub mod web;

pub use engine::{Optimize, WasmtimeEngine};
