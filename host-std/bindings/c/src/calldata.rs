//! Calldata and its text, so that a node need not bring an encoder of its own.

use subvm_core::calldata::Value;

use crate::border::{guard, slice, text, written};
use crate::buffer::subvm_buffer_t;
use crate::error::subvm_error_t;
use crate::subvm_bytes_t;

/// The canonical calldata of a text: JSON without floats, and beside it `b#beef` for bytes and `addr#<40 digits>` for addresses.
///
/// SUBVM_ERROR_FORMAT where the text is none; it says at which byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_calldata_from_text(
    text_: subvm_bytes_t,
    calldata: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (text, calldata) = unsafe { (text(text_, "text")?, written(calldata, "calldata")?) };
        let value: Value = text.parse().map_err(|error| subvm_error_t::format("text of calldata", &error))?;
        calldata.set(value.encode().map_err(|error| subvm_error_t::format("calldata", &error))?);
        Ok(())
    })
}

/// The text of canonical calldata, as subvm_calldata_from_text reads it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_calldata_to_text(
    calldata: subvm_bytes_t,
    text: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (calldata, text) = unsafe { (slice(calldata, "calldata")?, written(text, "text")?) };
        let value = Value::decode(calldata).map_err(|error| subvm_error_t::format("calldata", &error))?;
        text.set(value.to_string().into_bytes());
        Ok(())
    })
}
