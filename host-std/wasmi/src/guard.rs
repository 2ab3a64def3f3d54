//! What keeps a panic, and a deep nest, from ending the node: both need `std`.

use subvm_core::InternalError;

/// Runs `call`; a panic of it is an internal error. Without `std` a panic is what the node's panic handler makes of it.
#[cfg(not(feature = "std"))]
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, InternalError> {
    Ok(call())
}

/// Runs `call`; a panic of it is an internal error.
#[cfg(feature = "std")]
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, InternalError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).map_err(|panic| {
        let error = subvm_link::panicked(&*panic);
        // To drop what was thrown could panic again.
        core::mem::forget(panic);
        error
    })
}

/// Runs a sub-VM: a sub-VM within it comes back here. Without `std` each takes the caller's stack.
#[cfg(not(feature = "std"))]
pub(crate) fn nested<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T, InternalError> {
    Ok(run())
}

/// Runs a sub-VM: a sub-VM within it comes back here. Every few levels it goes on in a thread with a stack of its own, so that no
/// nest can use up the caller's.
///
/// # Errors
/// When the operating system gives no thread.
#[cfg(feature = "std")]
pub(crate) fn nested<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T, InternalError> {
    use core::cell::Cell;
    use std::thread;

    use subvm_core::InternalErrorKind;

    /// Levels that one stack bears.
    const LEVELS: u32 = 16;
    /// Bytes of a stack for so many: 128 KiB each, of which a level takes a part even where nothing is optimised.
    const STACK: usize = LEVELS as usize * (128 << 10);

    std::thread_local! {
        /// Sub-VMs that run on this thread, one within the other.
        static LEVEL: Cell<u32> = const { Cell::new(0) };
    }

    /// Counts a level for as long as it lives, a panic included.
    struct Entered(u32);
    impl Drop for Entered {
        fn drop(&mut self) {
            LEVEL.set(self.0);
        }
    }

    let level = LEVEL.get();
    if level < LEVELS {
        LEVEL.set(level + 1);
        let _entered = Entered(level);
        return Ok(run());
    }
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("subvm-nested".into()).stack_size(STACK);
        let thread = builder.spawn_scoped(scope, || nested(run)).map_err(|error| {
            InternalError::caused_by(InternalErrorKind::Engine, "starting a thread for a nested sub-VM", error.into())
        })?;
        thread.join().unwrap_or_else(|panic| {
            let error = subvm_link::panicked(&*panic);
            core::mem::forget(panic);
            Err(error)
        })
    })
}
