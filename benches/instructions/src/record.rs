//! What is written down: one line for each case.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use crate::Result;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../instructions.json");

/// Instructions by the name of the case.
pub(crate) struct Record(pub(crate) BTreeMap<String, u64>);

impl Record {
    pub(crate) fn read() -> Result<Self> {
        let text = fs::read_to_string(FILE)?;
        let entry = |line: &str| {
            let (name, count) = line.trim().trim_end_matches(',').rsplit_once(": ")?;
            Some((name.trim_matches('"').to_owned(), count.parse().ok()?))
        };
        let lines = text.lines().filter(|line| line.starts_with(' '));
        let entries = lines.map(|line| entry(line).ok_or_else(|| format!("{FILE}: malformed line {line:?}").into()));
        entries.collect::<Result<_>>().map(Self)
    }

    pub(crate) fn write(&self) -> Result<()> {
        let mut text = String::new();
        for (name, count) in &self.0 {
            let _ = write!(text, "{}\n  \"{name}\": {count}", if text.is_empty() { "{" } else { "," });
        }
        Ok(fs::write(FILE, text + "\n}\n")?)
    }
}
