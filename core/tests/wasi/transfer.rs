//! `fd_read`, `fd_pread`, `fd_write`.

use subvm_core::host::Stream;
use subvm_core::wasi::Errno;

use crate::support::{FD_READ, FD_SEEK, FD_TELL, Guest, MESSAGE, READABLE};

const IOVS: u64 = 0x2000;
const N: u32 = 0x3000;

fn words(word: u32) -> [u8; 4] {
    word.to_le_bytes()
}

#[test]
fn fd_read_of_0_is_the_message() {
    let mut guest = Guest::new();
    guest.put_iovecs(0x2000, &[(0x100, 64)]);
    guest.writes("fd_read", &[0, IOVS, 1, N.into()], &[(0x100, MESSAGE), (N, &words(11))]);
}

#[test]
fn fd_read_moves_the_offset_and_fills_iovecs_in_order() {
    let mut guest = Guest::new();
    let fd = guest.open("a.txt").into();
    guest.put_iovecs(0x2000, &[(0x100, 3), (0x200, 0), (0x300, 4)]);
    guest.writes("fd_read", &[fd, IOVS, 3, N.into()], &[(0x100, b"hel"), (0x300, b"lo, "), (N, &words(7))]);
    guest.writes("fd_read", &[fd, IOVS, 3, N.into()], &[(0x100, b"wor"), (0x300, b"ld"), (N, &words(5))]);
    guest.writes("fd_read", &[fd, IOVS, 3, N.into()], &[(N, &words(0))]);
    assert_eq!(guest.descriptor(fd as u32).unwrap().1, Ok(12));
}

#[test]
fn fd_read_past_the_end_is_0_bytes() {
    let mut guest = Guest::new();
    let fd = guest.open("a.txt").into();
    guest.put_iovecs(0x2000, &[(0x100, 3)]);
    for offset in [12_u64, 13, i64::MAX as u64] {
        guest.ok("fd_seek", &[fd, offset, 0, 0x800]);
        guest.writes("fd_read", &[fd, IOVS, 1, N.into()], &[(N, &words(0))]);
        assert_eq!(guest.descriptor(fd as u32).unwrap().1, Ok(offset));
    }
}

#[test]
fn fd_read_of_nothing_is_0_bytes() {
    let mut guest = Guest::new();
    let end = guest.mem.len() as u64;
    guest.writes("fd_read", &[0, end, 0, N.into()], &[(N, &words(0))]);
}

#[test]
fn fd_read_takes_overlapping_iovecs_in_order() {
    let mut guest = Guest::new();
    guest.put_iovecs(0x2000, &[(0x100, 4), (0x102, 4)]);
    guest.writes("fd_read", &[0, IOVS, 2, N.into()], &[(0x100, b"thmess"), (N, &words(8))]);
}

#[test]
fn fd_read_over_its_own_iovecs_uses_them_as_they_were() {
    let mut guest = Guest::new();
    guest.put_iovecs(0x2000, &[(0x2008, 4), (0x100, 3)]);
    guest.writes("fd_read", &[0, IOVS, 2, N.into()], &[(0x2008, b"the "), (0x100, b"mes"), (N, &words(7))]);
}

#[test]
fn fd_read_writes_its_result_last() {
    let mut guest = Guest::new();
    guest.put_iovecs(0x2000, &[(0x100, 8)]);
    guest.writes("fd_read", &[0, IOVS, 1, 0x104], &[(0x100, b"the "), (0x104, &words(8))]);
}

#[test]
fn fd_read_of_two_descriptors_of_one_file_has_two_offsets() {
    let mut guest = Guest::new();
    let (one, two) = (guest.open("a.txt"), guest.open("a.txt"));
    guest.put_iovecs(0x2000, &[(0x100, 5)]);
    guest.ok("fd_read", &[one.into(), IOVS, 1, N.into()]);
    assert_eq!(guest.descriptor(one).unwrap().1, Ok(5));
    assert_eq!(guest.descriptor(two).unwrap().1, Ok(0));
}

#[test]
fn fd_read_is_isdir_on_a_directory() {
    Guest::new().fails(Errno::Isdir, "fd_read", &[3, 0xFFFF_FFFF, 1, 1]);
}

#[test]
fn fd_read_is_badf_on_streams_and_what_is_not_open() {
    for fd in [1, 2, 4, 1024, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Badf, "fd_read", &[fd, 0xFFFF_FFFF, 1, 1]);
    }
}

#[test]
fn fd_read_is_badf_without_its_right() {
    let mut guest = Guest::new();
    let fd = guest.open_with(3, "a.txt", READABLE & !FD_READ, 0).into();
    guest.fails(Errno::Badf, "fd_read", &[fd, 0xFFFF_FFFF, 1, 1]);
}

#[test]
fn fd_read_takes_1024_iovecs_and_no_more() {
    let mut guest = Guest::new();
    guest.put_iovecs(0x2000, &[(0x100, 0); 1023]);
    guest.put_iovecs(0x2000 + 1023 * 8, &[(0x100, 3)]);
    guest.writes("fd_read", &[0, IOVS, 1024, 0x1_0000], &[(0x100, b"the"), (0x1_0000, &words(3))]);
    for count in [1025, 0x8000_0000, 0xFFFF_FFFF] {
        guest.fails(Errno::Inval, "fd_read", &[0, IOVS, count, 1]);
        guest.fails(Errno::Inval, "fd_read", &[99, IOVS, count, 1]);
    }
}

#[test]
fn fd_read_is_inval_where_lengths_sum_to_4_gib() {
    let mut guest = Guest::new();
    guest.put_iovecs(0x2000, &[(0, u32::MAX), (0, 1)]);
    guest.fails(Errno::Inval, "fd_read", &[0, IOVS, 2, 1]);
    guest.put_iovecs(0x2000, &[(0, u32::MAX), (0, 0)]);
    guest.traps(subvm_core::Trap::MemoryOutOfBounds, "fd_read", &[0, IOVS, 2, N.into()]);
}

#[test]
fn fd_read_checks_every_iovec_before_it_writes_one() {
    let mut guest = Guest::new();
    let end = guest.mem.len() as u32;
    for bad in [(end - 3, 4), (end + 1, 0), (u32::MAX, 2), (u32::MAX - 1, 2)] {
        guest.put_iovecs(0x2000, &[(0x100, 4), bad]);
        guest.traps(subvm_core::Trap::MemoryOutOfBounds, "fd_read", &[0, IOVS, 2, N.into()]);
    }
}

#[test]
fn fd_pread_reads_anywhere_and_leaves_the_offset() {
    let mut guest = Guest::new();
    let fd = guest.open("a.txt").into();
    guest.put_iovecs(0x2000, &[(0x100, 3), (0x200, 100)]);
    guest.writes("fd_pread", &[fd, IOVS, 2, 7, N.into()], &[(0x100, b"wor"), (0x200, b"ld"), (N, &words(5))]);
    guest.writes("fd_pread", &[fd, IOVS, 2, 0, N.into()], &[(0x100, b"hel"), (0x200, b"lo, world"), (N, &words(12))]);
    for offset in [12, 13, 1 << 32, 1 << 63, u64::MAX] {
        guest.writes("fd_pread", &[fd, IOVS, 2, offset, N.into()], &[(N, &words(0))]);
    }
    assert_eq!(guest.descriptor(fd as u32).unwrap().1, Ok(0));
}

#[test]
fn fd_pread_is_isdir_on_a_directory() {
    Guest::new().fails(Errno::Isdir, "fd_pread", &[3, 0xFFFF_FFFF, 1, 0, 1]);
}

#[test]
fn fd_pread_is_badf_on_streams_and_what_is_not_open() {
    for fd in [1, 2, 4, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Badf, "fd_pread", &[fd, 0xFFFF_FFFF, 1, 0, 1]);
    }
}

#[test]
fn fd_pread_needs_the_rights_to_read_and_to_seek() {
    let mut guest = Guest::new();
    let fd = guest.open_with(3, "a.txt", FD_SEEK, 0).into();
    guest.fails(Errno::Badf, "fd_pread", &[fd, 0xFFFF_FFFF, 1, 0, 1]);
    let fd = guest.open_with(3, "a.txt", FD_READ | FD_TELL, 0).into();
    guest.fails(Errno::Notcapable, "fd_pread", &[fd, 0xFFFF_FFFF, 1, 0, 1]);
}

#[test]
fn fd_pread_takes_1024_iovecs_and_no_more() {
    let mut guest = Guest::new();
    guest.fails(Errno::Inval, "fd_pread", &[0, IOVS, 1025, 0, 1]);
    guest.put_iovecs(0x2000, &[(0, u32::MAX), (0, 1)]);
    guest.fails(Errno::Inval, "fd_pread", &[0, IOVS, 2, 0, 1]);
}

#[test]
fn fd_write_hands_on_every_iovec_in_order() {
    let mut guest = Guest::new();
    guest.put(0x100, b"hello");
    guest.put_iovecs(0x2000, &[(0x100, 5), (0x100, 0), (0x101, 2)]);
    guest.writes("fd_write", &[1, IOVS, 3, N.into()], &[(N, &words(7))]);
    guest.writes("fd_write", &[2, IOVS, 1, N.into()], &[(N, &words(5))]);
    let (one, two) = (Stream::Stdout, Stream::Stderr);
    assert_eq!(guest.output(), [(one, b"hello".to_vec()), (one, b"el".to_vec()), (two, b"hello".to_vec())]);
}

#[test]
fn fd_write_of_nothing_is_0_bytes() {
    let mut guest = Guest::new();
    let end = guest.mem.len() as u64;
    guest.writes("fd_write", &[1, end, 0, N.into()], &[(N, &words(0))]);
    assert!(guest.output().is_empty());
}

#[test]
fn fd_write_is_badf_on_all_but_streams() {
    let mut guest = Guest::new();
    let (file, dir) = (guest.open("a.txt").into(), guest.open("dir").into());
    for fd in [0, 3, file, dir, 6, 0xFFFF_FFFF] {
        guest.fails(Errno::Badf, "fd_write", &[fd, 0xFFFF_FFFF, 1, 1]);
    }
}

#[test]
fn fd_write_takes_1024_iovecs_and_no_more() {
    let mut guest = Guest::new();
    guest.put_iovecs(0x2000, &[(0x100, 1); 1024]);
    guest.writes("fd_write", &[1, IOVS, 1024, 0x1_0000], &[(0x1_0000, &words(1024))]);
    guest.fails(Errno::Inval, "fd_write", &[1, IOVS, 1025, 1]);
    guest.put_iovecs(0x2000, &[(0, u32::MAX), (0, 1)]);
    guest.fails(Errno::Inval, "fd_write", &[1, IOVS, 2, 1]);
}

#[test]
fn fd_write_prints_nothing_where_an_iovec_is_bad() {
    let mut guest = Guest::new();
    guest.put_iovecs(0x2000, &[(0x100, 5), (u32::MAX, 1)]);
    guest.traps(subvm_core::Trap::MemoryOutOfBounds, "fd_write", &[1, IOVS, 2, N.into()]);
}

#[test]
fn fd_write_follows_a_stream_that_was_renumbered() {
    let mut guest = Guest::new();
    guest.ok("fd_renumber", &[1, 0]);
    guest.put_iovecs(0x2000, &[(0x100, 1)]);
    guest.ok("fd_write", &[0, IOVS, 1, N.into()]);
    guest.fails(Errno::Badf, "fd_write", &[1, IOVS, 1, N.into()]);
    assert_eq!(guest.output(), [(Stream::Stdout, vec![crate::support::FILL])]);
}
