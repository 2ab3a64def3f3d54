//! `path_open`, `path_filestat_get`: paths, flags and rights. Attributes are in `stat`.

use subvm_core::wasi::Errno;

use crate::support::*;

const CREAT: u64 = 1;
const OF_DIRECTORY: u64 = 2;
const EXCL: u64 = 4;
const TRUNC: u64 = 8;
const NOWHERE: u64 = 0xFFFF_FFFF;

/// What opening and looking up a path come to; they must agree.
#[track_caller]
fn lookup(dir: u32, guest: &mut Guest, path: &[u8]) -> Errno {
    guest.put(0x1004, path);
    let (dir, len) = (u64::from(dir), path.len() as u64);
    let stat = guest.call("path_filestat_get", &[dir, 0, 0x1004, len, 0]).unwrap();
    let open = guest.call("path_open", &[dir, 0, 0x1004, len, 0, READABLE, READABLE, 0, 0]).unwrap();
    assert_eq!(stat, open, "path_filestat_get and path_open of {:?}", String::from_utf8_lossy(path));
    open
}

/// The inode that a path leads to.
#[track_caller]
fn ino(dir: u32, guest: &mut Guest, path: &str) -> u64 {
    guest.put(0x1004, path.as_bytes());
    guest.ok("path_filestat_get", &[dir.into(), 0, 0x1004, path.len() as u64, 0]);
    guest.u64(8)
}

#[test]
fn path_open_walks_components_one_by_one() {
    let mut guest = Guest::new();
    for (path, same) in [
        ("./a.txt", "a.txt"),
        (".//.//a.txt", "a.txt"),
        ("dir/../a.txt", "a.txt"),
        ("dir/sub/../../a.txt", "a.txt"),
        ("dir//sub/./deep", "dir/sub/deep"),
        ("dir/", "dir"),
        ("dir/.", "dir"),
        ("dir/sub/..", "dir"),
        ("dir/..", "."),
        ("./", "."),
    ] {
        assert_eq!(ino(3, &mut guest, path), ino(3, &mut guest, same), "{path}");
        assert_eq!(lookup(3, &mut guest, path.as_bytes()), Errno::Success);
    }
}

#[test]
fn path_open_is_relative_to_its_descriptor() {
    let mut guest = Guest::new();
    let dir = guest.open("dir");
    let whole = ino(3, &mut guest, "dir/sub/deep");
    assert_eq!(ino(dir, &mut guest, "sub/deep"), whole);
    assert_eq!(lookup(dir, &mut guest, b"a.txt"), Errno::Noent);
    let sub = guest.open_with(dir, "sub", READABLE, READABLE);
    assert_eq!(ino(sub, &mut guest, "deep"), whole);
}

#[test]
fn path_open_does_not_climb_above_its_descriptor() {
    let mut guest = Guest::new();
    let dir = guest.open("dir");
    for (fd, path) in [
        (3, ".."),
        (3, "../a.txt"),
        (3, "dir/../.."),
        (3, "dir/../../dir/one"),
        (dir, ".."),
        (dir, "sub/../../dir"),
        (dir, "../no"),
    ] {
        assert_eq!(lookup(fd, &mut guest, path.as_bytes()), Errno::Notcapable, "{path}");
    }
}

#[test]
fn path_open_of_an_absolute_path_is_notcapable() {
    let mut guest = Guest::new();
    for path in ["/", "/a.txt", "//", "/../x", "/no"] {
        assert_eq!(lookup(3, &mut guest, path.as_bytes()), Errno::Notcapable, "{path}");
    }
}

#[test]
fn path_open_of_what_is_missing_is_noent() {
    let mut guest = Guest::new();
    for path in ["", "no", "no/", "no/such", "no/..", "dir/no", "A.TXT", "a.txt ", "dir/on", "dir/onee"] {
        assert_eq!(lookup(3, &mut guest, path.as_bytes()), Errno::Noent, "{path:?}");
    }
}

#[test]
fn path_open_through_a_file_is_notdir() {
    let mut guest = Guest::new();
    for path in ["a.txt/", "a.txt/.", "a.txt/..", "a.txt/no", "a.txt//", "dir/one/../two"] {
        assert_eq!(lookup(3, &mut guest, path.as_bytes()), Errno::Notdir, "{path}");
    }
}

#[test]
fn path_open_stops_at_the_first_component_that_fails() {
    let mut guest = Guest::new();
    for (path, errno) in [("no/../..", Errno::Noent), ("../a.txt/x", Errno::Notcapable), ("a.txt/../..", Errno::Notdir)]
    {
        assert_eq!(lookup(3, &mut guest, path.as_bytes()), errno, "{path}");
    }
}

#[test]
fn path_open_of_a_path_that_is_not_utf_8_is_ilseq() {
    let mut guest = Guest::new();
    for path in [&b"\xFF"[..], b"a.txt\xC3", b"\xED\xA0\x80", b"\xC0\x80", b"/\xFF", b"\0\xFF"] {
        assert_eq!(lookup(3, &mut guest, path), Errno::Ilseq, "{path:?}");
    }
    assert_eq!(lookup(3, &mut guest, "ünï".as_bytes()), Errno::Success);
    // Nothing is normalised.
    assert_eq!(lookup(3, &mut guest, "u\u{308}ni\u{308}".as_bytes()), Errno::Noent);
}

#[test]
fn path_open_of_a_path_with_a_nul_is_inval() {
    let mut guest = Guest::new();
    let long = [&[b'x'; 256][..], b"\0"].concat();
    for path in [&b"\0"[..], b"a.txt\0", b"/\0", b"dir\0/one", &long] {
        assert_eq!(lookup(3, &mut guest, path), Errno::Inval, "{path:?}");
    }
}

#[test]
fn path_open_is_nametoolong_above_4096_bytes_or_255_a_component() {
    let mut guest = Guest::new();
    let component = "x".repeat(255);
    assert_eq!(lookup(3, &mut guest, component.as_bytes()), Errno::Noent);
    for path in [
        format!("{component}x"),
        format!("no/{component}x"),
        format!("{component}x/.."),
        format!("/{component}x"),
        "ü".repeat(128),
    ] {
        assert_eq!(lookup(3, &mut guest, path.as_bytes()), Errno::Nametoolong);
    }
    assert_eq!(lookup(3, &mut guest, &[b"./".repeat(2045).as_slice(), b"a.txt/"].concat()[..4095]), Errno::Success);
    let mut longest = b"./".repeat(2048);
    assert_eq!(lookup(3, &mut guest, &longest), Errno::Success);
    longest.push(b'.');
    assert_eq!(lookup(3, &mut guest, &longest), Errno::Nametoolong);
    // The length comes before the encoding.
    longest[0] = 0xFF;
    assert_eq!(lookup(3, &mut guest, &longest), Errno::Nametoolong);
    assert_eq!(lookup(3, &mut guest, &longest[..4096]), Errno::Ilseq);
}

#[test]
fn path_open_checks_flags_first() {
    let bad: [[u64; 9]; 8] = [
        [99, 2, NOWHERE, 9, 0, 0, 0, 0, 1],
        [99, 0x8000_0000, NOWHERE, 9, 0, 0, 0, 0, 1],
        [99, 0, NOWHERE, 9, 16, 0, 0, 0, 1],
        [99, 0, NOWHERE, 9, 0x1_0000, 0, 0, 0, 1],
        [99, 0, NOWHERE, 9, 0, 1 << 30, 0, 0, 1],
        [99, 0, NOWHERE, 9, 0, 0, 1 << 63, 0, 1],
        [99, 0, NOWHERE, 9, 0, 0, 0, 32, 1],
        [99, 0, NOWHERE, 9, 0, 0, 0, 0x1_0000, 1],
    ];
    for args in bad {
        Guest::new().fails(Errno::Inval, "path_open", &args);
    }
    Guest::new().fails(Errno::Badf, "path_open", &[99, 1, NOWHERE, 9, 15, ALL_RIGHTS, ALL_RIGHTS, 31, 1]);
}

#[test]
fn path_filestat_get_checks_flags_first() {
    for flags in [2, 3, 0x8000_0000] {
        Guest::new().fails(Errno::Inval, "path_filestat_get", &[99, flags, NOWHERE, 9, 1]);
    }
    Guest::new().fails(Errno::Badf, "path_filestat_get", &[99, 1, NOWHERE, 9, 1]);
}

#[test]
fn path_open_is_badf_where_nothing_is_open() {
    for fd in [4, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Badf, "path_open", &[fd, 0, NOWHERE, 9, 0, 0, 0, 0, 1]);
        Guest::new().fails(Errno::Badf, "path_filestat_get", &[fd, 0, NOWHERE, 9, 1]);
    }
}

#[test]
fn path_open_is_notdir_below_a_file_or_a_stream() {
    let mut guest = Guest::new();
    let file = guest.open("a.txt").into();
    for fd in [0, 1, 2, file] {
        guest.fails(Errno::Notdir, "path_open", &[fd, 0, NOWHERE, 9, 0, 0, 0, 0, 1]);
        guest.fails(Errno::Notdir, "path_filestat_get", &[fd, 0, NOWHERE, 9, 1]);
    }
}

#[test]
fn path_open_needs_its_right() {
    let mut guest = Guest::new();
    let dir = guest.open_with(3, "dir", READABLE & !PATH_OPEN, READABLE).into();
    guest.fails(Errno::Notcapable, "path_open", &[dir, 0, NOWHERE, 9, 0, 0, 0, 0, 1]);
    assert_eq!(ino(dir as u32, &mut guest, "."), ino(3, &mut guest, "dir"));
}

#[test]
fn path_filestat_get_needs_its_right() {
    let mut guest = Guest::new();
    let dir = guest.open_with(3, "dir", READABLE & !PATH_FILESTAT_GET, READABLE);
    guest.fails(Errno::Notcapable, "path_filestat_get", &[dir.into(), 0, NOWHERE, 9, 1]);
    guest.open_with(dir, "one", FD_READ, 0);
}

#[test]
fn path_open_checks_the_path_before_the_place_for_the_result() {
    let mut guest = Guest::new();
    guest.put(0x1004, b"/\0\xFFa.txt..");
    let open = |at: u64, len: u64| [3, 0, at, len, 0, 0, 0, 0, 1];
    guest.traps(subvm_core::Trap::MemoryOutOfBounds, "path_open", &open(NOWHERE, 1));
    guest.fails(Errno::Nametoolong, "path_open", &open(0x2000, 4097));
    guest.fails(Errno::Ilseq, "path_open", &open(0x1004, 3));
    guest.fails(Errno::Inval, "path_open", &open(0x1004, 2));
    guest.fails(Errno::Notcapable, "path_open", &open(0x1004, 1));
    // What the walk finds comes after it.
    for (at, len) in [(0x1007, 5), (0x1007, 4), (0x100C, 2), (0, 0)] {
        guest.traps(subvm_core::Trap::HeapMisaligned, "path_open", &open(at, len));
        guest.traps(subvm_core::Trap::HeapMisaligned, "path_filestat_get", &[3, 0, at, len, 4]);
    }
}

#[test]
fn path_open_with_directory_of_a_file_is_notdir() {
    let mut guest = Guest::new();
    let args = guest.path_open("a.txt", OF_DIRECTORY, FD_READ);
    guest.fails(Errno::Notdir, "path_open", &args);
    let args = guest.path_open("dir", OF_DIRECTORY, FD_READ);
    guest.writes("path_open", &args, &[(0x1000, &[4, 0, 0, 0])]);
}

#[test]
fn path_open_with_creat_and_excl_of_what_exists_is_exist() {
    let mut guest = Guest::new();
    for path in ["a.txt", "dir", ".", "dir/sub/.."] {
        for more in [0, OF_DIRECTORY, TRUNC] {
            let args = guest.path_open(path, CREAT | EXCL | more, FD_WRITE);
            guest.fails(Errno::Exist, "path_open", &args);
        }
    }
}

#[test]
fn path_open_with_creat_of_what_does_not_exist_is_rofs() {
    let mut guest = Guest::new();
    for path in ["new", "dir/new", "dir/../new"] {
        for more in [0, EXCL, OF_DIRECTORY, TRUNC] {
            let args = guest.path_open(path, CREAT | more, FD_WRITE);
            guest.fails(Errno::Rofs, "path_open", &args);
        }
    }
    // Only the last component can be made.
    for (path, errno) in [
        ("no/new", Errno::Noent),
        ("new/", Errno::Noent),
        ("", Errno::Noent),
        ("a.txt/new", Errno::Notdir),
        ("../new", Errno::Notcapable),
    ] {
        let args = guest.path_open(path, CREAT, FD_WRITE);
        guest.fails(errno, "path_open", &args);
    }
}

#[test]
fn path_open_with_creat_or_excl_alone_opens_what_exists() {
    let mut guest = Guest::new();
    for oflags in [CREAT, EXCL] {
        let args = guest.path_open("a.txt", oflags, FD_READ);
        guest.ok("path_open", &args);
    }
    let args = guest.path_open("new", EXCL, FD_READ);
    guest.fails(Errno::Noent, "path_open", &args);
}

#[test]
fn path_open_with_trunc_or_to_write_is_rofs_on_a_file_and_isdir_on_a_directory() {
    let mut guest = Guest::new();
    for (oflags, rights) in [(TRUNC, 0), (0, FD_WRITE), (TRUNC | CREAT, FD_READ), (CREAT, FD_WRITE | FD_READ)] {
        let args = guest.path_open("a.txt", oflags, rights);
        guest.fails(Errno::Rofs, "path_open", &args);
        let args = guest.path_open("dir", oflags | OF_DIRECTORY, rights);
        guest.fails(Errno::Isdir, "path_open", &args);
    }
    let args = guest.path_open("a.txt", TRUNC | OF_DIRECTORY, FD_WRITE);
    guest.fails(Errno::Notdir, "path_open", &args);
    // Also where the right could not be had anyway.
    let dir = guest.open_with(3, "dir", READABLE, FD_READ);
    guest.put(0x1004, b"one");
    guest.fails(Errno::Rofs, "path_open", &[dir.into(), 0, 0x1004, 3, 0, FD_WRITE, 0, 0, 0x1000]);
}

#[test]
fn path_open_accepts_all_fdflags_and_reports_none() {
    let mut guest = Guest::new();
    guest.put(0x1004, b"a.txt");
    for fdflags in 0..32 {
        guest.ok("path_open", &[3, 1, 0x1004, 5, 0, FD_READ, 0, fdflags, 0x1000]);
        let fd = guest.u32(0x1000).into();
        guest.ok("fd_fdstat_get", &[fd, 0]);
        assert_eq!(guest.bytes(0, 4), [4, 0, 0, 0]);
    }
}

#[test]
fn path_open_grants_what_is_asked_for_handed_on_and_supported() {
    let mut guest = Guest::new();
    let dir = guest.open_with(3, "dir", DIRECTORY, FD_READ | FD_READDIR);
    for (path, base) in [("one", FD_READ), ("sub", FD_READDIR)] {
        let fd = guest.open_with(dir, path, ALL_RIGHTS & !FD_WRITE, ALL_RIGHTS).into();
        guest.ok("fd_fdstat_get", &[fd, 0]);
        assert_eq!(guest.u64(8), base, "{path}");
        let inheriting = if path == "one" { FD_READ } else { FD_READ | FD_READDIR };
        assert_eq!(guest.u64(16), inheriting, "{path}");
    }
}

#[test]
fn path_open_of_a_path_that_overlaps_the_result_reads_first() {
    let mut guest = Guest::new();
    guest.put(0x1000, b"a.txt");
    guest.writes("path_open", &[3, 0, 0x1000, 5, 0, FD_READ, 0, 0, 0x1000], &[(0x1000, &[4, 0, 0, 0])]);
}
