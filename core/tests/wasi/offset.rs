//! `fd_seek`, `fd_tell`.

use subvm_core::Trap;
use subvm_core::wasi::Errno;

use crate::support::{FD_READ, FD_SEEK, FD_TELL, Guest};

const SET: u64 = 0;
const CUR: u64 = 1;
const END: u64 = 2;
const AT: u32 = 0x800;

fn minus(n: u64) -> u64 {
    n.wrapping_neg()
}

#[test]
fn fd_seek_moves_from_the_start_the_offset_and_the_end() {
    let mut guest = Guest::new();
    let fd = guest.open("a.txt").into();
    for (offset, whence, to) in [
        (5, SET, 5_u64),
        (3, CUR, 8),
        (minus(2), CUR, 6),
        (0, CUR, 6),
        (minus(4), END, 8),
        (0, END, 12),
        (100, END, 112),
        (1, CUR, 113),
        (0, SET, 0),
        (i64::MAX as u64, SET, i64::MAX as u64),
        (minus(12), END, 0),
    ] {
        guest.writes("fd_seek", &[fd, offset, whence, AT.into()], &[(AT, &to.to_le_bytes())]);
        guest.writes("fd_tell", &[fd, AT.into()], &[(AT, &to.to_le_bytes())]);
    }
}

#[test]
fn fd_seek_is_inval_below_0_and_above_the_largest_offset() {
    let mut guest = Guest::new();
    let fd = guest.open("a.txt").into();
    guest.ok("fd_seek", &[fd, 5, SET, AT.into()]);
    for (offset, whence) in [
        (minus(1), SET),
        (1 << 63, SET),
        (minus(6), CUR),
        (i64::MAX as u64, CUR),
        (minus(13), END),
        (i64::MAX as u64 - 11, END),
    ] {
        guest.fails(Errno::Inval, "fd_seek", &[fd, offset, whence, AT.into()]);
    }
    guest.ok("fd_seek", &[fd, i64::MAX as u64 - 12, END, AT.into()]);
    guest.ok("fd_seek", &[fd, i64::MAX as u64, SET, AT.into()]);
    guest.fails(Errno::Inval, "fd_seek", &[fd, 1, CUR, AT.into()]);
    guest.fails(Errno::Inval, "fd_seek", &[fd, i64::MAX as u64, CUR, AT.into()]);
}

#[test]
fn fd_seek_looks_where_its_result_goes_before_it_is_inval() {
    for at in [1, 4] {
        Guest::new().traps(Trap::HeapMisaligned, "fd_seek", &[0, minus(1), SET, at]);
    }
    Guest::new().traps(Trap::MemoryOutOfBounds, "fd_seek", &[0, minus(1), END, 0xFFFF_FFF8]);
}

#[test]
fn fd_seek_of_another_whence_is_inval_before_all_else() {
    for whence in [3, 0x100, 0xFFFF_FFFF] {
        for fd in [0, 1, 3, 99] {
            Guest::new().fails(Errno::Inval, "fd_seek", &[fd, 0, whence, 1]);
        }
    }
}

#[test]
fn fd_seek_is_spipe_on_streams() {
    for fd in [1, 2] {
        Guest::new().fails(Errno::Spipe, "fd_seek", &[fd, 0, CUR, 1]);
    }
}

#[test]
fn fd_seek_is_notcapable_on_a_directory() {
    let mut guest = Guest::new();
    let dir = guest.open("dir").into();
    for fd in [3, dir] {
        guest.fails(Errno::Notcapable, "fd_seek", &[fd, 0, CUR, 1]);
    }
}

#[test]
fn fd_seek_is_badf_where_nothing_is_open() {
    for fd in [4, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Badf, "fd_seek", &[fd, 0, CUR, 1]);
    }
}

#[test]
fn fd_seek_needs_its_right_where_it_moves() {
    let mut guest = Guest::new();
    let fd = guest.open_with(3, "a.txt", FD_READ | FD_TELL, 0).into();
    for (offset, whence) in [(0, SET), (0, END), (1, CUR)] {
        guest.fails(Errno::Notcapable, "fd_seek", &[fd, offset, whence, 1]);
    }
    guest.writes("fd_seek", &[fd, 0, CUR, AT.into()], &[(AT, &[0; 8])]);
    let fd = guest.open_with(3, "a.txt", FD_READ, 0).into();
    guest.fails(Errno::Notcapable, "fd_seek", &[fd, 0, CUR, 1]);
}

#[test]
fn fd_tell_is_implied_by_the_right_to_seek() {
    let mut guest = Guest::new();
    let fd = guest.open_with(3, "a.txt", FD_SEEK, 0).into();
    guest.writes("fd_tell", &[fd, AT.into()], &[(AT, &[0; 8])]);
    let fd = guest.open_with(3, "a.txt", FD_TELL, 0).into();
    guest.writes("fd_tell", &[fd, AT.into()], &[(AT, &[0; 8])]);
}

#[test]
fn fd_tell_is_notcapable_without_either_right() {
    let mut guest = Guest::new();
    let fd = guest.open_with(3, "a.txt", FD_READ, 0).into();
    guest.fails(Errno::Notcapable, "fd_tell", &[fd, 1]);
}

#[test]
fn fd_tell_is_spipe_on_streams() {
    for fd in [1, 2] {
        Guest::new().fails(Errno::Spipe, "fd_tell", &[fd, 1]);
    }
}

#[test]
fn fd_tell_is_notcapable_on_a_directory() {
    Guest::new().fails(Errno::Notcapable, "fd_tell", &[3, 1]);
}

#[test]
fn fd_tell_is_badf_where_nothing_is_open() {
    for fd in [4, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Badf, "fd_tell", &[fd, 1]);
    }
}
