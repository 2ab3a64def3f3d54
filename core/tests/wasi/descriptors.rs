//! `fd_close`, `fd_renumber`, and how numbers are given.

use subvm_core::fd::{Content, Fd};
use subvm_core::wasi::Errno;
use subvm_core::{Ram, Resource, VmError};

use crate::support::{Guest, config};

fn attach(guest: &mut Guest, bytes: &[u8]) -> Result<Fd, Resource> {
    guest.state.attach(Content::Bytes(bytes.into()), &mut guest.ram, &guest.limits)
}

#[test]
fn fd_close_frees_the_number_and_the_last_freed_is_given_first() {
    let mut guest = Guest::new();
    assert_eq!([guest.open("a.txt"), guest.open("a.txt"), guest.open("dir")], [4, 5, 6]);
    guest.ok("fd_close", &[4]);
    guest.ok("fd_close", &[6]);
    guest.ok("fd_close", &[5]);
    assert_eq!([guest.open("a.txt"), guest.open("a.txt"), guest.open("dir"), guest.open("dir")], [5, 6, 4, 7]);
}

#[test]
fn fd_close_of_0_to_3_makes_their_numbers_free_too() {
    let mut guest = Guest::new();
    for fd in [0, 1, 2] {
        guest.ok("fd_close", &[fd]);
        guest.fails(Errno::Badf, "fd_fdstat_get", &[fd, 0]);
    }
    assert_eq!([guest.open("a.txt"), guest.open("a.txt"), guest.open("a.txt")], [2, 1, 0]);
    guest.ok("fd_close", &[3]);
    guest.fails(Errno::Badf, "path_open", &[3, 0, 0, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn fd_close_is_badf_where_nothing_is_open() {
    let mut guest = Guest::new();
    for fd in [4, 1024, 0x8000_0000, 0xFFFF_FFFF] {
        guest.fails(Errno::Badf, "fd_close", &[fd]);
    }
    guest.ok("fd_close", &[0]);
    guest.fails(Errno::Badf, "fd_close", &[0]);
}

#[test]
fn fd_close_gives_back_the_ram_of_content_and_not_of_the_number() {
    let mut guest = Guest::new();
    let before = guest.ram.used();
    let fd = attach(&mut guest, b"12345").unwrap();
    assert_eq!(guest.ram.used(), before + 96 + 5);
    guest.ok("fd_close", &[fd.0.into()]);
    assert_eq!(guest.ram.used(), before + 96);
    assert_eq!(attach(&mut guest, b"123").unwrap(), fd);
    assert_eq!(guest.ram.used(), before + 96 + 3);
    // The message was never charged.
    guest.ok("fd_close", &[0]);
    assert_eq!(guest.ram.used(), before + 96 + 3);
}

#[test]
fn fd_renumber_moves_and_frees() {
    let mut guest = Guest::new();
    let file = guest.open("a.txt").into();
    guest.ok("fd_seek", &[file, 7, 0, 0]);
    let before = guest.descriptor(4);
    guest.ok("fd_renumber", &[file, 0]);
    assert_eq!(guest.descriptor(0), before);
    guest.fails(Errno::Badf, "fd_tell", &[file, 0]);
    assert_eq!(guest.open("dir"), 4);
}

#[test]
fn fd_renumber_onto_itself_does_nothing() {
    let mut guest = Guest::new();
    for fd in [0, 1, 2, 3] {
        let before = guest.descriptor(fd);
        guest.writes("fd_renumber", &[fd.into(), fd.into()], &[]);
        assert_eq!(guest.descriptor(fd), before);
    }
    guest.fails(Errno::Badf, "fd_renumber", &[9, 9]);
}

#[test]
fn fd_renumber_is_badf_where_either_is_not_open() {
    let mut guest = Guest::new();
    for (fd, to) in [(0, 4), (4, 0), (4, 5), (0, 0xFFFF_FFFF), (0xFFFF_FFFF, 0)] {
        guest.fails(Errno::Badf, "fd_renumber", &[fd, to]);
    }
    // Nothing was freed on the way.
    assert_eq!(guest.open("a.txt"), 4);
}

#[test]
fn fd_renumber_closes_what_the_target_referred_to() {
    let mut guest = Guest::new();
    let before = guest.ram.used();
    let (one, two) = (attach(&mut guest, b"12345").unwrap(), attach(&mut guest, b"123").unwrap());
    guest.ok("fd_renumber", &[one.0.into(), two.0.into()]);
    assert_eq!(guest.ram.used(), before + 2 * 96 + 5);
    guest.put_iovecs(0x100, &[(0x200, 9)]);
    guest.writes("fd_read", &[two.0.into(), 0x100, 1, 0], &[(0, &5_u32.to_le_bytes()), (0x200, b"12345")]);
    guest.ok("fd_close", &[two.0.into()]);
    assert_eq!(guest.ram.used(), before + 2 * 96);
}

#[test]
fn path_open_charges_96_bytes_for_a_number_never_used_before() {
    let mut guest = Guest::new();
    let before = guest.ram.used();
    let fd = guest.open("a.txt");
    assert_eq!(guest.ram.used(), before + 96);
    guest.ok("fd_close", &[fd.into()]);
    guest.open("a.txt");
    assert_eq!(guest.ram.used(), before + 96);
}

#[test]
fn path_open_is_out_of_memory_without_them() {
    let mut guest = Guest::new();
    guest.ram = Ram::new(95);
    let args = guest.path_open("a.txt", 0, 0);
    guest.ends(VmError::OutOf(Resource::Memory), "path_open", &args);
    // A number that was freed needs none.
    guest.ok("fd_close", &[2]);
    guest.ok("path_open", &args);
    guest.ram = Ram::new(96);
    guest.ok("path_open", &args);
    assert_eq!(guest.u32(0x1000), 4);
}

#[test]
fn path_open_is_out_of_fds_above_1024() {
    let mut guest = Guest::new();
    let args = guest.path_open("a.txt", 0, 0);
    for fd in 4..1024 {
        guest.ok("path_open", &args);
        assert_eq!(guest.u32(0x1000), fd);
    }
    guest.ends(VmError::OutOf(Resource::Fds), "path_open", &args);
    assert_eq!(attach(&mut guest, b""), Err(Resource::Fds));
    guest.ok("fd_close", &[77]);
    guest.ok("path_open", &args);
    assert_eq!(guest.u32(0x1000), 77);
    // The limit is the chain's to choose, and comes before RAM.
    guest.ram = Ram::new(0);
    guest.limits.open_fds = 1025;
    guest.ends(VmError::OutOf(Resource::Memory), "path_open", &args);
    guest.limits.open_fds = 1024;
    guest.ends(VmError::OutOf(Resource::Fds), "path_open", &args);
}

#[test]
fn path_open_limits_come_after_all_that_is_an_errno() {
    let mut guest = Guest::new();
    guest.limits.open_fds = 0;
    let args = guest.path_open("no", 0, 0);
    guest.fails(Errno::Noent, "path_open", &args);
    let args = guest.path_open("a.txt", 0, crate::support::FD_WRITE);
    guest.fails(Errno::Rofs, "path_open", &args);
}

#[test]
fn attaching_charges_all_or_nothing() {
    let mut guest = Guest::new();
    guest.ram = Ram::new(96 + 4);
    assert_eq!(attach(&mut guest, b"12345"), Err(Resource::Memory));
    assert_eq!(guest.ram.used(), 0);
    assert_eq!(attach(&mut guest, b"1234"), Ok(Fd(4)));
    assert_eq!(guest.ram.used(), 100);
}

#[test]
fn a_sub_vm_charges_its_file_mappings_and_nothing_else() {
    let config = config();
    let mapped = config.files.ram();
    assert!(mapped > 0);
    let mut ram = Ram::new(mapped);
    subvm_core::wasi::State::new(config.clone(), &mut ram).unwrap();
    assert_eq!(ram.used(), mapped);
    let mut ram = Ram::new(mapped - 1);
    let error = subvm_core::wasi::State::new(config, &mut ram).unwrap_err();
    assert_eq!(error, VmError::OutOf(Resource::Memory));
}

#[test]
fn descriptors_at_the_start_are_0_to_3() {
    let mut guest = Guest::new();
    assert!((0..4).all(|fd| guest.descriptor(fd).is_some()));
    assert!((4..2000).all(|fd| guest.descriptor(fd).is_none()));
}
