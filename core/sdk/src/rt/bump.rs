//! Memory, and the end of a panic, for contracts without `std`.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const PAGE: usize = 65_536;

unsafe extern "C" {
    /// Where the linker's data ends. What is left of the pages that the module declares is paid for, and free.
    static __heap_base: u8;
}

/// Hands memory out upwards and takes back only the last block: a sub-VM lives for one message.
struct Bump {
    /// Where the next block may start; 0 before the first.
    next: AtomicUsize,
}

#[global_allocator]
static MEMORY: Bump = Bump { next: AtomicUsize::new(0) };

impl Bump {
    /// A new block; `below` is one less than its alignment, a power of two. Null where there is no memory for it.
    #[inline(never)]
    fn take(&self, size: usize, below: usize) -> *mut u8 {
        let start = match self.next.load(Relaxed) {
            0 => (&raw const __heap_base).addr(),
            next => next,
        };
        // What is beyond memory stays there, and is refused.
        let start = start.saturating_add(below) & !below;
        if self.reach(start.saturating_add(size)) { start as *mut u8 } else { core::ptr::null_mut() }
    }

    /// Makes the memory go on to `end`; whether it does.
    fn reach(&self, end: usize) -> bool {
        let missing = end.saturating_sub(wasm32::memory_size(0) * PAGE).div_ceil(PAGE);
        if missing > 0 && wasm32::memory_grow(0, missing) == usize::MAX {
            return false;
        }
        self.next.store(end, Relaxed);
        true
    }
}

// SAFETY: each block lies above the one before it and all that the linker placed, in memory that is there or was grown, aligned as asked.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout.size(), layout.align() - 1)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block as usize + layout.size() == self.next.load(Relaxed) {
            self.next.store(block as usize, Relaxed);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if block as usize + layout.size() == self.next.load(Relaxed) {
            return if self.reach((block as usize).saturating_add(size)) { block } else { core::ptr::null_mut() };
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the layout is the block's, of another size.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both have as many bytes, and the new block lies above the old one.
            unsafe { core::ptr::copy_nonoverlapping(block, new, layout.size()) };
        }
        new
    }

    // Memory above `next` may have been used before, so the default, which clears, stays.
}

/// A panic is a bug of the contract: the sub-VM traps, and its fingerprint says where.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}
