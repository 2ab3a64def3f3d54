//! The block's own files, unchanged, with [shuttle](https://docs.rs/shuttle)'s locks in the place of the standard library's: it runs each
//! test under thousands of interleavings, and says which one fails. `cargo test --manifest-path host-std/block/model/Cargo.toml`.

#![cfg(test)]
#![allow(dead_code, reason = "these files have callers that are not here")]

mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicBool, Ordering};
    pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
    pub(crate) use std::sync::PoisonError;
}

#[path = "../../src/attempt.rs"]
mod attempt;
#[path = "../../src/memory.rs"]
mod memory;
#[path = "../../src/numbers.rs"]
mod numbers;
#[path = "../../src/pace.rs"]
mod pace;
#[path = "../../src/schedule.rs"]
mod schedule;
#[path = "../../src/work.rs"]
mod work;

mod models;
