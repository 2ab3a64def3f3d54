//! Numbers for keys and values, where the memory of versions is tried by itself.

use crate::memory::{Key, Value};

impl Key for u8 {
    fn home(&self) -> usize {
        usize::from(*self / 10)
    }
}

impl Value for u64 {
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn plus(&self, more: &Self) -> Self {
        self + more
    }
}
