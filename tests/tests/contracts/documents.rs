//! `docs/contracts.md` shows what is tested.

use std::fs;

use crate::ROOT;

/// Compares the listings of a page with the files that they name; how many there are. What is theirs is in no file.
#[track_caller]
fn listings(page: &str) -> usize {
    let text = fs::read_to_string(format!("{ROOT}/{page}")).unwrap();
    let mut shown = 0;
    for (language, block) in text.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')) {
        if language == "console" {
            continue;
        }
        let before = &text[..text.find(block).unwrap()];
        let path = before.rsplit_once("<!-- ").and_then(|(_, rest)| rest.split_once(" -->")).map(|(path, _)| path);
        let path = path.unwrap_or_else(|| panic!("no file is named before {block}"));
        assert!(before.ends_with(&format!("<!-- {path} -->\n\n```{language}\n")), "{path} stands before its listing");
        if path == "theirs" {
            continue;
        }
        let file = fs::read_to_string(format!("{ROOT}/{path}")).unwrap();
        assert!(file.contains(block), "{path} has not the listing of {page}: {block}");
        shown += 1;
    }
    shown
}

#[test]
fn listings_are_the_files_that_they_name() {
    assert_eq!(listings("docs/contracts.md"), 10);
    for name in ["cosmwasm", "genlayer", "near", "soroban", "stylus"] {
        assert_eq!(listings(&format!("docs/from/{name}.md")), 1);
    }
}

/// What the lines of a contract's author are.
#[test]
fn contracts_are_short() {
    for (name, lines) in [("token", 60), ("oracle", 40)] {
        let source = fs::read_to_string(format!("{ROOT}/tests/guests/contracts/{name}/src/lib.rs")).unwrap();
        assert!(source.lines().count() <= lines, "{name} has more than {lines} lines");
    }
}
