//! Native stacks and linear memories that are used again: to map and unmap gigabytes of address space costs more than all
//! else that a spawn does.
//!
//! wasmtime's pooling allocator does this too, but in slots of fixed number and size, and what does not fit fails; here what
//! is not at hand is mapped, so that nothing depends on how much is. Whatever comes back is zero again before it goes out.

mod mapping;
mod memory;
mod stack;

use std::sync::{Mutex, PoisonError};

pub(super) use memory::Memories;
pub(super) use stack::{Stacks, drop_stack_of};

use mapping::Mapping;

/// Mappings of one kind that wait for use.
#[derive(Debug)]
struct Free<T> {
    free: Mutex<Vec<T>>,
    at_most: usize,
}

impl<T> Free<T> {
    fn new(at_most: usize) -> Self {
        Self { free: Mutex::default(), at_most }
    }

    /// The newest one that `fits`, or the newest of all.
    fn take(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let at = free.iter().rposition(fits).or_else(|| free.len().checked_sub(1))?;
        Some(free.swap_remove(at))
    }

    /// How many are so.
    fn count(&self, so: impl Fn(&T) -> bool) -> usize {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.iter().filter(|item| so(item)).count()
    }

    /// Keeps one, where there is room.
    fn put(&self, item: T) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < self.at_most {
            free.push(item);
        }
    }
}
