//! `docs/invariants.md`: every file, item and test that it names is there.

use std::fs;
use std::path::{Path, PathBuf};

/// A row of the page: what it says, and the places and tests that it names.
struct Row {
    says: String,
    places: Vec<(PathBuf, String)>,
    tests: Vec<(PathBuf, String)>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What stands between backticks, taken apart at `::`.
fn named(cell: &str) -> Result<Vec<(PathBuf, String)>, String> {
    let spans: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    if spans.is_empty() {
        return Err(format!("{cell:?} names nothing"));
    }
    let take = |span: &&str| {
        let (file, name) = span.split_once("::").ok_or_else(|| format!("{span}: write file::name"))?;
        Ok((PathBuf::from(file), name.to_owned()))
    };
    spans.iter().map(take).collect()
}

fn rows(page: &str) -> Result<Vec<Row>, String> {
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| always "));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [says, places, tests] = cells[..] else { return Err(format!("{line}: three cells")) };
            Ok(Row { says: says.to_owned(), places: named(places)?, tests: named(tests)? })
        })
        .collect()
}

/// Whether `text` defines something of this name.
fn defines(text: &str, name: &str) -> bool {
    let kinds = ["fn", "struct", "enum", "const", "static", "trait", "type", "mod"];
    text.lines().map(str::trim_start).any(|line| {
        kinds.iter().any(|kind| {
            let definition = line.split(&format!("{kind} ")[..]).nth(1).filter(|_| !line.starts_with("//"));
            definition.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| !rest.starts_with(is_of_a_name))
        })
    })
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `text` has a test of this name: attributes alone stand between it and `#[test]`.
fn tests(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let is_it = |line: &str| {
        line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with('('))
    };
    lines.iter().enumerate().filter(|(_, line)| is_it(line)).any(|(at, _)| {
        let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("///"));
        above.into_iter().any(|line| *line == "#[test]")
    })
}

/// What is wrong with a page.
fn wrong(page: &str) -> Vec<String> {
    let rows = match rows(page) {
        Ok(rows) => rows,
        Err(error) => return vec![error],
    };
    let mut wrong = Vec::new();
    let mut look =
        |row: &Row, (file, name): &(PathBuf, String), has: fn(&str, &str) -> bool, what| match fs::read_to_string(
            root().join(file),
        ) {
            Err(error) => wrong.push(format!("{}: {}: {error}", row.says, file.display())),
            Ok(text) if !has(&text, name) => {
                wrong.push(format!("{}: {}: there is no {what} {name}", row.says, file.display()))
            }
            Ok(_) => {}
        };
    for row in &rows {
        row.places.iter().for_each(|place| look(row, place, defines, "item"));
        row.tests.iter().for_each(|test| look(row, test, tests, "test"));
    }
    wrong
}

#[test]
fn every_file_item_and_test_that_the_page_names_is_there() {
    let page = fs::read_to_string(root().join("docs/invariants.md")).unwrap();
    assert!(rows(&page).unwrap().len() >= 30);
    assert_eq!(wrong(&page), [""; 0]);
}

#[test]
fn what_is_not_there_is_told() {
    let here = "tests/tests/invariants.rs";
    let row = |place: &str, test: &str| {
        wrong(&format!("| always | seen to by | breaks |\n|---|---|---|\n| So. | {place} | {test} |"))
    };
    let place = format!("`{here}::rows`");
    let test = format!("`{here}::what_is_not_there_is_told`");
    assert_eq!(row(&place, &test), [""; 0]);
    for (place, test, says) in [
        (&format!("`{here}::row`"), &test, "there is no item row"),
        (&format!("`{here}::told`"), &test, "there is no item told"),
        (&place, &format!("`{here}::rows`"), "there is no test rows"),
        (&place, &format!("`{here}::what_is_not`"), "there is no test what_is_not"),
        (&"`tests/nowhere.rs::rows`".to_owned(), &test, "tests/nowhere.rs: "),
        (&format!("`{here}`"), &test, "write file::name"),
        (&place, &"nothing".to_owned(), "names nothing"),
    ] {
        let found = row(place, test);
        assert!(found.len() == 1 && found[0].contains(says), "{found:?}");
    }
    assert!(wrong("| So. | `a::b` |")[0].contains("three cells"));
}
