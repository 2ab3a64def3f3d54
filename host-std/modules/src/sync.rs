//! What `pool` is made with: here the standard library's; in `model/`, that of a checker that tries interleavings.

pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
pub(crate) use std::thread;
