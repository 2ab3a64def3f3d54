//! What a guest might try. Random arguments of all kinds are in `model`.

use subvm_core::wasi::FUNCTIONS;
use subvm_core::{Outcome, Trap, VmError};

use crate::support::Guest;

#[test]
fn iovecs_without_number_are_inval_at_once() {
    let mut guest = Guest::new();
    for count in [1025, 0x2000_0000, 0x2000_0001, 0xFFFF_FFFF] {
        for (name, fd) in [("fd_read", 0), ("fd_write", 1)] {
            guest.fails(subvm_core::wasi::Errno::Inval, name, &[fd, 0, count, 0]);
        }
    }
}

#[test]
fn a_path_of_100_000_components_is_nametoolong() {
    let mut guest = Guest::new();
    guest.mem = b"a/".repeat(100_000);
    for name in ["path_open", "path_filestat_get"] {
        guest.fails(subvm_core::wasi::Errno::Nametoolong, name, &[3, 0, 0, 200_000, 0, 0, 0, 0, 0]);
    }
}

#[test]
fn memory_of_no_pages_has_no_place_for_anything() {
    let mut guest = Guest::new();
    guest.mem.clear();
    guest.traps(Trap::MemoryOutOfBounds, "fd_tell", &[0, 0]);
    guest.writes("random_get", &[0, 0], &[]);
    guest.writes("fd_close", &[0], &[]);
    guest.writes("args_get", &[0, 0], &[]);
    assert_eq!(guest.call("proc_exit", &[0]), Err(Outcome::null()));
    assert_eq!(guest.call("proc_exit", &[3]), Err(Outcome::VmError(VmError::ExitCode(3))));
}

#[test]
fn closing_everything_leaves_nothing() {
    let mut guest = Guest::program();
    for fd in 0..4 {
        guest.ok("fd_close", &[fd]);
    }
    for function in FUNCTIONS.iter().filter(|f| f.always.is_none() && f.name.starts_with("fd_")) {
        guest.fails(subvm_core::wasi::Errno::Badf, function.name, &[3, 0, 0, 0, 0]);
    }
}
