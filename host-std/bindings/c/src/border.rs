//! The border: pointers become references or errors, panics become errors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use crate::error::{SUBVM_ERROR_ARGUMENT, SUBVM_ERROR_PANIC, subvm_error_t};
use crate::subvm_bytes_t;

/// What a function of the library does, where an error is its result: NULL, or an error that the caller frees.
pub(crate) fn guard(act: impl FnOnce() -> Result<(), subvm_error_t>) -> *mut subvm_error_t {
    match caught(act) {
        Ok(Ok(())) => ptr::null_mut(),
        Ok(Err(error)) | Err(error) => Box::into_raw(Box::new(error)),
    }
}

/// The same for a function that cannot fail: `otherwise`, where it panics.
pub(crate) fn or<T>(otherwise: T, act: impl FnOnce() -> T) -> T {
    caught(act).unwrap_or(otherwise)
}

fn caught<T>(act: impl FnOnce() -> T) -> Result<T, subvm_error_t> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text");
        let error = subvm_error_t::new(SUBVM_ERROR_PANIC, &format!("a panic in libsubvm, please report it: {text}"));
        // To drop what was thrown could panic again.
        std::mem::forget(panic);
        error
    })
}

/// An argument that is wrong.
pub(crate) fn argument(what: impl AsRef<str>) -> subvm_error_t {
    subvm_error_t::new(SUBVM_ERROR_ARGUMENT, what.as_ref())
}

/// What `pointer` points to.
///
/// # Safety
/// It is NULL, or points to a `T` that nobody writes to while the result lives.
pub(crate) unsafe fn borrowed<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, subvm_error_t> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_ref() }.ok_or_else(|| argument(format!("{name} is NULL")))
}

/// What `pointer` points to, to be written.
///
/// # Safety
/// It is NULL, or points to a `T` that nobody else uses while the result lives.
pub(crate) unsafe fn written<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, subvm_error_t> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_mut() }.ok_or_else(|| argument(format!("{name} is NULL")))
}

/// Writes a result to where the caller wants it, which need not hold anything yet.
///
/// # Safety
/// `pointer` is NULL, or a `T` may be written to it.
pub(crate) unsafe fn put<T>(pointer: *mut T, name: &str, value: T) -> Result<(), subvm_error_t> {
    if pointer.is_null() {
        return Err(argument(format!("{name} is NULL")));
    }
    // SAFETY: as the caller promises; what was there before has no destructor to run, or is none of ours.
    unsafe { pointer.write(value) };
    Ok(())
}

/// The bytes of an argument.
///
/// # Safety
/// `bytes.data` is NULL, or points to `bytes.len` bytes that nobody writes to while the result lives.
pub(crate) unsafe fn slice<'a>(bytes: subvm_bytes_t, name: &str) -> Result<&'a [u8], subvm_error_t> {
    // SAFETY: as the caller promises.
    unsafe { array(bytes.data, bytes.len, name) }
}

/// The elements of an array.
///
/// # Safety
/// `data` is NULL, or points to `len` of them that nobody writes to while the result lives.
pub(crate) unsafe fn array<'a, T>(data: *const T, len: usize, name: &str) -> Result<&'a [T], subvm_error_t> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(argument(format!("{name} is NULL, and its length is {len}")));
    }
    if !data.is_aligned() || len.checked_mul(size_of::<T>()).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(argument(format!("{name} is not aligned, or its length {len} is beyond all memory")));
    }
    // SAFETY: neither NULL nor too long nor out of line, and as the caller promises otherwise.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// The text of an argument.
///
/// # Safety
/// As for [`slice`].
pub(crate) unsafe fn text<'a>(bytes: subvm_bytes_t, name: &str) -> Result<&'a str, subvm_error_t> {
    // SAFETY: as the caller promises.
    let bytes = unsafe { slice(bytes, name)? };
    std::str::from_utf8(bytes).map_err(|error| argument(format!("{name} is not UTF-8: {error}")))
}

/// A structure whose first field is its size, as the caller's header has it.
pub(crate) trait Sized_: Copy {
    /// Its name in the header.
    const NAME: &'static str;
}

/// A copy of the structure that `pointer` points to, where it has the size that it has here.
///
/// # Safety
/// It is NULL, or points to a structure whose first field says how many bytes it has.
pub(crate) unsafe fn sized<T: Sized_>(pointer: *const T) -> Result<T, subvm_error_t> {
    let (name, here) = (T::NAME, size_of::<T>());
    // SAFETY: every such structure begins with its size.
    let size = *unsafe { borrowed(pointer.cast::<usize>(), &format!("a pointer to {name}"))? };
    if size != here {
        return Err(argument(format!(
            "{name}.size is {size}, and this library has {here}: set it to sizeof({name}), and compile against its header"
        )));
    }
    // SAFETY: it has all of its bytes.
    Ok(unsafe { pointer.read() })
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::error::{subvm_error_code, subvm_error_free, subvm_error_message};

    extern "C" fn panics() -> *mut subvm_error_t {
        guard(|| panic!("number {}", 5))
    }

    extern "C" fn panics_in_passing() -> u32 {
        or(7, || panic!("again"))
    }

    /// As C calls it: an unwinding that reached the end of such a function would end the process.
    #[test]
    fn a_panic_does_not_cross() {
        let (call, passing): (extern "C" fn() -> *mut subvm_error_t, extern "C" fn() -> u32) =
            (panics, panics_in_passing);
        let error = call();
        // SAFETY: an error of the library's own.
        let (code, text) = unsafe { (subvm_error_code(error), CStr::from_ptr(subvm_error_message(error))) };
        assert_eq!(code, SUBVM_ERROR_PANIC);
        assert_eq!(text.to_str(), Ok("a panic in libsubvm, please report it: number 5"));
        // SAFETY: once.
        unsafe { subvm_error_free(error) };
        assert_eq!(passing(), 7);
    }

    #[test]
    fn what_dropping_a_panic_does_is_not_seen() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("it goes off");
            }
        }
        assert_eq!(or(1, || std::panic::panic_any(Bomb)), 1);
    }

    #[test]
    fn arguments_are_looked_at_before_they_are_used() {
        // SAFETY: NULL is allowed, and lengths are refused before anything is read.
        unsafe {
            let nothing = subvm_bytes_t { data: ptr::null(), len: 0 };
            assert_eq!(slice(nothing, "x").ok(), Some(&[][..]));
            assert!(slice(subvm_bytes_t { len: 1, ..nothing }, "x").is_err());
            assert!(array(ptr::without_provenance::<u64>(8), usize::MAX / 4, "x").is_err());
            assert!(array(ptr::without_provenance::<u64>(9), 1, "x").is_err());
            assert!(borrowed(ptr::null::<u8>(), "x").is_err() && written(ptr::null_mut::<u8>(), "x").is_err());
            assert!(put(ptr::null_mut::<u8>(), "x", 1).is_err());
        }
    }
}
