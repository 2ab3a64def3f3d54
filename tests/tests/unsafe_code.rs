//! `docs/audit.md` lists every file that has `unsafe`, with how often: a new one is looked at before it lands.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folders of the tree that hold code of ours, built for whatever target.
const FOLDERS: [&str; 6] = ["benches", "core", "fuzz", "host-mock", "host-std", "tests"];

/// How often `unsafe` stands in code: not in comments, text or documentation.
fn uses(tokens: TokenStream) -> usize {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(word) => usize::from(word == "unsafe"),
            TokenTree::Group(group) => uses(group.stream()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => 0,
        })
        .sum()
}

/// The files below `folder` that have `unsafe`, by their path from the root.
fn collect(folder: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "target" {
                collect(&path, found);
            }
        } else if name.ends_with(".rs") {
            let code: TokenStream = match fs::read_to_string(&path).unwrap().parse() {
                Ok(code) => code,
                Err(error) => panic!("{}: {error}", path.display()),
            };
            let uses = uses(code);
            if uses > 0 {
                let path = path.strip_prefix(root()).unwrap().to_str().unwrap();
                found.insert(path.to_owned(), uses);
            }
        }
    }
}

/// What the page says: rows that begin with a file of Rust and a number.
fn listed(page: &str) -> BTreeMap<String, usize> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let file = cells.next()?.strip_suffix(".rs`")?;
        Some((format!("{file}.rs"), cells.next()?.parse().ok()?))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn every_unsafe_is_on_the_page() {
    let mut found = BTreeMap::new();
    for folder in FOLDERS {
        collect(&root().join(folder), &mut found);
    }
    let listed = listed(&fs::read_to_string(root().join("docs/audit.md")).unwrap());
    let differing: Vec<_> =
        found.keys().chain(listed.keys()).filter(|&file| found.get(file) != listed.get(file)).collect();
    assert!(
        differing.is_empty(),
        "{differing:?}: docs/audit.md, `unsafe`, says {listed:#?}, and there are {found:#?}: add what has to hold to the row"
    );
}

#[test]
fn what_forbids_it_says_so() {
    let host = ["link", "lower", "replay", "softfloat", "tiered", "wasmi"].map(|name| format!("host-std/{name}"));
    for crate_root in ["core".to_owned(), "core/calldata".to_owned()].into_iter().chain(host) {
        let file = format!("{crate_root}/src/lib.rs");
        let text = fs::read_to_string(root().join(&file)).unwrap();
        assert!(
            text.lines().any(|line| line.starts_with("#![") && line.contains("forbid(unsafe_code)")),
            "{file} allows it"
        );
    }
}

#[test]
fn code_is_told_from_what_only_speaks_of_it() {
    let code = "/// unsafe\n// unsafe\nunsafe fn f() { let _ = \"unsafe\"; unsafe { g() } }";
    assert_eq!(uses(code.parse().unwrap()), 2);
    let page = "| `a/b.rs` | 2 | so | t |\n| `c.rs` | x | so |\n| d.rs | 1 |";
    assert_eq!(listed(page), BTreeMap::from([("a/b.rs".to_owned(), 2)]));
}
