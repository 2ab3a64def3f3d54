//! The table of `docs/determinism.md`: one row for each platform and engine that came to the recorded digests.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::vectors::{list, text};

const HEAD: &str = "| platform | engine | runs | digests |\n|---|---|---|---|\n";

/// The row of an engine on a platform, with the digests of `tests/vectors/transactions.json`.
#[must_use]
pub fn row(platform: &str, engine: &str, runs: usize, transactions: &Json) -> String {
    let digests = list(&transactions["transactions"])
        .iter()
        .map(|transaction| &text(&transaction["expected"]["receipt_digest"])[..8]);
    let digests: Vec<_> = digests.map(|digest| format!("`{digest}`")).collect();
    format!("| {platform} | {engine} | {runs} | {} |", digests.join(", "))
}

/// The page with the rows of a platform in the place of those that it has.
///
/// # Panics
///
/// When the page has no such table, or there is no row.
#[must_use]
pub fn with_rows(page: &str, rows: &[String]) -> String {
    let (before, after) = page.split_once(HEAD).expect("docs/determinism.md has the table");
    let end = after.find("\n\n").expect("something follows the table");
    let platform = rows[0].split_inclusive(" | ").next().expect("a row names its platform");
    let others = after[..end].lines().filter(|line| !line.starts_with(platform));
    let mut all: Vec<&str> = others.chain(rows.iter().map(String::as_str)).collect();
    all.sort_unstable();
    format!("{before}{HEAD}{}{}", all.join("\n"), &after[end..])
}

/// Writes the rows of a platform where `SUBVM_RECORD` is set; elsewhere they must stand there already, if `held`.
///
/// # Panics
///
/// When the table has other rows, or the page cannot be read or written.
pub fn record(rows: &[String], held: bool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/determinism.md");
    let page = fs::read_to_string(&path).expect("docs/determinism.md can be read");
    if std::env::var_os("SUBVM_RECORD").is_some() {
        fs::write(&path, with_rows(&page, rows)).expect("docs/determinism.md can be written");
    } else if held {
        assert_eq!(page, with_rows(&page, rows), ".ci/matrix writes the table of docs/determinism.md anew");
    }
}

#[test]
fn a_table_keeps_the_rows_of_other_platforms() {
    let page =
        format!("a\n\n{HEAD}| arm x | wasmi | 1 | `0` |\n| x86 l | old | 1 | `0` |\n| x86 long | b | 1 | `0` |\n\nb\n");
    let rows = ["| x86 l | b | 2 | `1` |".to_owned(), "| x86 l | a | 2 | `1` |".to_owned()];
    let expected = format!(
        "a\n\n{HEAD}| arm x | wasmi | 1 | `0` |\n| x86 l | a | 2 | `1` |\n| x86 l | b | 2 | `1` |\n| x86 long | b | 1 | `0` |\n\nb\n"
    );
    assert_eq!(with_rows(&page, &rows), expected);
}
