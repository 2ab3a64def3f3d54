//! The file of the threads that ask the web and models, unchanged, with [shuttle](https://docs.rs/shuttle)'s locks and threads in the place of
//! the standard library's: it runs each test under thousands of interleavings, and says which one fails.
//! `cargo test --manifest-path host-std/modules/model/Cargo.toml`.

#![cfg(test)]
#![allow(dead_code, reason = "this file has callers that are not here")]

mod sync {
    pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use shuttle::thread;
    pub(crate) use std::sync::PoisonError;
}

#[path = "../../src/pool.rs"]
mod pool;

mod models;
