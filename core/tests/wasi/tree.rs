//! Building file trees.

use std::sync::Arc;

use subvm_core::vfs::{MapErrorKind, Tree, TreeBuilder};
use subvm_core::wasi::Config;

use crate::support::{Guest, config};

fn refusal(tree: &mut TreeBuilder, path: &str) -> Option<MapErrorKind> {
    let result = tree.map(path, b"x".as_slice().into());
    result.err().map(|error| {
        assert_eq!(error.path, path);
        assert!(error.to_string().contains(&format!("{path:?}")));
        error.kind
    })
}

#[test]
fn other_spellings_are_refused() {
    let mut tree = Tree::builder();
    for (path, kind) in [
        ("", MapErrorKind::NotAbsolute),
        ("a", MapErrorKind::NotAbsolute),
        ("./a", MapErrorKind::NotAbsolute),
        ("/", MapErrorKind::NotCanonical),
        ("//a", MapErrorKind::NotCanonical),
        ("/a/", MapErrorKind::NotCanonical),
        ("/a//b", MapErrorKind::NotCanonical),
        ("/./a", MapErrorKind::NotCanonical),
        ("/a/..", MapErrorKind::NotCanonical),
        ("/a\0", MapErrorKind::Nul),
    ] {
        assert_eq!(refusal(&mut tree, path), Some(kind), "{path:?}");
    }
    assert_eq!(tree.build().ram(), 0);
}

#[test]
fn lengths_are_limited() {
    let mut tree = Tree::builder();
    let component = "c".repeat(255);
    assert_eq!(refusal(&mut tree, &format!("/{component}")), None);
    assert_eq!(refusal(&mut tree, &format!("/{component}c")), Some(MapErrorKind::ComponentTooLong));
    assert_eq!(refusal(&mut tree, &"/d".repeat(64)), None);
    assert_eq!(refusal(&mut tree, &"/e".repeat(65)), Some(MapErrorKind::TooDeep));
    let longest = format!("/{}", component.clone() + "/").repeat(15) + "/" + &component;
    let longest = longest.replace("//", "/");
    assert_eq!(longest.len(), 4096);
    assert_eq!(refusal(&mut tree, &longest.replace('c', "d")), None);
    assert_eq!(refusal(&mut tree, &(longest + "c")), Some(MapErrorKind::TooLong));
}

#[test]
fn files_and_directories_do_not_replace_each_other() {
    let mut tree = Tree::builder();
    assert_eq!(refusal(&mut tree, "/a/b"), None);
    assert_eq!(refusal(&mut tree, "/a"), Some(MapErrorKind::Directory));
    assert_eq!(refusal(&mut tree, "/a/b/c"), Some(MapErrorKind::ThroughFile));
    assert_eq!(refusal(&mut tree, "/a/b/c/d"), Some(MapErrorKind::ThroughFile));
    assert_eq!(tree.build().ram(), 256 + 4);
}

#[test]
fn each_file_costs_256_and_its_path() {
    let mut tree = Tree::builder();
    for path in ["/a/b", "/a/ünï", "/c"] {
        assert_eq!(refusal(&mut tree, path), None);
    }
    assert_eq!(tree.build().ram(), 3 * 256 + 4 + 8 + 2);
    assert_eq!(Tree::default().ram(), 0);
}

#[test]
fn a_file_that_is_replaced_costs_nothing_more() {
    let mut tree = Tree::builder();
    assert_eq!(refusal(&mut tree, "/a/b"), None);
    assert_eq!(refusal(&mut tree, "/a/b"), None);
    assert_eq!(tree.build().ram(), 256 + 4);
}

#[test]
fn a_directory_may_be_empty_and_costs_as_much_as_a_file_then() {
    let mut tree = Tree::builder();
    let made = |tree: &mut TreeBuilder, path: &str| tree.make_directory(path).map_err(|error| error.kind);
    assert_eq!(made(&mut tree, "/a/empty"), Ok(()));
    assert_eq!(made(&mut tree, "/a/empty"), Ok(()));
    assert_eq!(made(&mut tree, "/a"), Ok(()));
    assert_eq!(refusal(&mut tree, "/a/file"), None);
    assert_eq!(refusal(&mut tree, "/a/empty"), Some(MapErrorKind::Directory));
    assert_eq!(made(&mut tree, "/a/file"), Err(MapErrorKind::ThroughFile));
    assert_eq!(made(&mut tree, "/a/file/below"), Err(MapErrorKind::ThroughFile));
    for path in ["", "a", "/", "/a/", "/a//b", "/a/.."] {
        assert!(made(&mut tree, path).is_err(), "{path:?}");
    }
    assert_eq!(made(&mut tree, &"/e".repeat(65)), Err(MapErrorKind::TooDeep));
    assert_eq!(tree.build().ram(), 256 + 8 + 256 + 7);
    // One that is filled later costs nothing.
    let mut tree = Tree::builder();
    assert_eq!(made(&mut tree, "/b"), Ok(()));
    assert_eq!(refusal(&mut tree, "/b/c"), None);
    assert_eq!(tree.build().ram(), 256 + 4);
}

#[test]
fn bytes_are_shared_between_trees_sub_vms_and_descriptors() {
    let bytes: Arc<[u8]> = vec![7; 1000].into();
    let mut tree = Tree::builder();
    tree.map("/lib", bytes.clone()).unwrap();
    let files = Arc::new(tree.build());
    let mut guests: Vec<Guest> = (0..100).map(|_| Guest::with(Config { files: files.clone(), ..config() })).collect();
    for guest in &mut guests {
        guest.open("lib");
        guest.open("lib");
    }
    assert_eq!(Arc::strong_count(&bytes), 2);
}
