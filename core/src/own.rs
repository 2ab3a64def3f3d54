//! Encoding what this library builds itself.

use alloc::vec::Vec;

use subvm_calldata::{DecodeLimits, Value};

/// The canonical bytes of a value whose depth and integers this library bounds.
///
/// # Panics
/// Never: without limits nothing is refused.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "only limits refuse a value, and here are none")]
    value.encode_with(&DecodeLimits::UNLIMITED).expect("nothing is refused without limits")
}
