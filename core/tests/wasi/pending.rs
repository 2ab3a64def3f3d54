//! Descriptors whose bytes a module is still making.

use subvm_core::fd::Content;
use subvm_core::host::RequestId;
use subvm_core::wasi::Errno;
use subvm_core::{Ram, Resource, VmError};

use crate::support::Guest;

const ID: RequestId = RequestId(7);
/// What its request holds.
const HELD: u64 = 4;

/// A guest with descriptor 4 pending, and the result ready.
fn pending() -> Guest {
    let mut guest = Guest::new();
    let fd = guest.state.attach(Content::Pending { id: ID, held: HELD }, &mut guest.ram, &guest.limits).unwrap();
    assert_eq!(fd.0, 4);
    guest.script.results.lock().unwrap().insert(ID, b"result".to_vec());
    guest.put_iovecs(0x100, &[(0x200, 3)]);
    guest
}

fn waited(guest: &Guest) -> bool {
    guest.script.results.lock().unwrap().is_empty()
}

fn cancelled(guest: &Guest) -> Vec<RequestId> {
    guest.script.cancelled.lock().unwrap().clone()
}

#[test]
fn fd_read_waits_for_a_result_once_and_charges_it() {
    let mut guest = pending();
    let before = guest.ram.used();
    guest.writes("fd_read", &[4, 0x100, 1, 0], &[(0, &3_u32.to_le_bytes()), (0x200, b"res")]);
    assert_eq!(guest.ram.used(), before - HELD + 6);
    guest.writes("fd_read", &[4, 0x100, 1, 0], &[(0, &3_u32.to_le_bytes()), (0x200, b"ult")]);
    guest.ok("fd_close", &[4]);
    assert_eq!(guest.ram.used(), before - HELD);
    assert!(cancelled(&guest).is_empty());
}

#[test]
fn whatever_needs_bytes_or_size_waits() {
    for (name, args) in [
        ("fd_read", &[4, 0x100, 1, 0][..]),
        ("fd_pread", &[4, 0x100, 1, 2, 0]),
        ("fd_seek", &[4, 0, 2, 0]),
        ("fd_filestat_get", &[4, 0]),
    ] {
        let mut guest = pending();
        guest.ok(name, args);
        assert!(waited(&guest), "{name}");
    }
    let mut guest = pending();
    guest.writes("fd_seek", &[4, 0, 2, 0], &[(0, &6_u64.to_le_bytes())]);
}

#[test]
fn what_needs_neither_does_not_wait() {
    for (name, args) in [
        ("fd_seek", &[4, 3, 0, 0][..]),
        ("fd_seek", &[4, 3, 1, 0]),
        ("fd_tell", &[4, 0]),
        ("fd_fdstat_get", &[4, 0]),
        ("fd_renumber", &[4, 0]),
        ("fd_close", &[4]),
    ] {
        let mut guest = pending();
        guest.ok(name, args);
        assert!(!waited(&guest), "{name}");
    }
}

#[test]
fn fd_read_that_fails_does_not_wait() {
    let mut guest = pending();
    guest.fails(Errno::Inval, "fd_read", &[4, 0x100, 1025, 0]);
    guest.traps(subvm_core::Trap::HeapMisaligned, "fd_read", &[4, 0x100, 1, 1]);
    assert!(!waited(&guest));
}

#[test]
fn fd_close_gives_a_pending_result_up() {
    let mut guest = pending();
    let before = guest.ram.used();
    guest.ok("fd_close", &[4]);
    assert_eq!(cancelled(&guest), [ID]);
    assert_eq!(guest.ram.used(), before - HELD, "the request holds nothing any more");
}

#[test]
fn fd_renumber_gives_a_pending_result_up() {
    let mut guest = pending();
    guest.ok("fd_renumber", &[0, 4]);
    assert_eq!(cancelled(&guest), [ID]);
}

#[test]
fn the_end_gives_all_pending_results_up_once() {
    let mut guest = pending();
    let other =
        guest.state.attach(Content::Pending { id: RequestId(9), held: HELD }, &mut guest.ram, &guest.limits).unwrap();
    assert_eq!(other.0, 5);
    guest.state.cancel_pending(&mut *guest.node.modules);
    guest.state.cancel_pending(&mut *guest.node.modules);
    assert_eq!(cancelled(&guest), [ID, RequestId(9)]);
}

#[test]
fn a_result_that_does_not_fit_is_out_of_memory_and_is_not_given_up_afterwards() {
    let mut guest = pending();
    guest.ram = Ram::new(5);
    guest.ram.charge(HELD).unwrap();
    guest.ends(VmError::OutOf(Resource::Memory), "fd_read", &[4, 0x100, 1, 0]);
    guest.state.cancel_pending(&mut *guest.node.modules);
    assert!(cancelled(&guest).is_empty());
}
