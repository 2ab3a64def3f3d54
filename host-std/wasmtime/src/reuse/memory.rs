//! Linear memories.

use std::cmp::Ordering;
use std::sync::Arc;

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::{Free, Mapping};

/// Memories that wait for use. But for the [`WARM`] ones they hold address space only: their pages were given back.
const KEPT: usize = 512;
/// Waiting memories that keep the pages that were touched, written with zeros: 16 MiB together at most. To give pages back and to get them again
/// takes system calls and a fault for each, and on several processors interrupts all that run other sub-VMs.
const WARM: usize = 64;
/// Bytes of a memory that is written with zeros whole: to ask which of its pages were touched takes as long.
const SMALL: usize = 128 << 10;
/// Bytes of the pages that are written with zeros in a memory that is larger.
const TOUCHED: usize = 256 << 10;
/// Bytes of the largest memory that is kept: page tables of what was touched may stay, a five-hundredth of it. To unmap a larger one is
/// little beside what touched it.
const LARGEST: usize = 64 << 20;

/// Makes memories, and keeps those that were used.
#[derive(Debug)]
pub(crate) struct Memories(Arc<Free<Reserved>>);

impl Memories {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Free::new(KEPT)))
    }
}

// SAFETY: each memory lies in a mapping of its own, open as far as it is large, zero, and with guards on both sides.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let capacity = reserved.unwrap_or(minimum);
        let mut reserved = match self.0.take(|reserved| reserved.shape(guard, capacity) && reserved.len == minimum) {
            Some(recycled) if recycled.shape(guard, capacity) => recycled,
            _ => Reserved::new(guard, capacity).map_err(|error| error.to_string())?,
        };
        reserved.resize(minimum).map_err(|error| error.to_string())?;
        Ok(Box::new(Recycled { reserved: Some(reserved), free: Arc::clone(&self.0) }))
    }
}

/// Address space for one memory: a guard, what the memory can grow to, and a guard.
#[derive(Debug)]
struct Reserved {
    mapping: Mapping,
    guard: usize,
    capacity: usize,
    /// Bytes that are open, from the first guard's end. Those beyond are zero.
    len: usize,
    /// A change of what is open failed, and may have been made in part: it is not to be used again.
    broken: bool,
    /// Whether it has pages, while it waits.
    warm: bool,
}

impl Reserved {
    fn new(guard: usize, capacity: usize) -> std::io::Result<Self> {
        let len = capacity.checked_add(guard).and_then(|len| len.checked_add(guard));
        let mut mapping = Mapping::reserve(len.ok_or(std::io::ErrorKind::OutOfMemory)?)?;
        // A kernel without large pages commits small ones. What is not open is never committed, so no more is than the guest was charged.
        let _ = mapping.large_pages();
        Ok(Self { mapping, guard, capacity, len: 0, broken: false, warm: false })
    }

    fn shape(&self, guard: usize, capacity: usize) -> bool {
        (self.guard, self.capacity) == (guard, capacity)
    }

    /// Opens or closes, so that exactly `len` bytes are open.
    fn resize(&mut self, len: usize) -> std::io::Result<()> {
        if len > self.capacity {
            return Err(std::io::ErrorKind::OutOfMemory.into());
        }
        let (old, new) = (self.guard + self.len, self.guard + len);
        let changed = match new.cmp(&old) {
            Ordering::Greater => self.mapping.open(old..new),
            Ordering::Less => self.mapping.close(new..old),
            Ordering::Equal => Ok(()),
        };
        match changed {
            Ok(()) => self.len = len,
            Err(_) => self.broken = true,
        }
        changed
    }

    /// Makes it zero again: by writing zeros where that is less than giving its pages back, if it may be `warm`.
    fn zero(&mut self, warm: bool) -> std::io::Result<()> {
        let open = self.guard..self.guard + self.len;
        self.warm = warm && self.mapping.clear(open.clone(), SMALL, TOUCHED);
        if self.warm { Ok(()) } else { self.mapping.zero(open) }
    }
}

/// A memory in use.
struct Recycled {
    /// There until the memory is dropped.
    reserved: Option<Reserved>,
    free: Arc<Free<Reserved>>,
}

impl Recycled {
    fn reserved(&self) -> &Reserved {
        self.reserved.as_ref().expect("a memory has its mapping until it is dropped")
    }
}

// SAFETY: `byte_size` bytes at `as_ptr` are mapped, open and this memory's own until it is dropped; those from there to the end of
// the second guard are mapped and closed; the mapping never moves.
unsafe impl LinearMemory for Recycled {
    fn byte_size(&self) -> usize {
        self.reserved().len
    }

    fn byte_capacity(&self) -> usize {
        self.reserved().capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        let reserved = self.reserved.as_mut().expect("a memory has its mapping until it is dropped");
        // wasmtime asks for growth only.
        Ok(reserved.resize(new_size.max(reserved.len))?)
    }

    fn as_ptr(&self) -> *mut u8 {
        let reserved = self.reserved();
        reserved.mapping.at(reserved.guard)
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        let Some(mut reserved) = self.reserved.take() else { return };
        let warm = self.free.count(|waiting| waiting.warm) < WARM;
        // What cannot be made zero, or may be open beyond its length, is never used again.
        if !reserved.broken && reserved.len <= LARGEST && reserved.zero(warm).is_ok() {
            self.free.put(reserved);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 1 << 16;

    fn memory(memories: &Memories, len: usize) -> Box<dyn LinearMemory> {
        memories.new_memory(MemoryType::new(0, None), len, None, Some(16 * PAGE), PAGE).unwrap()
    }

    fn bytes(memory: &mut dyn LinearMemory) -> &mut [u8] {
        // SAFETY: this is what a linear memory promises.
        unsafe { std::slice::from_raw_parts_mut(memory.as_ptr(), memory.byte_size()) }
    }

    #[test]
    fn a_used_memory_comes_back_zero_and_of_the_size_asked_for() {
        let memories = Memories::new();
        let mut first = memory(&memories, 2 * PAGE);
        bytes(&mut *first).fill(0xff);
        first.grow_to(5 * PAGE).unwrap();
        bytes(&mut *first).fill(0xff);
        let place = first.as_ptr();
        drop(first);
        for len in [3 * PAGE, 0, 5 * PAGE, 7 * PAGE] {
            let mut again = memory(&memories, len);
            assert_eq!((again.as_ptr(), again.byte_size()), (place, len));
            assert!(bytes(&mut *again).iter().all(|byte| *byte == 0));
            again.grow_to(8 * PAGE).unwrap();
            assert!(bytes(&mut *again).iter().all(|byte| *byte == 0));
            bytes(&mut *again).fill(0xff);
        }
    }

    /// By writing zeros to all of it, to the pages that were touched, and by giving back what are more.
    #[test]
    fn however_much_was_touched_it_comes_back_zero() {
        for (len, touched) in
            [(PAGE, PAGE), (2 * PAGE, 1), (16 * PAGE, 1), (16 * PAGE, TOUCHED - PAGE), (16 * PAGE, 16 * PAGE)]
        {
            let memories = Memories::new();
            let mut first = memory(&memories, len);
            let end = len / 2 + touched / 2;
            bytes(&mut *first)[end - touched..end].fill(0xff);
            let place = first.as_ptr();
            drop(first);
            let mut again = memory(&memories, len);
            assert_eq!(again.as_ptr(), place);
            assert!(bytes(&mut *again).iter().all(|byte| *byte == 0), "{touched} bytes of {len}");
        }
    }

    #[test]
    fn few_memories_keep_pages_while_they_wait() {
        let memories = Memories::new();
        let used: Vec<_> = (0..2 * WARM).map(|_| memory(&memories, PAGE)).collect();
        drop(used);
        assert_eq!(memories.0.count(|waiting| waiting.warm), WARM);
        assert_eq!(memories.0.count(|_| true), 2 * WARM);
    }

    #[test]
    fn a_large_memory_is_given_back_whole() {
        let memories = Memories::new();
        let large = |len| memories.new_memory(MemoryType::new(0, None), len, None, Some(4 * LARGEST), PAGE).unwrap();
        drop(large(LARGEST + PAGE));
        assert!(memories.0.take(|_| true).is_none());
        drop(large(LARGEST));
        assert!(memories.0.take(|_| true).is_some());
    }

    #[test]
    fn two_memories_in_use_share_nothing() {
        let memories = Memories::new();
        let (mut one, mut other) = (memory(&memories, PAGE), memory(&memories, PAGE));
        bytes(&mut *one).fill(1);
        assert!(bytes(&mut *other).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_memory_whose_growth_failed_is_not_used_again() {
        for broken in [false, true] {
            let free = Memories::new().0;
            let reserved = Reserved { broken, ..Reserved::new(PAGE, PAGE).unwrap() };
            drop(Recycled { reserved: Some(reserved), free: Arc::clone(&free) });
            assert_eq!(free.take(|_| true).is_none(), broken);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut memory = memory(&Memories::new(), PAGE);
        assert!(memory.grow_to(17 * PAGE).is_err());
        assert_eq!(memory.byte_size(), PAGE);
    }
}
