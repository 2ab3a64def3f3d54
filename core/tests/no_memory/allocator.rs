//! The system's allocator, which refuses one request when it is told to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// Whether requests are counted now.
static ARMED: AtomicBool = AtomicBool::new(false);
/// Requests of fewer bytes are none of ours.
static FROM: AtomicUsize = AtomicUsize::new(usize::MAX);
/// Requests until the one that is refused; 0 for none.
static LEFT: AtomicUsize = AtomicUsize::new(0);

struct Refusing;

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

// SAFETY: what is not refused is left to the system's allocator; NULL is what an allocator answers where it has nothing.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refused(layout.size()) {
            return ptr::null_mut();
        }
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and `place` is the system's.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && refused(size) {
            return ptr::null_mut();
        }
        // SAFETY: the caller keeps the contract of `realloc`, and `place` is the system's.
        unsafe { System.realloc(place, layout, size) }
    }
}

fn refused(size: usize) -> bool {
    if !ARMED.load(SeqCst) || size < FROM.load(SeqCst) {
        return false;
    }
    let refused = LEFT.try_update(SeqCst, SeqCst, |left| left.checked_sub(1)) == Ok(1);
    if refused && std::env::var_os("SUBVM_NO_MEMORY_TRACE").is_some() {
        arm(false);
        eprintln!("refused {size} bytes\n{}", std::backtrace::Backtrace::force_capture());
        arm(true);
    }
    refused
}

/// Has the `nth` request of `from` bytes or more be refused, of those that are made while it is armed.
pub(crate) fn refuse(nth: usize, from: usize) {
    FROM.store(from, SeqCst);
    LEFT.store(nth, SeqCst);
}

/// Whether it was refused; nothing is refused from now on.
pub(crate) fn was_refused() -> bool {
    arm(false);
    LEFT.swap(0, SeqCst) == 0
}

/// Whether requests are counted from now on.
pub(crate) fn arm(armed: bool) {
    ARMED.store(armed, SeqCst);
}
