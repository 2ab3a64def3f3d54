//! Memory whose size a guest chose, asked for so that it may be refused.
//!
//! A vector that grows ends the process where the allocator has nothing. What a guest chose the size of (a request, a result, its descriptors) is
//! asked for here instead, and what is not given is an internal error: one node votes *timeout*, and none dies. What is small whatever a guest
//! does is not asked for here: `docs/security.md`, *Where the promises end*.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display, Write};

use crate::outcome::{InternalError, InternalErrorKind};

/// What it is called where there is none.
#[cold]
pub(crate) fn none(bytes: usize) -> InternalError {
    let what = alloc::format!("the system gave no memory for {bytes} bytes that a guest asked for; give the node more");
    InternalError::new(InternalErrorKind::Engine, what)
}

/// Room for `by` more items.
///
/// # Errors
/// An internal error where there is none; nothing has changed then.
#[inline]
pub(crate) fn grow<T>(vector: &mut Vec<T>, by: usize) -> Result<(), InternalError> {
    let items = vector.len().saturating_add(by);
    vector.try_reserve(by).map_err(|_| none(items.saturating_mul(size_of::<T>())))
}

/// A vector with room for `items`, and no more.
///
/// # Errors
/// An internal error where there is none.
pub(crate) fn with<T>(items: usize) -> Result<Vec<T>, InternalError> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(items).map_err(|_| none(items.saturating_mul(size_of::<T>())))?;
    Ok(vector)
}

/// A copy.
///
/// # Errors
/// An internal error where there is no room.
pub(crate) fn copy(bytes: &[u8]) -> Result<Vec<u8>, InternalError> {
    let mut copy = with(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// A copy.
///
/// # Errors
/// An internal error where there is no room.
pub(crate) fn text(text: &str) -> Result<String, InternalError> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| none(text.len()))?;
    copy.push_str(text);
    Ok(copy)
}

/// What `shown` prints.
///
/// # Errors
/// An internal error where there is no room.
pub(crate) fn printed(shown: &impl Display) -> Result<String, InternalError> {
    let mut page = Page(String::new());
    match write!(page, "{shown}") {
        Ok(()) => Ok(page.0),
        Err(fmt::Error) => Err(none(page.0.len())),
    }
}

struct Page(String);

impl Write for Page {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.try_reserve(text.len()).map_err(|_| fmt::Error)?;
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn what_no_machine_has_is_an_internal_error() {
        let mut kept = vec![1u64];
        let error = grow(&mut kept, usize::MAX).unwrap_err();
        assert_eq!((error.kind(), kept), (InternalErrorKind::Engine, vec![1]));
        assert_eq!(
            with::<u64>(1 << 61).unwrap_err().to_string(),
            "the system gave no memory for 18446744073709551615 bytes that a guest asked for; give the node more"
        );
    }

    #[test]
    fn copies_are_equal_and_as_large() {
        assert_eq!((copy(b"abc").unwrap(), copy(b"abc").unwrap().capacity()), (b"abc".to_vec(), 3));
        assert_eq!((text("é").unwrap(), text("é").unwrap().capacity()), ("é".into(), 2));
        assert_eq!(printed(&format_args!("{}-{}", 1, "x")).unwrap(), "1-x");
    }
}
