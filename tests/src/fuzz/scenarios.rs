//! Files of scenarios from anybody, TOML or JSON as the first byte says: refused at a line that the file has, or scenarios whose names differ.
//! Nothing is built or run.

use std::collections::BTreeSet;

use subvm_testing::scenario::Suite;

pub(super) fn scenarios(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let path = if kind % 2 == 0 { "nowhere/test.toml" } else { "nowhere/test.json" };
    match Suite::read(path, text) {
        Ok(suite) => {
            let names: Vec<_> = suite.names().collect();
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        }
        Err(error) => {
            let said = error.to_string();
            let line = said.strip_prefix(path).and_then(|rest| rest.strip_prefix(':'));
            let line = line.and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
            assert!(line.is_some_and(|line| line <= text.lines().count() + 1), "{said}");
        }
    }
}
