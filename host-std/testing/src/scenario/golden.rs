//! Gas and receipts, held to a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Failure, Ran, Taken};

/// What was recorded: for each scenario, a line for each of its transactions.
pub(super) struct Goldens {
    path: PathBuf,
    recorded: BTreeMap<String, Vec<String>>,
}

impl Goldens {
    pub(super) fn at(path: &Path) -> Result<Self, std::io::Error> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut recorded: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut lines = Vec::new();
        for line in text.lines().rev() {
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => {
                    lines.reverse();
                    recorded.insert(name.to_owned(), std::mem::take(&mut lines));
                }
                None if line.is_empty() => {}
                None => lines.push(line.to_owned()),
            }
        }
        Ok(Self { path: path.to_owned(), recorded })
    }

    /// Holds what ran to what was recorded, or records it. `all` says whether these are all scenarios: what else was recorded is then gone.
    pub(super) fn hold(mut self, ran: &mut [Ran], all: bool, record: bool) -> Result<(), std::io::Error> {
        if record {
            if all {
                self.recorded.clear();
            }
            // What failed is nothing to hold anybody to.
            for ran in ran.iter().filter(|ran| ran.failure.is_none()) {
                self.recorded.insert(ran.name.clone(), lines(ran));
            }
            return self.write();
        }
        for ran in ran.iter_mut().filter(|ran| ran.failure.is_none()) {
            let none = Vec::new();
            ran.failure = self.differs(ran, self.recorded.get(&ran.name).unwrap_or(&none));
        }
        Ok(())
    }

    fn differs(&self, ran: &Ran, recorded: &[String]) -> Option<Failure> {
        let seen = lines(ran);
        let at = (0..recorded.len().max(seen.len())).find(|at| recorded.get(*at) != seen.get(*at))?;
        let line = ran.taken.get(at).map_or(ran.line, |taken| taken.line);
        let shown = |lines: &[String]| lines.get(at).map_or("nothing", |line| line).to_owned();
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let what =
            format!("{file} has {}; there was {}; where this was meant: --record", shown(recorded), shown(&seen));
        Some(Failure { line, what })
    }

    fn write(&self) -> Result<(), std::io::Error> {
        let mut text = String::new();
        for (name, lines) in &self.recorded {
            // A string takes all.
            let _ = writeln!(text, "[{name}]\n{}\n", lines.join("\n"));
        }
        fs::write(&self.path, text.trim_end().to_owned() + "\n")
    }
}

fn lines(ran: &Ran) -> Vec<String> {
    ran.taken.iter().map(line).collect()
}

fn line(Taken { step, transaction, .. }: &Taken) -> String {
    let Some(report) = &transaction.leader else { return format!("{step}: the leader's node failed") };
    let gas = report.receipt.gas;
    let receipt = transaction.receipt();
    format!("{step}: time {}, storage {}, data {}, receipt {receipt}", gas.time, gas.storage, gas.data)
}
