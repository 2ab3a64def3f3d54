//! Native stacks and linear memories that are used again: to map and unmap gigabytes of address space costs more than all
//! else that a spawn does.
//!
//! wasmtime's pooling allocator does this too, but in slots of fixed number and size, and what does not fit fails; here what
//! is not at hand is mapped, so that nothing depends on how much is. Whatever comes back is zero again before it goes out.

mod mapping;
mod memory;
mod stack;

use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

pub(super) use memory::Memories;
pub(super) use stack::{Stacks, drop_stack_of};

use mapping::Mapping;

/// Mappings of one kind that wait for use. Who takes one gets what was last used on its own thread, where there is such: what another processor
/// wrote would have to come from its cache.
#[derive(Debug)]
struct Free<T> {
    free: Mutex<Vec<(ThreadId, T)>>,
    at_most: usize,
}

impl<T> Free<T> {
    fn new(at_most: usize) -> Self {
        Self { free: Mutex::default(), at_most }
    }

    /// The newest one that `fits`, of this thread if there is one; or the newest of all.
    fn take(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let here = thread::current().id();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let own = free.iter().rposition(|(thread, item)| *thread == here && fits(item));
        let any = || free.iter().rposition(|(_, item)| fits(item));
        let at = own.or_else(any).or_else(|| free.len().checked_sub(1))?;
        Some(free.swap_remove(at).1)
    }

    /// How many are so.
    fn count(&self, so: impl Fn(&T) -> bool) -> usize {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.iter().filter(|(_, item)| so(item)).count()
    }

    /// Keeps one, where there is room.
    fn put(&self, item: T) {
        let here = thread::current().id();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < self.at_most {
            free.push((here, item));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_gets_back_what_it_used() {
        let free = Free::new(4);
        free.put(1);
        thread::scope(|threads| {
            threads.spawn(|| {
                free.put(2);
                assert_eq!(free.take(|_| true), Some(2));
                free.put(2);
            });
        });
        assert_eq!(free.take(|_| true), Some(1), "although the other is newer");
        assert_eq!(free.take(|_| true), Some(2), "rather than none");
        free.put(3);
        assert_eq!(free.take(|item| *item == 7), Some(3), "the newest, where none fits");
        assert_eq!(free.take(|_| true), None);
    }
}
