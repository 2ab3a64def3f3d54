//! What the personality `program` answers where `seed` refuses: the table of `docs/spec/wasi.md`, *Personalities*, row by row.

use subvm_core::costs::calls::{ANSWER, DESCRIPTOR, PATH_BYTE, WALK};
use subvm_core::wasi::Errno;
use subvm_core::{Params, Personality, Trap};

use crate::support::{Guest, IN_1980, READABLE};

/// `path` at 0x1004, with its length.
fn path(guest: &mut Guest, path: &str) -> [u64; 2] {
    guest.put(0x1004, path.as_bytes());
    [0x1004, path.len() as u64]
}

/// What paths lead to, and what a call that removes or reads a link says where it leads to nothing.
const MISSING: [(&str, Errno); 6] = [
    ("no", Errno::Noent),
    ("no/such", Errno::Noent),
    ("dir/no", Errno::Noent),
    ("a.txt/below", Errno::Notdir),
    ("..", Errno::Notcapable),
    ("", Errno::Noent),
];

#[test]
fn parameters_of_the_seed_have_the_digest_from_before_there_were_others() {
    let seed = Params::default();
    assert_eq!(seed.personality, Personality::Seed);
    assert!(!seed.to_bytes().windows(11).any(|bytes| bytes == b"personality"));
    let program = Params { personality: Personality::Program, ..seed.clone() };
    let bytes = subvm_core::calldata::Value::decode(&program.to_bytes()).unwrap();
    assert_eq!(bytes["personality"].as_str(), Some("program"));
    assert_ne!(program.digest(), seed.digest());
}

#[test]
fn fd_fdstat_set_flags_takes_flags_that_change_nothing() {
    let mut guest = Guest::program();
    for fd in 0..4 {
        let before = guest.descriptor(fd as u32);
        for flags in [0, 1, 4, 31] {
            guest.writes("fd_fdstat_set_flags", &[fd, flags], &[]);
        }
        assert_eq!(guest.descriptor(fd as u32), before);
        guest.fails(Errno::Inval, "fd_fdstat_set_flags", &[fd, 32]);
    }
    guest.fails(Errno::Badf, "fd_fdstat_set_flags", &[9, 0]);
    guest.fails(Errno::Inval, "fd_fdstat_set_flags", &[9, 32]);
}

#[test]
fn sched_yield_does_nothing() {
    Guest::program().writes("sched_yield", &[], &[]);
}

#[test]
fn path_readlink_is_inval_for_what_exists_and_noent_else() {
    let mut guest = Guest::program();
    let mut call = |text: &str, errno| {
        let [at, len] = path(&mut guest, text);
        guest.fails(errno, "path_readlink", &[3, at, len, 0x2000, 100, 0x3000]);
    };
    for exists in ["a.txt", "dir", "dir/sub/deep", "."] {
        call(exists, Errno::Inval);
    }
    for (missing, errno) in MISSING {
        call(missing, errno);
    }
    guest.fails(Errno::Badf, "path_readlink", &[9, 0, 0, 0, 0, 0]);
    guest.fails(Errno::Notdir, "path_readlink", &[0, 0, 0, 0, 0, 0]);
    let [at, len] = path(&mut guest, "no");
    let end = guest.mem.len() as u64;
    guest.traps(Trap::MemoryOutOfBounds, "path_readlink", &[3, end, 1, 0, 0, 0]);
    guest.traps(Trap::MemoryOutOfBounds, "path_readlink", &[3, at, len, end, 1, 0]);
    guest.traps(Trap::HeapMisaligned, "path_readlink", &[3, at, len, 0, 0, 2]);
}

#[test]
fn path_unlink_file_and_path_remove_directory_know_what_is_not_there() {
    for name in ["path_unlink_file", "path_remove_directory"] {
        let mut guest = Guest::program();
        let mut call = |text: &str, errno| {
            let [at, len] = path(&mut guest, text);
            guest.fails(errno, name, &[3, at, len]);
        };
        for exists in ["a.txt", "dir", "dir/sub/deep"] {
            call(exists, Errno::Rofs);
        }
        for (missing, errno) in MISSING {
            call(missing, errno);
        }
        guest.fails(Errno::Badf, name, &[9, 0, 0]);
        guest.fails(Errno::Notdir, name, &[1, 0, 0]);
    }
}

#[test]
fn path_rename_knows_what_is_not_there() {
    let mut guest = Guest::program();
    guest.put(0x2000, b"new/place/\xFF");
    for (text, errno) in [("a.txt", Errno::Rofs), ("dir", Errno::Rofs)].into_iter().chain(MISSING) {
        let [at, len] = path(&mut guest, text);
        guest.fails(errno, "path_rename", &[3, at, len, 3, 0x2000, 9]);
        guest.fails(Errno::Ilseq, "path_rename", &[3, at, len, 3, 0x2000, 11]);
        guest.fails(Errno::Badf, "path_rename", &[3, at, len, 9, 0x2000, 9]);
        guest.fails(Errno::Notdir, "path_rename", &[3, at, len, 0, 0x2000, 9]);
        guest.fails(Errno::Badf, "path_rename", &[9, at, len, 3, 0x2000, 9]);
    }
}

#[test]
fn rights_are_reported_and_not_enforced() {
    let mut guest = Guest::program();
    let file = guest.open_with(3, "a.txt", 0, 0).into();
    let dir = guest.open_with(3, "dir", 0, 0);
    for fd in [file, dir.into()] {
        guest.ok("fd_fdstat_get", &[fd, 0]);
        assert_eq!([guest.u64(8), guest.u64(16)], [0, 0]);
        guest.ok("fd_filestat_get", &[fd, 0]);
    }
    guest.put_iovecs(0x100, &[(0x200, 5)]);
    guest.writes("fd_read", &[file, 0x100, 1, 0], &[(0, &5_u32.to_le_bytes()), (0x200, b"hello")]);
    guest.ok("fd_pread", &[file, 0x100, 1, 0, 0]);
    guest.ok("fd_seek", &[file, 1, 0, 0]);
    guest.ok("fd_tell", &[file, 0]);
    guest.ok("fd_readdir", &[dir.into(), 0x400, 100, 0, 0]);
    let below = guest.open_with(dir, "one", 0, 0).into();
    guest.ok("fd_read", &[below, 0x100, 1, 0]);
    let [at, len] = path(&mut guest, "one");
    guest.ok("path_filestat_get", &[dir.into(), 0, at, len, 0]);
    // What is asked for is still refused where nothing can come of it, and kinds are what they are.
    let args = guest.path_open("a.txt", 0, crate::support::FD_WRITE);
    guest.fails(Errno::Rofs, "path_open", &args);
    guest.fails(Errno::Badf, "fd_write", &[file, 0x100, 1, 0]);
    guest.fails(Errno::Badf, "fd_read", &[1, 0x100, 1, 0]);
    guest.fails(Errno::Notcapable, "fd_seek", &[dir.into(), 0, 0, 0]);
    // The seed enforces.
    let mut guest = Guest::new();
    let file = guest.open_with(3, "a.txt", 0, 0).into();
    guest.put_iovecs(0x100, &[(0x200, 5)]);
    guest.fails(Errno::Badf, "fd_read", &[file, 0x100, 1, 0]);
    guest.fails(Errno::Notcapable, "fd_filestat_get", &[file, 0]);
}

#[test]
fn rights_are_reported_as_the_seed_reports_them() {
    for (base, inheriting) in [(0, 0), (READABLE, 0), (READABLE, READABLE)] {
        for path in ["a.txt", "dir"] {
            let [seed, program] = [Guest::new(), Guest::program()].map(|mut guest| {
                let fd = guest.open_with(3, path, base, inheriting);
                guest.descriptor(fd).unwrap().0
            });
            assert_eq!(seed, program);
        }
    }
}

#[test]
fn files_date_from_1980() {
    let mut guest = Guest::program();
    let [at, len] = path(&mut guest, "a.txt");
    let file = guest.open("a.txt").into();
    let calls = [("path_filestat_get", vec![3, 0, at, len, 0]), ("fd_filestat_get", vec![file, 0])];
    let others = [0, 1, 3].map(|fd| ("fd_filestat_get", vec![fd, 0]));
    for (name, args) in calls.into_iter().chain(others) {
        guest.ok(name, &args);
        assert_eq!([40, 48, 56].map(|at| guest.u64(at)), [IN_1980; 3], "{name}({args:?})");
    }
    let mut guest = Guest::new();
    guest.ok("fd_filestat_get", &[3, 0]);
    assert_eq!([40, 48, 56].map(|at| guest.u64(at)), [0; 3]);
}

#[test]
fn what_is_judged_costs_what_its_kind_costs() {
    for (name, args, ticks) in [
        ("fd_fdstat_set_flags", &[0, 0][..], DESCRIPTOR),
        ("path_readlink", &[3, 0, 5, 0, 0, 0], WALK + 5 * PATH_BYTE),
        ("path_unlink_file", &[3, 0, 5], WALK + 5 * PATH_BYTE),
        ("path_remove_directory", &[9, 0, 5], WALK),
        ("path_rename", &[3, 0, 5, 3, 0, 7], WALK + 12 * PATH_BYTE),
        ("sched_yield", &[], ANSWER),
    ] {
        let mut guest = Guest::program();
        guest.put(0, b"no/such");
        guest.call(name, args).unwrap();
        assert_eq!((i64::MAX - guest.ticks) as u64, ticks, "{name}");
        let mut guest = Guest::new();
        guest.call(name, args).unwrap();
        assert_eq!((i64::MAX - guest.ticks) as u64, ANSWER, "{name} under the seed");
    }
}
