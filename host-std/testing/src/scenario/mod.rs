//! Scenarios in a file of TOML or JSON, for contracts in any language: `subvm test`, and a line of a Rust test.
//!
//! The file is described in `docs/spec/testing.md`. What it says that makes no sense is refused when it is loaded, with its line.
//!
//! ```
//! use subvm_testing::scenario::Suite;
//! # let dir = tempfile::tempdir().unwrap();
//! # let token = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/token.wasm");
//! # let path = dir.path().join("token.toml");
//! let file = r#"
//!     contracts.token = "token.wasm"
//!     accounts = { alice = 0, bob = 0 }
//!
//!     [[scenario]]
//!     name = "tokens go from hand to hand"
//!     step = [
//!         { deploy = "token", from = "alice", arguments = '{"supply": 100}' },
//!         { call = "token", from = "alice", method = "transfer", arguments = '{"to": $bob, "amount": 30}' },
//!         { view = "token", method = "balance_of", arguments = '{"owner": $bob}', returns = '30' },
//!     ]
//! "#;
//! # std::fs::write(&path, file.replace("token.wasm", token)).unwrap();
//! let suite = Suite::load(&path).unwrap();
//! let ran = suite.run(|_| true, false).unwrap();
//! assert!(ran[0].failure.is_none());
//! ```

mod calldata;
mod document;
mod expect;
mod golden;
mod parse;
mod play;
mod step;
mod table;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::package::package;

use crate::{Script, Transaction};
use document::Lines;
use golden::Goldens;
use step::Step;

/// Why a file of scenarios cannot be used: one line that says where, what, and what to do.
///
/// ```
/// use subvm_testing::scenario::Suite;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a.toml");
/// std::fs::write(&path, "acounts = {}\nscenario = []").unwrap();
/// let error = Suite::load(&path).unwrap_err().to_string();
/// assert!(error.ends_with("a.toml:1: unknown key acounts of the file; did you mean accounts?"), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    what: String,
    said: Vec<String>,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Malformed {}

impl From<String> for Malformed {
    fn from(what: String) -> Self {
        Self { what, said: Vec::new() }
    }
}

impl Malformed {
    /// What the command that builds a contract wrote to standard error, line by line, where it failed: at most 400 lines, the first of them.
    #[must_use]
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// Something at a line of the file.
    fn at(path: &Path, line: usize, what: impl fmt::Display) -> Self {
        // A parser's message may have several lines.
        let what = what.to_string().lines().map(str::trim).collect::<Vec<_>>().join("; ");
        format!("{}:{line}: {what}", path.display()).into()
    }
}

/// A file of scenarios.
#[derive(Debug)]
pub struct Suite {
    path: PathBuf,
    contracts: BTreeMap<String, Source>,
    golden: Option<PathBuf>,
    scenarios: Vec<Scenario>,
}

/// Where a contract's module comes from.
#[derive(Debug)]
struct Source {
    line: usize,
    build: Vec<String>,
    module: PathBuf,
    /// What takes its place.
    given: Option<Arc<[u8]>>,
}

#[derive(Debug)]
struct Scenario {
    name: String,
    line: usize,
    accounts: BTreeMap<String, u128>,
    validators: usize,
    deadline: Option<Duration>,
    world: Vec<Script>,
    steps: Vec<Step>,
}

/// What a scenario came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ran {
    /// Its name.
    pub name: String,
    /// The line of the file where it begins, from 1.
    pub line: usize,
    /// Why it failed, where it did.
    pub failure: Option<Failure>,
    /// The transactions that were run, in their order.
    pub taken: Vec<Taken>,
}

/// Why a scenario failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The line of the step, or of the scenario.
    pub line: usize,
    /// What was expected, and what there was.
    pub what: String,
}

/// A transaction of a scenario.
#[derive(Debug)]
#[non_exhaustive]
pub struct Taken {
    /// The line of its step.
    pub line: usize,
    /// Its step's name, or what it does.
    pub step: String,
    /// What became of it.
    pub transaction: Transaction,
}

impl Suite {
    /// Reads a file, JSON where its name ends so, else TOML. Nothing is built or run yet.
    ///
    /// # Errors
    /// The file cannot be read, or says what makes no sense: a key that is none, a name that nothing has, calldata that does not parse.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, Malformed> {
        let path = path.into();
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
        Self::read(path, &text)
    }

    /// Reads the text of a file; paths in it start from where that would lie.
    ///
    /// # Errors
    /// As [`load`](Self::load), for the text.
    pub fn read(path: impl Into<PathBuf>, text: &str) -> Result<Self, Malformed> {
        let path = path.into();
        let lines = Lines::of(text);
        let json = path.extension().is_some_and(|ending| ending == "json");
        let whole = if json { document::json(text, &lines) } else { document::toml(text, &lines) };
        let parsed = whole.and_then(|whole| parse::suite(&path, &whole));
        parsed.map_err(|(line, what)| Malformed::at(&path, line, what))
    }

    /// The names of its scenarios, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.scenarios.iter().map(|scenario| &*scenario.name)
    }

    /// Puts another module in the place of a contract's: the same contract from another compiler. Gas is then held to nothing.
    ///
    /// # Errors
    /// The file has no such contract.
    pub fn replace(&mut self, contract: &str, module: impl Into<Arc<[u8]>>) -> Result<(), Malformed> {
        let names = self.contracts.keys().cloned().collect::<Vec<_>>().join(", ");
        let Some(source) = self.contracts.get_mut(contract) else {
            return Err(format!("{}: no contract {contract}; there are: {names}", self.path.display()).into());
        };
        source.given = Some(module.into());
        self.golden = None;
        Ok(())
    }

    /// Builds the contracts, runs those scenarios whose name is wanted, and holds gas to the golden file, or with `record` writes that.
    ///
    /// # Errors
    /// A contract cannot be built, a module cannot be read, the golden file cannot be written. What a scenario expects in vain is no error
    /// here: see [`Ran::failure`].
    pub fn run(&self, wanted: impl Fn(&str) -> bool, record: bool) -> Result<Vec<Ran>, Malformed> {
        let mut modules = BTreeMap::new();
        for (name, source) in &self.contracts {
            let module = self
                .module(source)
                .map_err(|Unbuilt { what, said }| Malformed { said, ..Malformed::at(&self.path, source.line, what) })?;
            modules.insert(&**name, module);
        }
        let chosen = self.scenarios.iter().filter(|scenario| wanted(&scenario.name));
        let mut ran: Vec<Ran> = chosen.map(|scenario| play::play(scenario, &modules)).collect();
        if let Some(golden) = &self.golden {
            let all = ran.len() == self.scenarios.len();
            let held = Goldens::at(golden).and_then(|goldens| goldens.hold(&mut ran, all, record));
            held.map_err(|error| format!("{}: {error}", golden.display()))?;
        }
        Ok(ran)
    }

    /// A contract's module, built first where it says how.
    fn module(&self, source: &Source) -> Result<Arc<[u8]>, Unbuilt> {
        let module = match &source.given {
            Some(module) => Arc::clone(module),
            None => {
                let here = self.path.parent().unwrap_or(Path::new(""));
                if let Some((program, arguments)) = source.build.split_first() {
                    built(program, arguments, here)?;
                }
                let path = here.join(&source.module);
                std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?.into()
            }
        };
        package(&module).map_err(|error| format!("{} is no contract: {error}", source.module.display()))?;
        Ok(module)
    }
}

/// Why there is no module, and what the command said that should have made it.
struct Unbuilt {
    what: String,
    said: Vec<String>,
}

impl From<String> for Unbuilt {
    fn from(what: String) -> Self {
        Self { what, said: Vec::new() }
    }
}

/// Lines that are kept of what a command says.
const SAID: usize = 400;

/// Runs a command in a directory.
fn built(program: &str, arguments: &[String], here: &Path) -> Result<(), Unbuilt> {
    let here = if here.as_os_str().is_empty() { Path::new(".") } else { here };
    let output = Command::new(program).args(arguments).current_dir(here).output();
    let output = output.map_err(|error| format!("cannot start {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).lines().take(SAID).map(str::to_owned).collect();
    Err(Unbuilt { what: format!("{program} failed ({})", output.status), said })
}

/// Runs all scenarios of a file, in a Rust test. With `SUBVM_RECORD` set, its golden file is written anew.
///
/// ```no_run
/// #[test]
/// fn scenarios_hold() {
///     subvm_testing::scenario::check("tests/token.toml");
/// }
/// ```
///
/// # Panics
/// Where the file cannot be used, or one of its scenarios fails, with all that do.
#[track_caller]
pub fn check(path: impl Into<PathBuf>) {
    let path = path.into();
    let suite = Suite::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let record = std::env::var_os("SUBVM_RECORD").is_some();
    let ran = suite.run(|_| true, record).unwrap_or_else(|error| panic!("{error}\n{}", error.said().join("\n")));
    let failed: Vec<String> = ran.iter().filter_map(|ran| ran.told(&path)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

impl Ran {
    /// A line on why it failed, where it did.
    #[must_use]
    pub fn told(&self, path: &Path) -> Option<String> {
        let Failure { line, what } = self.failure.as_ref()?;
        Some(format!("{}:{line}: {}: {what}", path.display(), self.name))
    }
}
