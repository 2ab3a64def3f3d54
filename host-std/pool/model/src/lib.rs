//! The pool's own files, unchanged, with [shuttle](https://docs.rs/shuttle)'s locks in the place of the standard library's: it runs each
//! test under thousands of interleavings, and says which one fails. `cargo test --manifest-path host-std/pool/model/Cargo.toml`.

#![cfg(test)]
#![allow(dead_code, reason = "these files have callers that are not here")]

mod sync {
    pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}

#[path = "../../src/line.rs"]
mod line;
#[path = "../../src/queue.rs"]
mod queue;
#[path = "../../src/task.rs"]
mod task;
#[path = "../../src/ticket.rs"]
mod ticket;

pub(crate) use task::{Lost, Priority, Refusal, Task};

mod models;
