//! What the formats that nodes exchange are read and written with: fields of a calldata map.

use alloc::vec::Vec;

use subvm_calldata::{Encoder, Value};

/// Byte strings, as an array.
pub(super) fn all_bytes(all: &[Vec<u8>]) -> Value {
    Value::Array(all.iter().map(|bytes| Value::Bytes(bytes.clone())).collect())
}

/// Writes byte strings, as an array.
pub(super) fn put_all(out: &mut Encoder, all: &[Vec<u8>]) {
    out.array(all.len());
    for bytes in all {
        out.bytes(bytes);
    }
}

/// An array of byte strings.
pub(super) fn bytes_of_all(value: &Value) -> Option<Vec<Vec<u8>>> {
    value.as_array()?.iter().map(|item| item.as_bytes().map(<[u8]>::to_vec)).collect()
}

/// Exactly `N` bytes.
pub(super) fn array<const N: usize>(value: &Value) -> Option<[u8; N]> {
    value.as_bytes()?.try_into().ok()
}

/// An integer that fits.
pub(super) fn uint(value: &Value) -> Option<u64> {
    value.as_int()?.try_into().ok()
}
