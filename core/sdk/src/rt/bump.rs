//! Memory, and the end of a panic, for contracts without `std`.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const PAGE: usize = 65_536;

/// Hands memory out upwards and takes back only the last block: a sub-VM lives for one message.
struct Bump {
    /// Where the next block may start; 0 before the first.
    next: AtomicUsize,
}

#[global_allocator]
static MEMORY: Bump = Bump { next: AtomicUsize::new(0) };

impl Bump {
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

// SAFETY: each block lies above the one before it, in memory grown for blocks alone, aligned as asked.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = match self.next.load(Relaxed) {
            0 => wasm32::memory_size(0) * PAGE,
            next => next.next_multiple_of(layout.align()),
        };
        if self.reach(start.saturating_add(layout.size())) { start as *mut u8 } else { core::ptr::null_mut() }
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
