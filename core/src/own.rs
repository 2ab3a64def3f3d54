//! Encoding what this library builds itself.

use alloc::vec::Vec;

use subvm_calldata::{DecodeLimits, Encoder, Value};

/// The canonical bytes of a value whose depth and integers this library bounds.
///
/// # Panics
/// Never: without limits nothing is refused.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "only limits refuse a value, and here are none")]
    value.encode_with(&DecodeLimits::UNLIMITED).expect("nothing is refused without limits")
}

/// The canonical bytes, about `bytes` of them, of what `write` writes piece by piece: each run needs some, and to build a value first takes twice
/// as long.
///
/// # Panics
/// Never, where `write` writes one value whose keys are in order, whatever is in it: no limit refuses anything.
pub(crate) fn written(bytes: usize, write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut encoder = Encoder::with_limits(DecodeLimits::UNLIMITED);
    encoder.reserve(bytes);
    write(&mut encoder);
    #[expect(clippy::expect_used, reason = "what is written depends on no data but for its leaves")]
    encoder.finish().expect("this library writes its keys in order")
}
