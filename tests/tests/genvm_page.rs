//! `docs/genvm.md`: every test that it names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Names with so many words are tests' and nothing else's on that page.
const WORDS: usize = 5;

/// The tests that a page names.
fn named(page: &str) -> BTreeSet<&str> {
    let spans = page.split('`').skip(1).step_by(2);
    let is_name = |span: &&str| span.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    spans.filter(is_name).filter(|span| span.split('_').count() >= WORDS).collect()
}

/// Adds the names of the functions of each source below a directory.
fn collect(directory: &Path, found: &mut BTreeSet<String>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !matches!(&*name, "target" | "node" | "wasm" | "programs") {
                collect(&path, found);
            }
        } else if name.ends_with(".rs") || name.ends_with(".py") {
            let text = fs::read_to_string(&path).unwrap();
            let functions = text.lines().filter_map(|line| {
                let line = line.trim_start();
                line.strip_prefix("fn ").or_else(|| line.strip_prefix("def "))?.split('(').next()
            });
            found.extend(functions.map(str::to_owned));
        }
    }
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let page = fs::read_to_string(root().join("docs/genvm.md")).unwrap();
    let mut found = BTreeSet::new();
    for directory in ["core/tests", "core/src", "host-std", "tests/tests"] {
        collect(&root().join(directory), &mut found);
    }
    // Those of the executor stand in a directory that is called as a crate is that has none of them.
    collect(&root().join("host-std/genvm/tests/node"), &mut found);
    let named = named(&page);
    assert!(named.len() > 60, "{}", named.len());
    let missing: Vec<&&str> = named.iter().filter(|name| !found.contains(**name)).collect();
    assert!(missing.is_empty(), "docs/genvm.md names tests that are not there: {missing:?}");
}

#[test]
fn a_name_is_told_from_other_code() {
    let page = "`a_test_of_many_words`, `fd_prestat_dir_name`, `Message`, `out_of memory`";
    assert_eq!(named(page).into_iter().collect::<Vec<_>>(), ["a_test_of_many_words"]);
}
