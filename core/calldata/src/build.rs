//! Putting a value together from the outside in, without recursion.

use super::key::Key;
use super::{Array, Map, Value};
use alloc::vec::Vec;

/// A container that is not complete.
pub(super) enum Open {
    Array(Vec<Value>),
    /// The entries so far, and the key of the next.
    Map(Vec<(Key, Value)>, Key),
}

impl Open {
    /// Adds a value: to a map, under the key given before.
    #[inline]
    pub(super) fn add(&mut self, value: Value) {
        match self {
            Self::Array(items) => items.push(value),
            Self::Map(entries, key) => entries.push((core::mem::take(key), value)),
        }
    }

    pub(super) fn close(self) -> Value {
        match self {
            Self::Array(items) => Value::Array(Array(items)),
            Self::Map(entries, _) => Value::Map(Map(entries)),
        }
    }
}
