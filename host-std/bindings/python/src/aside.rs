//! Work on a thread of its own, without the interpreter's lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{Builder, scope};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use subvm_core::Cancel;

use crate::error::raise;

/// How often signals are looked for: Ctrl-C is answered within that and the 10 ms that a run needs to be called off.
const LOOK: Duration = Duration::from_millis(20);
/// What a thread of Python's own has, too: functions of tests may go deep.
const STACK: usize = 8 << 20;

/// Does something without the interpreter's lock, so that other threads of Python go on, and functions of Python may be called by it.
///
/// # Errors
/// A signal's exception, as `KeyboardInterrupt`: then `cancel` was used, and the work has ended. A panic, as `InternalError`.
pub(crate) fn aside<T: Send>(py: Python<'_>, cancel: &Cancel, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    scope(|scope| {
        let (done, mut results) = channel();
        let thread = Builder::new().name("pysubvm".into()).stack_size(STACK);
        let spawned = thread.spawn_scoped(scope, move || {
            let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
        });
        spawned.map_err(|error| PyRuntimeError::new_err(format!("there is no thread for a run: {error}")))?;
        let mut signal = None;
        loop {
            let result;
            (results, result) = py.detach(move || {
                let result = results.recv_timeout(LOOK);
                (results, result)
            });
            match result {
                Ok(result) => return ended(py, signal, result),
                Err(RecvTimeoutError::Timeout) if signal.is_none() => {
                    if let Err(raised) = py.check_signals() {
                        cancel.cancel();
                        signal = Some(raised);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(raise(py, "InternalError", "a run's thread ended without a result"));
                }
            }
        }
    })
}

fn ended<T>(py: Python<'_>, signal: Option<PyErr>, result: std::thread::Result<T>) -> PyResult<T> {
    match (signal, result) {
        (Some(signal), _) => Err(signal),
        (None, Ok(value)) => Ok(value),
        (None, Err(panic)) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
            Err(raise(py, "InternalError", text))
        }
    }
}
