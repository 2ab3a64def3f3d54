//! `fd_fdstat_get`, `fd_filestat_get`; the records of `path_filestat_get` as well.

use std::sync::Arc;

use subvm_core::fd::Content;
use subvm_core::vfs::Tree;
use subvm_core::wasi::{Config, Errno};

use crate::support::*;

const UNKNOWN: u8 = 0;
const DIR: u8 = 3;
const FILE: u8 = 4;
const CONTENT: u64 = FD_READ | FD_SEEK | FD_TELL | FD_FILESTAT_GET;
const BELOW: u64 = DIRECTORY | FD_READ | FD_SEEK | FD_TELL | FD_WRITE;

fn fdstat(filetype: u8, base: u64, inheriting: u64) -> Vec<u8> {
    [u64::from(filetype), base, inheriting].iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn filestat(dev: u64, ino: u64, filetype: u8, size: u64) -> Vec<u8> {
    [dev, ino, filetype.into(), 1, size, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The first 8 bytes of `b3sum`, little-endian.
fn ino(path: &str) -> u64 {
    u64::from_le_bytes(blake3::hash(path.as_bytes()).as_bytes()[..8].try_into().unwrap())
}

#[test]
fn fd_fdstat_get_at_the_start() {
    let mut guest = Guest::new();
    for (fd, expected) in [
        (0, fdstat(FILE, CONTENT, 0)),
        (1, fdstat(UNKNOWN, FD_WRITE | FD_FILESTAT_GET, 0)),
        (2, fdstat(UNKNOWN, FD_WRITE | FD_FILESTAT_GET, 0)),
        (3, fdstat(DIR, DIRECTORY, BELOW)),
    ] {
        guest.mem.fill(FILL);
        guest.writes("fd_fdstat_get", &[fd, 8], &[(8, &expected)]);
    }
}

#[test]
fn fd_fdstat_get_of_what_was_opened() {
    let mut guest = Guest::new();
    for (path, base, inheriting, expected) in [
        ("a.txt", ALL_RIGHTS & !FD_WRITE, ALL_RIGHTS, fdstat(FILE, CONTENT, CONTENT)),
        ("dir", ALL_RIGHTS & !FD_WRITE, ALL_RIGHTS, fdstat(DIR, DIRECTORY, BELOW)),
        ("a.txt", FD_READ, 0, fdstat(FILE, FD_READ, 0)),
        ("a.txt", FD_SEEK, FD_TELL, fdstat(FILE, FD_SEEK, FD_TELL)),
        ("dir", 0, FD_READ | FD_WRITE, fdstat(DIR, 0, FD_READ | FD_WRITE)),
        // The root hands none of these on, though a file supports them.
        ("a.txt", FD_ADVISE | FD_SYNC | FD_DATASYNC, FD_ADVISE, fdstat(FILE, 0, 0)),
    ] {
        let fd = guest.open_with(3, path, base, inheriting);
        guest.mem.fill(FILL);
        guest.writes("fd_fdstat_get", &[fd.into(), 16], &[(16, &expected)]);
    }
}

#[test]
fn fd_fdstat_get_needs_no_right() {
    let mut guest = Guest::new();
    let fd = guest.open_with(3, "a.txt", 0, 0);
    guest.writes("fd_fdstat_get", &[fd.into(), 16], &[(16, &fdstat(FILE, 0, 0))]);
}

#[test]
fn fd_fdstat_get_is_badf_where_nothing_is_open() {
    for fd in [4, 1024, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Badf, "fd_fdstat_get", &[fd, 1]);
    }
}

#[test]
fn fd_filestat_get_at_the_start() {
    let mut guest = Guest::new();
    for (fd, expected) in [
        (0, filestat(0, 0, FILE, MESSAGE.len() as u64)),
        (1, filestat(0, 0, UNKNOWN, 0)),
        (2, filestat(0, 0, UNKNOWN, 0)),
        (3, filestat(1, ino("/"), DIR, 0)),
    ] {
        guest.mem.fill(FILL);
        guest.writes("fd_filestat_get", &[fd, 8], &[(8, &expected)]);
    }
}

#[test]
fn fd_filestat_get_of_what_was_opened() {
    let mut guest = Guest::new();
    for (path, expected) in [
        ("a.txt", filestat(1, ino("/a.txt"), FILE, 12)),
        ("empty", filestat(1, ino("/empty"), FILE, 0)),
        ("dir", filestat(1, ino("/dir"), DIR, 0)),
        ("dir/sub/deep", filestat(1, ino("/dir/sub/deep"), FILE, 4)),
    ] {
        let fd = guest.open(path);
        guest.mem.fill(FILL);
        guest.writes("fd_filestat_get", &[fd.into(), 8], &[(8, &expected)]);
    }
}

#[test]
fn fd_filestat_get_of_a_result() {
    let mut guest = Guest::new();
    let content = Content::Bytes(b"result".as_slice().into());
    let fd = guest.state.attach(content, &mut guest.ram, &guest.limits).unwrap();
    guest.writes("fd_filestat_get", &[fd.0.into(), 8], &[(8, &filestat(0, 0, FILE, 6))]);
    guest.writes("fd_fdstat_get", &[fd.0.into(), 8], &[(8, &fdstat(FILE, CONTENT, 0))]);
}

#[test]
fn fd_filestat_get_needs_its_right() {
    let mut guest = Guest::new();
    let fd = guest.open_with(3, "a.txt", FD_READ, 0);
    guest.fails(Errno::Notcapable, "fd_filestat_get", &[fd.into(), 1]);
}

#[test]
fn fd_filestat_get_is_badf_where_nothing_is_open() {
    for fd in [4, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Badf, "fd_filestat_get", &[fd, 1]);
    }
}

#[test]
fn path_filestat_get_writes_what_a_path_leads_to() {
    let mut guest = Guest::new();
    for (path, expected) in [
        ("a.txt", filestat(1, ino("/a.txt"), FILE, 12)),
        ("dir/", filestat(1, ino("/dir"), DIR, 0)),
        (".", filestat(1, ino("/"), DIR, 0)),
        ("ünï", filestat(1, ino("/ünï"), FILE, 18)),
    ] {
        for flags in [0, 1] {
            guest.put(0x1000, path.as_bytes());
            guest.writes("path_filestat_get", &[3, flags, 0x1000, path.len() as u64, 8], &[(8, &expected)]);
        }
    }
}

#[test]
fn path_filestat_get_does_not_depend_on_the_order_of_mapping() {
    let record = |paths: [&str; 3]| {
        let mut tree = Tree::builder();
        paths.iter().for_each(|path| tree.map(path, b"x".as_slice().into()).unwrap());
        let mut guest = Guest::with(Config { files: Arc::new(tree.build()), ..config() });
        guest.put(0x1000, b"d/b");
        guest.ok("path_filestat_get", &[3, 0, 0x1000, 3, 8]);
        guest.ok("fd_readdir", &[3, 0x2000, 0x1000, 0, 0]);
        guest.mem
    };
    assert_eq!(record(["/d/a", "/d/b", "/c"]), record(["/c", "/d/b", "/d/a"]));
}
