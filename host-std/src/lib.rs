//! subvm on stock wasmtime: what a node and a developer touch.
//!
//! - [`WasmtimeEngine`] runs sub-VMs for [`subvm_core::run`]; [`lower`](mod@lower) makes their modules deterministic first.
//! - [`ledger`] keeps storage; [`random`] and [`clock`] are the operating system's; [`modules`] reach the world outside: [`web`] and
//!   [`model`].
//! - [`observe`] shows operators what runs do, by `tracing` and `metrics`.
//! - [`config`] is the file that says how; [`cli`] is the `subvm` command.

pub mod cli;
pub mod clock;
pub mod config;
mod engine;
pub mod ledger;
pub mod lower;
pub mod model;
pub mod modules;
pub mod observe;
pub mod pages;
pub mod random;
pub mod web;

pub use engine::{Codegen, EngineBuilder, ModuleEvent, WasmtimeEngine, cache};
