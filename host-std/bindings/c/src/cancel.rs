//! Calling runs off.

use subvm_core::Cancel;

use crate::border::{borrowed, or};

/// Calls runs off, from any thread. Free it with subvm_cancel_free; runs that have it may go on.
pub struct subvm_cancel_t(pub(crate) Cancel);

/// A token that nobody has used.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_cancel_new() -> *mut subvm_cancel_t {
    or(std::ptr::null_mut(), || Box::into_raw(Box::new(subvm_cancel_t(Cancel::new()))))
}

/// Calls off every run that has this token, for good: they end with SUBVM_ERROR_CANCELLED, within 10 ms where no callback holds them. It may be
/// called from any thread, and does not wait. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_cancel(cancel: *const subvm_cancel_t) {
    or((), || {
        // SAFETY: by the rules for pointers; a token may be shared.
        if let Ok(cancel) = unsafe { borrowed(cancel, "cancel") } {
            cancel.0.cancel();
        }
    });
}

/// Whether it was used. False for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_cancelled(cancel: *const subvm_cancel_t) -> bool {
    or(false, || {
        // SAFETY: by the rules for pointers.
        unsafe { borrowed(cancel, "cancel") }.is_ok_and(|cancel| cancel.0.is_cancelled())
    })
}

/// Frees a token. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_cancel_free(cancel: *mut subvm_cancel_t) {
    or((), || {
        if !cancel.is_null() {
            // SAFETY: it is of `subvm_cancel_new`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(cancel) });
        }
    });
}
