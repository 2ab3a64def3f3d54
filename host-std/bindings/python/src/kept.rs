//! Exceptions of functions of Python that have no way to fail in Rust: the run that called them is called off, and they are raised once it has ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use subvm_core::Cancel;

/// The first exception since it was last taken, and what calls off the run meanwhile. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Held>);

#[derive(Default)]
struct Held {
    first: Mutex<Option<PyErr>>,
    cancel: Mutex<Cancel>,
}

impl Kept {
    /// A new run begins: its token.
    pub(crate) fn begin(&self) -> Cancel {
        let cancel = Cancel::new();
        *locked(&self.0.cancel) = cancel.clone();
        cancel
    }

    /// Whether the run was called off, by an exception or by Ctrl-C.
    pub(crate) fn is_called_off(&self) -> bool {
        locked(&self.0.cancel).is_cancelled()
    }

    /// Keeps an exception, and calls the run off.
    pub(crate) fn keep(&self, error: PyErr) {
        locked(&self.0.cancel).cancel();
        let mut first = locked(&self.0.first);
        let late = if first.is_none() { first.replace(error) } else { Some(error) };
        // What dropping it calls in Python may wait for the lock.
        drop(first);
        drop(late);
    }

    /// What is to be raised, now that the run has ended.
    pub(crate) fn take(&self) -> Option<PyErr> {
        locked(&self.0.first).take()
    }
}

/// Nobody panics with these locks; nor does Python run while one is held: it might hand the interpreter's lock to who waits for this one.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
