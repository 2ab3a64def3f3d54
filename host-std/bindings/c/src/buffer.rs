//! Bytes that the library owns and the caller reads, or writes through functions: no memory has two allocators.

use crate::border::{array, borrowed, or, written};
use crate::subvm_bytes_t;

/// Bytes that grow. The library frees them: subvm_buffer_free for those that the caller made; those that a callback is handed live until it
/// returns.
#[derive(Default)]
pub struct subvm_buffer_t(pub(crate) Vec<u8>);

impl subvm_buffer_t {
    pub(crate) fn set(&mut self, bytes: Vec<u8>) {
        self.0 = bytes;
    }
}

impl subvm_bytes_t {
    /// They live as long as `bytes`, which the compiler cannot see.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }

    pub(crate) const NONE: Self = Self { data: std::ptr::null(), len: 0 };
}

/// An empty buffer. Free it with subvm_buffer_free.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_buffer_new() -> *mut subvm_buffer_t {
    or(std::ptr::null_mut(), || Box::into_raw(Box::default()))
}

/// The bytes of a buffer, until it changes or is freed. None of NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_buffer_bytes(buffer: *const subvm_buffer_t) -> subvm_bytes_t {
    or(subvm_bytes_t::NONE, || {
        // SAFETY: by the rules for pointers.
        unsafe { borrowed(buffer, "buffer") }.map_or(subvm_bytes_t::NONE, |buffer| subvm_bytes_t::of(&buffer.0))
    })
}

/// Replaces what is in a buffer with a copy of `len` bytes, which may be its own. False, and nothing happens, where a pointer is NULL (`data` may be,
/// where `len` is 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_buffer_set(buffer: *mut subvm_buffer_t, data: *const u8, len: usize) -> bool {
    or(false, || {
        // SAFETY: by the rules for pointers; the copy is there before the buffer, whose own bytes they may be, is borrowed to be written.
        let (Ok(bytes), Ok(buffer)) =
            (unsafe { (array(data, len, "data").map(<[u8]>::to_vec), written(buffer, "buffer")) })
        else {
            return false;
        };
        buffer.set(bytes);
        true
    })
}

/// Appends a copy of `len` bytes, which may be its own, to what is in a buffer. False, and nothing happens, where a pointer is NULL (`data` may be,
/// where `len` is 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_buffer_append(buffer: *mut subvm_buffer_t, data: *const u8, len: usize) -> bool {
    or(false, || {
        // SAFETY: as in `subvm_buffer_set`.
        let (Ok(bytes), Ok(buffer)) =
            (unsafe { (array(data, len, "data").map(<[u8]>::to_vec), written(buffer, "buffer")) })
        else {
            return false;
        };
        buffer.0.extend_from_slice(&bytes);
        true
    })
}

/// Frees a buffer that subvm_buffer_new made. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_buffer_free(buffer: *mut subvm_buffer_t) {
    or((), || {
        if !buffer.is_null() {
            // SAFETY: it is of `subvm_buffer_new`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(buffer) });
        }
    });
}
