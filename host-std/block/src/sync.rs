//! What the scheduler and the memory of versions are made with: here the standard library's; in `model/`, that of a checker that tries
//! interleavings.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
