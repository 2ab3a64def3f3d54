//! `fd_prestat_get`, `fd_prestat_dir_name`.

use subvm_core::Trap;
use subvm_core::wasi::Errno;

use crate::support::Guest;

const BOTH: [(&str, &[u64]); 2] = [("fd_prestat_get", &[1]), ("fd_prestat_dir_name", &[0xFFFF_FFFF, 9])];

fn announced() -> Guest {
    Guest::program()
}

fn with_fd(fd: u64, rest: &[u64]) -> Vec<u64> {
    [&[fd], rest].concat()
}

#[test]
fn fd_prestat_get_and_dir_name_are_badf_where_nothing_is_open() {
    for fd in [4, 0xFFFF_FFFF] {
        for (name, rest) in BOTH {
            Guest::new().fails(Errno::Badf, name, &with_fd(fd, rest));
            announced().fails(Errno::Badf, name, &with_fd(fd, rest));
        }
    }
}

#[test]
fn fd_prestat_get_and_dir_name_are_notsup_for_what_is_open() {
    for (name, rest) in BOTH {
        let mut guest = Guest::new();
        let file = guest.open("a.txt").into();
        for fd in [0, 1, 2, 3, file] {
            guest.fails(Errno::Notsup, name, &with_fd(fd, rest));
        }
    }
}

#[test]
fn fd_prestat_get_remembers_that_it_refused() {
    for (name, rest) in BOTH {
        let mut guest = Guest::new();
        guest.fails(Errno::Badf, name, &with_fd(9, rest));
        assert!(!guest.state.prestat_refused());
        guest.fails(Errno::Notsup, name, &with_fd(3, rest));
        assert_eq!(guest.state.prestat_refused(), name == "fd_prestat_get", "{name}");
    }
    let mut guest = announced();
    guest.fails(Errno::Badf, "fd_prestat_get", &[0, 1]);
    guest.ok("fd_prestat_get", &[3, 0]);
    assert!(!guest.state.prestat_refused());
}

#[test]
fn fd_prestat_get_announces_a_name_of_one_byte() {
    announced().writes("fd_prestat_get", &[3, 4], &[(4, &[0, 0, 0, 0, 1, 0, 0, 0])]);
}

#[test]
fn fd_prestat_dir_name_announces_the_root() {
    announced().writes("fd_prestat_dir_name", &[3, 5, 1], &[(5, b"/")]);
    announced().writes("fd_prestat_dir_name", &[3, 5, 100], &[(5, b"/")]);
}

#[test]
fn fd_prestat_dir_name_is_nametoolong_for_a_shorter_buffer() {
    announced().fails(Errno::Nametoolong, "fd_prestat_dir_name", &[3, 5, 0]);
    announced().traps(Trap::MemoryOutOfBounds, "fd_prestat_dir_name", &[3, 0xFFFF_FFFF, 0]);
    announced().traps(Trap::MemoryOutOfBounds, "fd_prestat_dir_name", &[3, 5, 0xFFFF_FFFF]);
}

#[test]
fn fd_prestat_get_announces_nothing_else() {
    let mut guest = announced();
    let dir = guest.open("dir").into();
    for fd in [0, 1, 2, dir] {
        for (name, rest) in BOTH {
            guest.fails(Errno::Badf, name, &with_fd(fd, rest));
        }
    }
}

#[test]
fn fd_prestat_get_announces_3_only_while_it_is_the_initial_one() {
    let mut guest = announced();
    let dir = guest.open("dir").into();
    guest.ok("fd_renumber", &[3, dir]);
    guest.fails(Errno::Badf, "fd_prestat_get", &[dir, 0]);
    guest.fails(Errno::Badf, "fd_prestat_get", &[3, 0]);
    // It has the number again, and no other takes its place.
    let other = guest.open_with(dir as u32, "dir", crate::support::READABLE, 0);
    assert_eq!(other, 3);
    guest.fails(Errno::Badf, "fd_prestat_get", &[3, 0]);
    guest.ok("fd_renumber", &[dir, 3]);
    guest.ok("fd_prestat_get", &[3, 0]);
    guest.ok("fd_close", &[3]);
    guest.fails(Errno::Badf, "fd_prestat_get", &[3, 0]);
}
