//! `fd_readdir`.

use std::sync::Arc;

use subvm_core::Trap;
use subvm_core::vfs::Tree;
use subvm_core::wasi::{Config, Errno};

use crate::support::{FD_READ, Guest, PATH_OPEN, READABLE, config};

const BUF: u32 = 0x4000;
const USED: u32 = 0x800;

/// A page of the listing, from `cookie` on, in a buffer of `len` bytes.
fn page(guest: &mut Guest, fd: u32, cookie: u64, len: u32) -> Vec<u8> {
    guest.ok("fd_readdir", &[fd.into(), BUF.into(), len.into(), cookie, USED.into()]);
    guest.bytes(BUF, guest.u32(USED)).to_vec()
}

/// An entry as the witx lays it out.
fn entry(next: u64, path: &str, name: &str, filetype: u8) -> Vec<u8> {
    let mut bytes = next.to_le_bytes().to_vec();
    bytes.extend(&blake3::hash(path.as_bytes()).as_bytes()[..8]);
    bytes.extend((name.len() as u32).to_le_bytes());
    bytes.extend([filetype, 0, 0, 0]);
    bytes.extend(name.as_bytes());
    bytes
}

fn whole() -> Vec<Vec<u8>> {
    vec![
        entry(1, "/dir", ".", 3),
        entry(2, "/", "..", 3),
        entry(3, "/dir/one", "one", 4),
        entry(4, "/dir/sub", "sub", 3),
        entry(5, "/dir/two", "two", 4),
    ]
}

#[test]
fn fd_readdir_lists_dot_dot_dot_and_children_by_name() {
    let mut guest = Guest::new();
    let dir = guest.open("dir");
    assert_eq!(page(&mut guest, dir, 0, 4096), whole().concat());
}

#[test]
fn fd_readdir_of_the_root_is_its_own_parent() {
    let mut guest = Guest::new();
    let page = page(&mut guest, 3, 0, 51);
    assert_eq!(page, [entry(1, "/", ".", 3), entry(2, "/", "..", 3)].concat());
}

#[test]
fn fd_readdir_goes_on_at_any_cookie() {
    let mut guest = Guest::new();
    let dir = guest.open("dir");
    for cookie in 0..=5 {
        assert_eq!(page(&mut guest, dir, cookie, 4096), whole()[cookie as usize..].concat());
    }
}

#[test]
fn fd_readdir_past_the_end_is_0_bytes() {
    let mut guest = Guest::new();
    let dir = guest.open("dir");
    for cookie in [5, 6, 1 << 32, 1 << 63, u64::MAX] {
        guest.mem.fill(crate::support::FILL);
        guest.writes("fd_readdir", &[dir.into(), BUF.into(), 4096, cookie, USED.into()], &[(USED, &[0; 4])]);
    }
}

#[test]
fn fd_readdir_fills_the_buffer_with_a_truncated_entry() {
    let mut guest = Guest::new();
    let dir = guest.open("dir");
    let whole = whole().concat();
    for len in 0..=whole.len() as u32 {
        guest.mem.fill(crate::support::FILL);
        let (bytes, used) = (&whole[..len as usize], len.to_le_bytes());
        guest.writes(
            "fd_readdir",
            &[dir.into(), BUF.into(), len.into(), 0, USED.into()],
            &[(BUF, bytes), (USED, &used)],
        );
    }
}

#[test]
fn fd_readdir_sorts_names_as_bytes() {
    let names = ["-", "0", "A", "B", "_", "a", "a!", "aa", "b", "é", "ü", "\u{FFFF}", "\u{10000}"];
    let mut tree = Tree::builder();
    names.iter().rev().for_each(|name| tree.map(&format!("/{name}"), [].into()).unwrap());
    let mut guest = Guest::with(Config { files: Arc::new(tree.build()), ..config() });
    let children = names.iter().enumerate().flat_map(|(k, name)| entry(k as u64 + 3, &format!("/{name}"), name, 4));
    assert_eq!(page(&mut guest, 3, 2, 4096), children.collect::<Vec<_>>());
}

#[test]
fn fd_readdir_writes_its_result_last() {
    let mut guest = Guest::new();
    let dir = guest.open("dir");
    let mut page = whole().concat();
    let used = (page.len() as u32).to_le_bytes();
    page[4..8].copy_from_slice(&used);
    guest.writes("fd_readdir", &[dir.into(), BUF.into(), 4096, 0, (BUF + 4).into()], &[(BUF, &page)]);
}

#[test]
fn fd_readdir_is_notdir_on_all_but_directories() {
    let mut guest = Guest::new();
    let file = guest.open("a.txt").into();
    for fd in [0, 1, 2, file] {
        guest.fails(Errno::Notdir, "fd_readdir", &[fd, 0xFFFF_FFFF, 9, 0, 1]);
    }
}

#[test]
fn fd_readdir_needs_its_right() {
    let mut guest = Guest::new();
    let fd = guest.open_with(3, "dir", PATH_OPEN | FD_READ, READABLE).into();
    guest.fails(Errno::Notcapable, "fd_readdir", &[fd, 0xFFFF_FFFF, 9, 0, 1]);
}

#[test]
fn fd_readdir_is_badf_where_nothing_is_open() {
    for fd in [4, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Badf, "fd_readdir", &[fd, 0xFFFF_FFFF, 9, 0, 1]);
    }
}

#[test]
fn fd_readdir_checks_the_whole_buffer() {
    let mut guest = Guest::new();
    let end = guest.mem.len() as u64;
    guest.traps(Trap::MemoryOutOfBounds, "fd_readdir", &[3, end - 4096, 4097, 99, USED.into()]);
}

#[test]
fn an_empty_directory_has_itself_and_the_one_above() {
    let mut tree = Tree::builder();
    tree.make_directory("/dir/empty").unwrap();
    let mut guest = Guest::with(Config { files: Arc::new(tree.build()), ..config() });
    let fd = guest.open("dir/empty");
    let expected = [entry(1, "/dir/empty", ".", 3), entry(2, "/dir", "..", 3)].concat();
    assert_eq!(page(&mut guest, fd, 0, 1000), expected);
}
