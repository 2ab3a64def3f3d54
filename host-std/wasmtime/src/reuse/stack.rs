//! Fibers' stacks.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use wasmtime::{StackCreator, StackMemory};

use super::{Free, Mapping};

/// Stacks that wait for use: a nest of sub-VMs of any depth. The page tables of one that went deep may stay: 2 MiB at most.
const KEPT: usize = 513;
/// Bytes at the top of a waiting stack that stay committed: what instantiating and a few calls touch. The rest is offered to the system, which
/// takes it when it needs memory, so that a program that once went deep holds nothing that others want, and who goes as deep next pays no fault.
const RESIDENT: usize = 64 << 10;
/// Bytes at the top that are committed in small pages, 4 KiB at a fault: a large one for each of 512 nested sub-VMs would be a gibibyte. Below
/// them it is 2 MiB at a fault, for a guest pays for a call that goes deeper less than for a fault each few calls.
const SMALL: usize = 3 << 19;
/// Waiting stacks of which all of that stays committed, so that this part is not even offered each time, page by page: 96 MiB.
const WARM: usize = 64;

/// Waiting stacks that are not even offered, since their guests did not go deep: those that threads take in turns, and with them each run's system
/// call, which looks through the whole stack. Such a one has the [`SMALL`] part and the large page below it at most, and what a host function took.
const SHALLOW: usize = 8;

thread_local! {
    /// Whether the guest on the stack that this thread drops next stayed within its included depth.
    static STAYED_SHALLOW: Cell<bool> = const { Cell::new(false) };
}

/// Drops what holds a stack, whose guest stayed within its included depth, or may not have.
pub(crate) fn drop_stack_of<T>(stayed_shallow: bool, drop: impl FnOnce() -> T) -> T {
    STAYED_SHALLOW.set(stayed_shallow);
    let dropped = drop();
    STAYED_SHALLOW.set(false);
    dropped
}

/// Makes stacks, and keeps those that were used.
#[derive(Debug)]
pub(crate) struct Stacks(Arc<Free<Waiting>>);

/// A stack that waits for use, and whether more of it than usual is committed.
#[derive(Debug)]
struct Waiting {
    mapping: Mapping,
    warm: bool,
    /// Whether nothing of it was offered.
    shallow: bool,
}

impl Stacks {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Free::new(KEPT)))
    }
}

// SAFETY: each stack lies in a mapping of its own, which nobody else has while it lives.
unsafe impl StackCreator for Stacks {
    fn new_stack(&self, size: usize, zeroed: bool) -> wasmtime::Result<Box<dyn StackMemory>> {
        let page = rustix::param::page_size();
        let end = page + size.next_multiple_of(page);
        // All stacks of an engine have one size.
        let recycled = self.0.take(|_| true).filter(|_| !zeroed);
        let mapping = match recycled {
            Some(Waiting { mapping, .. }) => mapping,
            None => {
                let mut mapping = Mapping::reserve_ending(end, SMALL)?;
                mapping.open(page..end)?;
                // A kernel without large pages commits small ones.
                let _ = mapping.large_pages();
                mapping
            }
        };
        Ok(Box::new(Stack { mapping: Some(mapping), guard: page, end, free: Arc::clone(&self.0) }))
    }
}

/// A stack, and a page below it that catches who leaves it.
struct Stack {
    /// There until the stack is dropped.
    mapping: Option<Mapping>,
    guard: usize,
    end: usize,
    free: Arc<Free<Waiting>>,
}

impl Stack {
    fn at(&self, offset: usize) -> *mut u8 {
        self.mapping.as_ref().expect("a stack has its mapping until it is dropped").at(offset)
    }
}

// SAFETY: the range is mapped, open, page-aligned and this stack's own until it is dropped; the guard below it is never open.
unsafe impl StackMemory for Stack {
    fn top(&self) -> *mut u8 {
        self.at(self.end)
    }

    fn range(&self) -> Range<usize> {
        self.at(self.guard) as usize..self.top() as usize
    }

    fn guard_range(&self) -> Range<*mut u8> {
        self.at(0)..self.at(self.guard)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let Some(mut mapping) = self.mapping.take() else { return };
        let warm = self.free.count(|waiting| waiting.warm) < WARM;
        if warm && STAYED_SHALLOW.get() && self.free.count(|waiting| waiting.shallow) < SHALLOW {
            return self.free.put(Waiting { mapping, warm, shallow: true });
        }
        let resident = if warm { SMALL } else { RESIDENT };
        let deep = self.guard..self.end.saturating_sub(resident).max(self.guard);
        if mapping.offer(deep).is_ok() {
            self.free.put(Waiting { mapping, warm, shallow: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 1 << 30;

    #[test]
    fn few_stacks_keep_more_than_they_need() {
        let stacks = Stacks::new();
        let used: Vec<_> = (0..2 * WARM).map(|_| stacks.new_stack(SIZE, false).unwrap()).collect();
        let ends: Vec<_> = used.iter().map(|stack| stack.range().end).collect();
        assert!(ends.iter().all(|end| end % super::super::mapping::LARGE == SMALL));
        drop(used);
        assert_eq!(stacks.0.count(|waiting| waiting.warm), WARM);
        let again: Vec<_> = (0..2 * WARM).map(|_| stacks.new_stack(SIZE, false).unwrap()).collect();
        assert!(again.iter().all(|stack| ends.contains(&stack.range().end)));
    }

    #[test]
    fn few_stacks_of_shallow_guests_are_not_offered() {
        let stacks = Stacks::new();
        let used: Vec<_> = (0..2 * SHALLOW).map(|_| stacks.new_stack(SIZE, false).unwrap()).collect();
        drop_stack_of(true, || drop(used));
        assert_eq!(stacks.0.count(|waiting| waiting.shallow), SHALLOW);
        // Who drops one otherwise says nothing of it.
        let again: Vec<_> = (0..2 * SHALLOW).map(|_| stacks.new_stack(SIZE, false).unwrap()).collect();
        drop(again);
        assert_eq!(stacks.0.count(|waiting| waiting.shallow), 0);
    }

    #[test]
    fn a_stack_that_was_used_deep_is_offered_to_the_system_while_it_waits() {
        const TOUCHED: usize = 64 << 20;
        let stacks = Stacks::new();
        let stack = stacks.new_stack(SIZE, false).unwrap();
        let inside = stack.range().end - TOUCHED / 2;
        for page in (0..TOUCHED).step_by(4096) {
            // SAFETY: the stack is this test's own, and not in use.
            unsafe { stack.top().sub(page + 1).write(7) };
        }
        assert!(held(inside) >= TOUCHED, "{}", held(inside));
        drop(stack);
        // What waits to be marked, a few pages for each processor, is less than a large page.
        assert!(held(inside) <= SMALL + super::super::mapping::LARGE, "{}", held(inside));
    }

    /// Bytes of the mapping with this address that are committed, and not offered to the system.
    fn held(address: usize) -> usize {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut found = maps.lines().skip_while(|line| {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let bounds = range.map(|(start, end)| [start, end].map(|bound| usize::from_str_radix(bound, 16)));
            !matches!(bounds, Some([Ok(start), Ok(end)]) if (start..end).contains(&address))
        });
        let mut bytes = |name: &str| {
            let line = found.find_map(|line| line.strip_prefix(name)).expect("a line of the mapping");
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
        };
        // In the order of their lines.
        bytes("Rss:") - bytes("LazyFree:")
    }

    #[test]
    fn a_stack_is_used_again_unless_it_must_be_zero() {
        let stacks = Stacks::new();
        let stack = stacks.new_stack(SIZE, false).unwrap();
        let (range, guard, top) = (stack.range(), stack.guard_range(), stack.top());
        assert_eq!((range.len(), range.end), (SIZE, top as usize));
        assert_eq!((guard.end as usize, guard.start < guard.end), (range.start, true));
        let deepest = guard.end;
        // SAFETY: the stack is this test's own, and not in use.
        unsafe {
            deepest.write(7);
            top.sub(1).write(7);
        }
        drop(stack);
        let again = stacks.new_stack(SIZE, false).unwrap();
        assert_eq!(again.range(), range);
        // SAFETY: as above.
        unsafe {
            assert_eq!(top.sub(1).read(), 7);
            deepest.write(8);
            assert_eq!(deepest.read(), 8);
        }
        // One that must be zero throughout is a new one.
        drop(again);
        let zeroed = stacks.new_stack(SIZE, true).unwrap();
        // SAFETY: as above, of the stack that there is now.
        assert_eq!(unsafe { zeroed.top().sub(1).read() }, 0);
    }
}
