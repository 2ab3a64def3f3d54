//! Calls that programs make in loops allocate nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use support::{Guest, READABLE};

#[allow(dead_code, unused_imports, reason = "most of it is for the other suite")]
#[path = "wasi/support/mod.rs"]
mod support;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts what it is asked for.
struct Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and `ptr` is the system's.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Calls that succeed and calls that fail, none of which ends the sub-VM.
const CALLS: &[(&str, &[u64])] = &[
    ("args_get", &[0, 0x100]),
    ("args_sizes_get", &[0, 8]),
    ("environ_get", &[0, 0x100]),
    ("environ_sizes_get", &[0, 8]),
    ("clock_res_get", &[0, 0]),
    ("clock_time_get", &[0, 0, 0]),
    ("path_open", &[3, 0, 0x1000, 5, 0, READABLE, 0, 0, 0]),
    ("fd_read", &[4, 0x2000, 1024, 0]),
    ("fd_pread", &[4, 0x2000, 3, 2, 0]),
    ("fd_seek", &[4, 0, 0, 0]),
    ("fd_tell", &[4, 0]),
    ("fd_fdstat_get", &[4, 0]),
    ("fd_filestat_get", &[4, 0]),
    ("fd_renumber", &[4, 4]),
    ("fd_readdir", &[4, 0x8000, 1000, 0, 0]),
    ("fd_close", &[4]),
    ("fd_readdir", &[3, 0x8000, 1000, 0, 0]),
    ("fd_write", &[1, 0x2008, 1000, 0]),
    ("fd_prestat_get", &[3, 0]),
    ("fd_prestat_dir_name", &[3, 0, 1]),
    ("path_filestat_get", &[3, 0, 0x1000, 5, 0]),
    ("path_filestat_get", &[3, 0, 0x1000, 4, 0]),
    ("random_get", &[0, 4096]),
    ("fd_read", &[0, 0x2000, 1025, 0]),
    ("fd_read", &[99, 0x2000, 1, 0]),
    ("path_unlink_file", &[3, 0x1000, 5]),
    ("sched_yield", &[]),
];

#[test]
fn calls_in_loops_allocate_nothing() {
    let mut guest = Guest::new();
    let mut iovecs = [(0x1_0000, 0); 1024];
    iovecs[0].1 = 5;
    let mut allocations = [0; CALLS.len()];
    for _ in 0..3 {
        for ((name, args), allocated) in CALLS.iter().zip(&mut allocations) {
            guest.put(0x1000, b"a.txt");
            guest.put_iovecs(0x2000, &iovecs);
            let before = ALLOCATIONS.get();
            guest.call(name, args).unwrap();
            // That of the last round remains.
            *allocated = ALLOCATIONS.get() - before;
        }
    }
    assert!(ALLOCATIONS.get() > 0, "nothing is counted");
    for ((name, args), allocated) in CALLS.iter().zip(allocations) {
        assert_eq!(allocated, 0, "{name}({args:?})");
    }
}
