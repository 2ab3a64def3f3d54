//! `docs/contracts.md` shows what is tested.

use std::fs;

use crate::ROOT;

#[test]
fn listings_are_the_files_that_they_name() {
    let page = fs::read_to_string(format!("{ROOT}/docs/contracts.md")).unwrap();
    let mut shown = 0;
    for (language, block) in page.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')) {
        if language == "console" {
            continue;
        }
        let before = &page[..page.find(block).unwrap()];
        let path = before.rsplit_once("<!-- ").and_then(|(_, rest)| rest.split_once(" -->")).map(|(path, _)| path);
        let path = path.unwrap_or_else(|| panic!("no file is named before {block}"));
        assert!(before.ends_with(&format!("<!-- {path} -->\n\n```{language}\n")), "{path} stands before its listing");
        let file = fs::read_to_string(format!("{ROOT}/{path}")).unwrap();
        assert!(file.contains(block), "{path} has not the listing of docs/contracts.md");
        shown += 1;
    }
    assert_eq!(shown, 6);
}

/// What the lines of a contract's author are.
#[test]
fn contracts_are_short() {
    for (name, lines) in [("token", 60), ("oracle", 40)] {
        let source = fs::read_to_string(format!("{ROOT}/tests/guests/contracts/{name}/src/lib.rs")).unwrap();
        assert!(source.lines().count() <= lines, "{name} has more than {lines} lines");
    }
}
