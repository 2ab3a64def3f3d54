//! The personality `genvm`: the table of `docs/spec/wasi.md`, *Personalities*, column by column.

use subvm_core::Personality;
use subvm_core::wasi::{Config, Errno};

use crate::support::{Guest, config};

/// Where a path, and a result, is put.
const PATH: u64 = 0x1004;
const RESULT: u64 = 0x2000;
/// The latter, as a place in memory.
const AT: u32 = 0x2000;
/// Whences.
const SET: u64 = 0;
const CUR: u64 = 1;
const END: u64 = 2;

fn guest() -> Guest {
    Guest::with(Config { personality: Personality::GenVm, ..config() })
}

/// `path_open` below `fd`, with these flags and no rights.
fn open(guest: &mut Guest, fd: u64, path: &str, oflags: u64) -> Result<u64, Errno> {
    guest.put(0x1004, path.as_bytes());
    let errno = guest
        .call("path_open", &[fd, 0, PATH, path.len() as u64, oflags, 0, 0, 0, RESULT])
        .expect("no path ends the sub-VM");
    if errno == Errno::Success { Ok(guest.u32(AT).into()) } else { Err(errno) }
}

fn read(guest: &mut Guest, fd: u64) -> Vec<u8> {
    guest.put(0x100, &[0x3000u32.to_le_bytes(), 100u32.to_le_bytes()].concat());
    assert_eq!(guest.call("fd_read", &[fd, 0x100, 1, RESULT]), Ok(Errno::Success));
    guest.bytes(0x3000, guest.u32(AT)).to_vec()
}

#[test]
fn paths_are_text_that_is_joined_and_shortened() {
    let mut guest = guest();
    for (path, found) in [
        ("a.txt", Ok("hello, world")),
        ("/a.txt", Ok("hello, world")),
        ("../../a.txt", Ok("hello, world")),
        ("no/../a.txt", Ok("hello, world")),
        ("a.txt/../dir/one", Ok("1")),
        ("dir//./sub/../two", Ok("22")),
        ("a.txt/", Ok("hello, world")),
        ("no", Err(Errno::Noent)),
        ("dir/no/one", Err(Errno::Noent)),
        ("a.txt/below", Err(Errno::Badf)),
        ("a.txt/below/more", Err(Errno::Badf)),
    ] {
        let opened = open(&mut guest, 3, path, 0);
        let found = found.map(|text| text.as_bytes().to_vec());
        assert_eq!(opened.map(|fd| read(&mut guest, fd)), found, "{path}");
    }
    // The root itself.
    for path in ["", ".", "..", "/", "dir/.."] {
        let fd = open(&mut guest, 3, path, 0).expect(path);
        assert_eq!(open(&mut guest, fd, "a.txt", 0).map(|fd| read(&mut guest, fd)), Ok(b"hello, world".to_vec()));
    }
    guest.put(0x1004, b"a\0b");
    guest.fails(Errno::Inval, "path_open", &[3, 0, PATH, 3, 0, 0, 0, 0, RESULT]);
    guest.put(0x1004, b"\xff");
    guest.fails(Errno::Ilseq, "path_open", &[3, 0, PATH, 1, 0, 0, 0, 0, RESULT]);
}

#[test]
fn what_lies_outside_of_a_directory_is_not_reached_through_it() {
    let mut guest = guest();
    let dir = open(&mut guest, 3, "dir", 0).unwrap();
    for (path, found) in [
        ("one", Ok("1")),
        ("sub/deep", Ok("deep")),
        ("/dir/one", Ok("1")),
        ("../dir/one", Ok("1")),
        ("../../../dir/sub/../one", Ok("1")),
        ("../a.txt", Err(Errno::Notcapable)),
        ("..", Err(Errno::Notcapable)),
        ("/a.txt", Err(Errno::Notcapable)),
        ("/no/one", Err(Errno::Notcapable)),
        ("no", Err(Errno::Noent)),
    ] {
        let opened = open(&mut guest, dir, path, 0);
        let found = found.map(|text| text.as_bytes().to_vec());
        assert_eq!(opened.map(|fd| read(&mut guest, fd)), found, "{path}");
    }
}

#[test]
fn path_open_looks_at_no_flag_and_no_right() {
    let mut guest = guest();
    // create, exclusive, truncate; all rights, among them those that nothing has; flags that there are not.
    for oflags in [1, 1 | 4, 8, 2, 1 << 20] {
        assert_eq!(open(&mut guest, 3, "no", oflags), Err(Errno::Noent));
        assert!(open(&mut guest, 3, "a.txt", oflags).is_ok());
    }
    guest.put(0x1004, b"a.txt");
    let opened = guest.call("path_open", &[3, 9, PATH, 5, 0, u64::MAX, 0, 0xffff, RESULT]);
    assert_eq!(opened, Ok(Errno::Success));
    // What is reported is of the kind, and handed on as it is.
    let fd = open(&mut guest, 3, "a.txt", 0).unwrap();
    let dir = open(&mut guest, 3, "dir", 0).unwrap();
    for (fd, kind, rights) in [(fd, 4u8, 0x20_00b7u64), (dir, 3, 0x24_6000), (3, 3, 0x24_6000)] {
        assert_eq!(guest.call("fd_fdstat_get", &[fd, RESULT]), Ok(Errno::Success));
        let found = (guest.bytes(AT, 1)[0], guest.u64(AT + 8), guest.u64(AT + 16));
        assert_eq!(found, (kind, rights, rights), "{fd}");
    }
}

#[test]
fn what_is_no_directory_is_badf() {
    let mut guest = guest();
    let file = open(&mut guest, 3, "a.txt", 0).unwrap();
    for fd in [0, 1, file, 77] {
        assert_eq!(open(&mut guest, fd, "a.txt", 0), Err(Errno::Badf));
        guest.fails(Errno::Badf, "path_filestat_get", &[fd, 0, PATH, 5, RESULT]);
        guest.fails(Errno::Badf, "fd_readdir", &[fd, RESULT, 100, 0, 0x100]);
    }
}

#[test]
fn attributes_have_neither_device_nor_number() {
    let mut guest = guest();
    let file = open(&mut guest, 3, "a.txt", 0).unwrap();
    guest.put(0x1004, b"a.txt");
    let stat = |kind: u64, links: u64, size: u64| {
        [0, 0, kind, links, size, 0, 0, 0].iter().flat_map(|word: &u64| word.to_le_bytes()).collect::<Vec<u8>>()
    };
    for (name, args, expected) in [
        ("fd_filestat_get", vec![file, RESULT], stat(4, 1, 12)),
        ("path_filestat_get", vec![3, 0, PATH, 5, RESULT], stat(4, 0, 12)),
        ("fd_filestat_get", vec![3, RESULT], stat(3, 1, 0)),
        ("fd_filestat_get", vec![1, RESULT], stat(2, 1, 0)),
        ("fd_filestat_get", vec![0, RESULT], stat(4, 1, 11)),
    ] {
        guest.writes(name, &args, &[(AT, &expected)]);
    }
    // `.`, of which the number is 0.
    let entry = [&1u64.to_le_bytes()[..], &0u64.to_le_bytes(), &1u32.to_le_bytes(), &3u32.to_le_bytes(), b"."].concat();
    assert_eq!(guest.call("fd_readdir", &[3, RESULT, 25, 0, 0x100]), Ok(Errno::Success));
    assert_eq!(guest.bytes(AT, 25), entry);
}

#[test]
fn a_seek_stays_within_the_file() {
    let mut guest = guest();
    let file = open(&mut guest, 3, "a.txt", 0).unwrap();
    for (offset, whence, at) in [
        (5i64, SET, 5u64),
        (3, CUR, 8),
        (100, CUR, 12),
        (-4, CUR, 8),
        (-100, CUR, 0),
        (i64::MAX, SET, 12),
        (-1, SET, 0),
    ] {
        guest.writes("fd_seek", &[file, offset.cast_unsigned(), whence, RESULT], &[(AT, &at.to_le_bytes())]);
    }
    guest.fails(Errno::Notsup, "fd_seek", &[file, 0, END, RESULT]);
    guest.fails(Errno::Inval, "fd_seek", &[file, 0, 3, RESULT]);
    for whence in [SET, CUR, END] {
        guest.fails(Errno::Notsup, "fd_seek", &[3, 0, whence, RESULT]);
    }
    guest.fails(Errno::Notsup, "fd_tell", &[3, RESULT]);
}

#[test]
fn reading_and_writing_say_what_is_not_for_that() {
    let mut guest = guest();
    guest.put(0x100, &[0x3000u32.to_le_bytes(), 1u32.to_le_bytes()].concat());
    let file = open(&mut guest, 3, "a.txt", 0).unwrap();
    for fd in [1, 2] {
        guest.fails(Errno::Acces, "fd_read", &[fd, 0x100, 1, RESULT]);
        guest.fails(Errno::Acces, "fd_pread", &[fd, 0x100, 1, 0, RESULT]);
    }
    guest.fails(Errno::Isdir, "fd_read", &[3, 0x100, 1, RESULT]);
    for fd in [0, 3, file] {
        guest.fails(Errno::Rofs, "fd_write", &[fd, 0x100, 1, RESULT]);
    }
    guest.fails(Errno::Badf, "fd_write", &[77, 0x100, 1, RESULT]);
}

#[test]
fn the_root_is_announced_and_numbers_stay() {
    let mut guest = guest();
    guest.writes("fd_prestat_get", &[3, RESULT], &[(AT, &[0, 0, 0, 0, 1, 0, 0, 0])]);
    for fd in [0, 1, 4] {
        guest.fails(Errno::Badf, "fd_prestat_get", &[fd, RESULT]);
    }
    guest.writes("fd_prestat_dir_name", &[3, RESULT, 1], &[(AT, b"/")]);
    guest.fails(Errno::Overflow, "fd_prestat_dir_name", &[3, RESULT, 0]);
    for (from, to) in [(3, 1), (3, 3), (77, 78)] {
        guest.fails(Errno::Notsup, "fd_renumber", &[from, to]);
    }
    // What every read-only tree refuses.
    for (name, errno, count) in [
        ("path_rename", Errno::Rofs, 6),
        ("path_unlink_file", Errno::Rofs, 3),
        ("path_readlink", Errno::Badf, 6),
        ("poll_oneoff", Errno::Notsup, 4),
        ("sched_yield", Errno::Notsup, 0),
    ] {
        guest.fails(errno, name, &vec![0; count]);
    }
}
