//! Every pointer of every function that takes one, at the edges of memory: a test for each function, under its name.

use subvm_core::Trap;

use crate::support::{FD_READ, FILL, Guest, config};

/// A place that a function reads or writes: which argument points to it, its bytes, and its alignment.
type Place = (usize, u32, u32);

fn guest() -> Guest {
    let args = subvm_core::wasi::Args::new(["ab", "c"]).unwrap();
    let mut guest = Guest::with(subvm_core::wasi::Config {
        args: args.into(),
        personality: subvm_core::Personality::Program,
        ..config()
    });
    guest.put(0x1000, b"a.txt");
    guest.put_iovecs(0x2000, &[(0x100, 4)]);
    guest
}

/// `args` make a call that succeeds.
fn check(name: &str, args: &[u64], places: &[Place]) {
    guest().ok(name, args);
    for &(param, len, align) in places {
        let call = |at: u64| [&args[..param], &[at], &args[param + 1..]].concat();
        let mut guest = guest();
        let (end, len) = (guest.mem.len() as u64, u64::from(len));

        // What an input holds goes along with its pointer, so that only the pointer matters.
        let input = guest.bytes(args[param] as u32, len as u32).to_vec();
        guest.put((end - len) as u32, &input);
        guest.ok(name, &call(end - len));

        for at in [end - len + u64::from(align), end + 1, 0x8000_0000, u64::from(u32::MAX) & !u64::from(align - 1)] {
            guest.traps(Trap::MemoryOutOfBounds, name, &call(at));
        }
        if align > 1 {
            for at in [1, u64::from(align / 2), 0x1001] {
                guest.traps(Trap::HeapMisaligned, name, &call(at));
            }
            guest.traps(Trap::MemoryOutOfBounds, name, &call(end - len + 1));
        }
        guest.mem.clear();
        guest.traps(Trap::MemoryOutOfBounds, name, args);
    }
}

macro_rules! pointers {
    ($($name:ident($($arg:expr),*) $places:expr;)*) => {
        $(#[test] fn $name() { check(stringify!($name), &[$($arg),*], &$places); })*
    };
}

pointers! {
    args_get(0x10, 0x20) [(0, 8, 4), (1, 5, 1)];
    args_sizes_get(0x10, 0x20) [(0, 4, 4), (1, 4, 4)];
    environ_get(0x10, 0x20) [(0, 12, 4), (1, 35, 1)];
    environ_sizes_get(0x10, 0x20) [(0, 4, 4), (1, 4, 4)];
    clock_res_get(0, 0x10) [(1, 8, 8)];
    clock_time_get(0, 0, 0x10) [(2, 8, 8)];
    fd_fdstat_get(0, 0x10) [(1, 24, 8)];
    fd_filestat_get(0, 0x10) [(1, 64, 8)];
    fd_pread(0, 0x2000, 1, 0, 0x10) [(1, 8, 4), (4, 4, 4)];
    fd_prestat_get(3, 0x10) [(1, 8, 4)];
    fd_prestat_dir_name(3, 0x11, 5) [(1, 5, 1)];
    fd_read(0, 0x2000, 1, 0x10) [(1, 8, 4), (3, 4, 4)];
    fd_readdir(3, 0x3001, 40, 0, 0x10) [(1, 40, 1), (4, 4, 4)];
    fd_seek(0, 0, 0, 0x10) [(3, 8, 8)];
    fd_tell(0, 0x10) [(1, 8, 8)];
    fd_write(1, 0x2000, 1, 0x10) [(1, 8, 4), (3, 4, 4)];
    path_filestat_get(3, 0, 0x1000, 5, 0x10) [(2, 5, 1), (4, 64, 8)];
    path_open(3, 0, 0x1000, 5, 0, FD_READ, 0, 0, 0x10) [(2, 5, 1), (8, 4, 4)];
    random_get(0x11, 5) [(0, 5, 1)];
}

#[test]
fn a_range_of_no_bytes_is_valid_up_to_the_end() {
    let mut guest = Guest::new();
    let end = guest.mem.len() as u64;
    for (name, args, at) in [
        ("args_get", &[0, 0][..], 0),
        ("args_get", &[0, 0], 1),
        ("random_get", &[0, 0], 0),
        ("fd_read", &[0, 0, 0, 16], 1),
        ("fd_write", &[1, 0, 0, 16], 1),
        ("fd_readdir", &[3, 0, 0, 0, 16], 1),
    ] {
        let call = |value| [&args[..at], &[value], &args[at + 1..]].concat();
        guest.ok(name, &call(end));
        guest.traps(Trap::MemoryOutOfBounds, name, &call(end + 8));
    }
    guest.traps(Trap::HeapMisaligned, "args_get", &[2, 0]);
    guest.traps(Trap::HeapMisaligned, "fd_read", &[0, 2, 0, 16]);
}

#[test]
fn a_buffer_of_an_iovec_may_end_with_the_memory() {
    let mut guest = Guest::new();
    let end = guest.mem.len() as u32;
    guest.put_iovecs(0x2000, &[(end - 3, 3), (end, 0)]);
    guest.writes("fd_read", &[0, 0x2000, 2, 0x10], &[(end - 3, b"the"), (0x10, &[3, 0, 0, 0])]);
    assert_eq!(guest.mem[0x14], FILL);
}
