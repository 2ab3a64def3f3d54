//! What transactions use and come to, held to a file.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::Transaction;

/// Gas and receipts of named transactions, held to a file: a difference is a change that users pay for. `SUBVM_RECORD=1 cargo test` writes
/// the file anew.
///
/// ```
/// use subvm_testing::{Chain, Golden, Map};
/// # let token = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/token.wasm"));
/// let mut chain = Chain::new();
/// let token = chain.deploy(token, Map::from([("supply", 7)]));
/// let path = std::env::temp_dir().join("subvm-golden-doc.txt");
/// # let _ = std::fs::remove_file(&path);
/// let mut golden = Golden::at(&path);
/// golden.note("supply", &chain.view(token, "supply", Map::new()));
/// assert_eq!(golden.differs().unwrap_err().lines().count(), 3, "nothing was recorded yet");
/// ```
#[derive(Debug)]
pub struct Golden {
    path: PathBuf,
    seen: String,
}

impl Golden {
    /// Nothing yet, to be held to a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), seen: String::new() }
    }

    /// Notes a transaction: its gas, and its receipt's digest.
    ///
    /// # Panics
    /// Where the leader's run ended in an internal error.
    #[track_caller]
    pub fn note(&mut self, name: &str, transaction: &Transaction) {
        let gas = transaction.gas();
        let receipt = transaction.receipt();
        let line = writeln!(
            self.seen,
            "{name}: time {}, storage {}, data {}, receipt {receipt}",
            gas.time, gas.storage, gas.data
        );
        line.expect("a string takes all");
    }

    /// Compares all that was noted with the file, or writes it with `SUBVM_RECORD` set.
    ///
    /// # Panics
    /// Where it differs, with the first line that does; where the file cannot be written.
    #[track_caller]
    pub fn check(&self) {
        if std::env::var_os("SUBVM_RECORD").is_some() {
            fs::write(&self.path, &self.seen).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        }
        if let Err(difference) = self.differs() {
            panic!("{difference}");
        }
    }

    /// Compares all that was noted with the file.
    ///
    /// # Errors
    /// What differs first, what was seen, and what to do.
    pub fn differs(&self) -> Result<(), String> {
        let recorded = fs::read_to_string(&self.path).unwrap_or_default();
        if recorded == self.seen {
            return Ok(());
        }
        let (recorded, seen): (Vec<&str>, Vec<&str>) = (recorded.lines().collect(), self.seen.lines().collect());
        let at = (0..).find(|at| recorded.get(*at) != seen.get(*at)).unwrap_or_default();
        let line = |lines: &[&str]| lines.get(at).copied().unwrap_or("nothing").to_owned();
        Err(format!(
            "{}, line {}: recorded {}\n  seen {}\nWhere it was meant: SUBVM_RECORD=1 cargo test",
            self.path.display(),
            at + 1,
            line(&recorded),
            line(&seen)
        ))
    }
}
