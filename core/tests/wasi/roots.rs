//! Several roots: what a tree announces beside `/`.

use std::sync::Arc;

use subvm_core::costs::ROOTS;
use subvm_core::vfs::{MapErrorKind, Tree, TreeBuilder};
use subvm_core::wasi::{Config, Errno, State};
use subvm_core::{Personality, Ram, Resource, Trap, VmError};

use crate::support::{DIRECTORY, Guest, READABLE, config, tree_of_files};

/// One root below another; the outer one is announced last.
const NAMES: [&str; 2] = ["/dir/sub", "/dir"];

fn tree() -> Tree {
    let mut tree = tree_of_files();
    NAMES.iter().for_each(|name| tree.announce(name).unwrap());
    tree.build()
}

fn guest(personality: Personality) -> Guest {
    Guest::with(Config { files: Arc::new(tree()), personality, ..config() })
}

#[test]
fn each_root_is_announced_under_its_number_and_name() {
    let mut guest = guest(Personality::Program);
    for (fd, name) in [(3, "/"), (4, NAMES[0]), (5, NAMES[1])] {
        let len = name.len() as u8;
        guest.writes("fd_prestat_get", &[fd, 4], &[(4, &[0, 0, 0, 0, len, 0, 0, 0])]);
        guest.writes("fd_prestat_dir_name", &[fd, 20, len.into()], &[(20, name.as_bytes())]);
        guest.writes("fd_prestat_dir_name", &[fd, 20, 100], &[(20, name.as_bytes())]);
        guest.fails(Errno::Nametoolong, "fd_prestat_dir_name", &[fd, 20, u64::from(len) - 1]);
        guest.traps(Trap::MemoryOutOfBounds, "fd_prestat_dir_name", &[fd, 0xFFFF_FFFF, len.into()]);
        let seen = guest.descriptor(fd as u32).unwrap().0;
        assert_eq!(seen[8..16], DIRECTORY.to_le_bytes(), "{name}");
    }
    // A libc stops at the first that is none.
    guest.fails(Errno::Badf, "fd_prestat_get", &[6, 4]);
    assert_eq!(guest.open("a.txt"), 6, "the first number that is free");
}

#[test]
fn paths_are_relative_to_their_root_and_never_leave_it() {
    let mut guest = guest(Personality::Program);
    let mut stat = |fd: u64, path: &str, expected: Errno| {
        guest.put(0x1004, path.as_bytes());
        let args = [fd, 0, 0x1004, path.len() as u64, 0x2000];
        if expected == Errno::Success {
            guest.ok("path_filestat_get", &args)
        } else {
            guest.fails(expected, "path_filestat_get", &args)
        }
    };
    for (fd, path) in [(3, "dir/sub/deep"), (4, "deep"), (4, "."), (5, "sub/deep"), (5, "sub/../one"), (5, "two")] {
        stat(fd, path, Errno::Success);
    }
    for (fd, path) in [(4, "one"), (4, "sub/deep"), (5, "deep"), (5, "a.txt")] {
        stat(fd, path, Errno::Noent);
    }
    // The inner one does not climb into the outer one either, nor by way of what is below it.
    for (fd, path) in [(3, ".."), (4, ".."), (4, "../one"), (4, "../sub/deep"), (5, "../a.txt"), (5, "sub/../../a.txt")]
    {
        stat(fd, path, Errno::Notcapable);
    }
    for (fd, path) in [(4, "/deep"), (5, "/dir/one")] {
        stat(fd, path, Errno::Notcapable);
    }
    let below = guest.open_with(5, "sub", READABLE, READABLE);
    guest.put(0x1004, b"../one");
    guest.fails(Errno::Notcapable, "path_filestat_get", &[below.into(), 0, 0x1004, 6, 0x2000]);
    assert_eq!(guest.open_with(below, "deep", READABLE, 0), 7);
}

#[test]
fn a_root_is_announced_only_while_it_is_the_initial_one() {
    let mut guest = guest(Personality::Program);
    guest.ok("fd_renumber", &[4, 5]);
    // It moved, and its number is free; neither announces anything.
    guest.fails(Errno::Badf, "fd_prestat_get", &[4, 0]);
    guest.fails(Errno::Badf, "fd_prestat_get", &[5, 0]);
    assert_eq!(guest.open("dir/sub"), 4);
    guest.fails(Errno::Badf, "fd_prestat_get", &[4, 0]);
    guest.ok("fd_renumber", &[5, 4]);
    guest.ok("fd_prestat_get", &[4, 0]);
    guest.ok("fd_prestat_get", &[3, 0]);
    guest.ok("fd_close", &[4]);
    guest.fails(Errno::Badf, "fd_prestat_get", &[4, 0]);
}

#[test]
fn the_seed_has_no_roots() {
    let mut with = guest(Personality::Seed);
    let mut without = Guest::new();
    assert_eq!(with.ram.used(), without.ram.used(), "what is announced costs nothing where nothing is");
    for fd in 0..8 {
        assert_eq!(with.descriptor(fd), without.descriptor(fd));
        let refusal = if fd < 4 { Errno::Notsup } else { Errno::Badf };
        with.fails(refusal, "fd_prestat_get", &[fd.into(), 0]);
    }
    assert_eq!((with.open("a.txt"), without.open("a.txt")), (4, 4));
}

#[test]
fn a_root_is_charged_as_a_descriptor_and_counts_as_open() {
    let files = Arc::new(tree());
    let config = Config { files: Arc::clone(&files), personality: Personality::Program, ..config() };
    let needed = files.ram() + 2 * 96;
    assert_eq!(State::new(config.clone(), &mut Ram::new(needed - 1)).unwrap_err(), VmError::OutOf(Resource::Memory));
    let mut ram = Ram::new(needed);
    State::new(config, &mut ram).unwrap();
    assert_eq!(ram.used(), needed);
    let mut guest = guest(Personality::Program);
    guest.limits.open_fds = 6;
    let open = guest.path_open("a.txt", 0, READABLE);
    guest.ends(VmError::OutOf(Resource::Fds), "path_open", &open);
    guest.ok("fd_close", &[5]);
    assert_eq!(guest.open("a.txt"), 5);
}

fn refusal(tree: &mut TreeBuilder, path: &str) -> MapErrorKind {
    let error = tree.announce(path).unwrap_err();
    assert_eq!(error.path, path);
    assert!(error.to_string().contains(&format!("{path:?}")), "{error}");
    error.kind
}

#[test]
fn what_cannot_be_announced_is_refused_by_name() {
    let mut tree = tree_of_files();
    for (path, kind) in [
        ("/", MapErrorKind::Announced),
        ("", MapErrorKind::NotAbsolute),
        ("dir", MapErrorKind::NotAbsolute),
        ("/dir/", MapErrorKind::NotCanonical),
        ("/dir/../dir", MapErrorKind::NotCanonical),
        ("/no", MapErrorKind::NoDirectory),
        ("/a.txt", MapErrorKind::NoDirectory),
        ("/a.txt/below", MapErrorKind::ThroughFile),
    ] {
        assert_eq!(refusal(&mut tree, path), kind, "{path:?}");
    }
    tree.announce("/dir").unwrap();
    assert_eq!(refusal(&mut tree, "/dir"), MapErrorKind::Announced);
    for number in 1..ROOTS {
        tree.make_directory(&format!("/r{number}")).unwrap();
        tree.announce(&format!("/r{number}")).unwrap();
    }
    assert_eq!(refusal(&mut tree, "/dir/sub"), MapErrorKind::TooManyRoots);
    assert_eq!(tree.build().roots().len(), ROOTS, "what was refused changed nothing");
}
