//! `subvm test`: scenarios in files, for contracts in any language.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value as Json, json};
use subvm_core::Outcome;
use subvm_core::calldata::Value;
use subvm_testing::Transaction;
use subvm_testing::scenario::{Failure as Why, Ran, Suite, Taken};

use super::input::{self, Pair};
use super::{Failure, escaped, terminal};

/// A scenario failed.
const FAILED: u8 = 1;

/// Runs the scenarios of files: contracts on a chain in memory, on the real engine, with a leader, validators and their votes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm test token.toml
  subvm test --filter transfer --json token.toml oracle.json
  subvm test --contract token=token-in-c.wasm token.toml

The files are described in docs/spec/testing.md.
Exit status: 0 where all scenarios hold, 1 where one fails, 126 for wrong usage or files that make no sense.")]
pub(super) struct Test {
    /// Files of scenarios: TOML, or JSON where the name ends so
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Run the scenarios whose name has this in it
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Write the golden files anew: what the scenarios that hold use of gas
    #[arg(long)]
    record: bool,
    /// Put another module in the place of a contract's (repeatable); gas is then held to nothing
    #[arg(long, value_name = "NAME=FILE", conflicts_with = "record")]
    contract: Vec<Pair>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Test {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let mut suites = Vec::new();
        for file in &self.files {
            let mut suite = Suite::load(file).map_err(malformed)?;
            for Pair { left, right } in &self.contract {
                let module = input::module(Path::new(right))?;
                suite.replace(left, module).map_err(malformed)?;
            }
            suites.push(suite);
        }
        let (mut passed, mut failed, mut objects) = (0, 0, Vec::new());
        for (file, suite) in self.files.iter().zip(&suites) {
            let ran = suite.run(|name| name.contains(&self.filter), self.record).map_err(malformed)?;
            let fails = ran.iter().filter(|ran| ran.failure.is_some()).count();
            (passed, failed) = (passed + ran.len() - fails, failed + fails);
            if self.json {
                objects.extend(ran.iter().map(|ran| as_json(file, ran)));
            } else {
                terminal::lines(&for_people(file, &ran))?;
            }
        }
        if passed + failed == 0 {
            return Err(Failure::Usage(self.nothing(&suites)));
        }
        if self.json {
            terminal::json(&json!({ "passed": passed, "failed": failed, "scenarios": objects }))?;
        } else {
            terminal::out(format!("{passed} hold, {failed} fail\n"))?;
        }
        Ok(if failed == 0 { 0 } else { FAILED })
    }

    fn nothing(&self, suites: &[Suite]) -> String {
        let names: Vec<&str> = suites.iter().flat_map(Suite::names).collect();
        match &*self.filter {
            "" => "there is no scenario in these files".to_owned(),
            filter => format!("no scenario has {filter:?} in its name; there are: {}", names.join(", ")),
        }
    }
}

/// What a command said that was to build a contract stands before the error: each line as it was.
fn malformed(error: subvm_testing::scenario::Malformed) -> Failure {
    error.said().iter().for_each(|line| terminal::err(line));
    Failure::Usage(error.to_string())
}

/// A line for each scenario, and for each that fails why.
fn for_people(file: &Path, ran: &[Ran]) -> Vec<String> {
    let each = ran.iter().flat_map(|ran| {
        let word = if ran.failure.is_none() { "holds" } else { "FAILS" };
        let told = ran.failure.as_ref().map(|Why { line, what, .. }| format!("{}:{line}: {what}", file.display()));
        let why = told.iter().flat_map(|told| told.lines()).map(|line| format!("         {line}"));
        [format!("  {word}  {}", ran.name)].into_iter().chain(why).collect::<Vec<_>>()
    });
    [file.display().to_string()].into_iter().chain(each).collect()
}

fn as_json(file: &Path, Ran { name, line, failure, taken, .. }: &Ran) -> Json {
    json!({
        "file": file.display().to_string(),
        "name": name,
        "line": line,
        "failure": failure.as_ref().map(|Why { line, what, .. }| json!({ "line": line, "what": what })),
        "transactions": taken.iter().map(transaction).collect::<Vec<_>>(),
    })
}

fn transaction(Taken { line, step, transaction, .. }: &Taken) -> Json {
    let Transaction { leader, internal, votes, accepted, .. } = transaction;
    let failure = leader.as_ref().and_then(|report| report.failure());
    let (outcome, value, message) = match (leader.as_ref().map(|report| &report.outcome), internal) {
        (Some(Outcome::Return(bytes)), _) => ("return", Some(text(bytes)), None),
        (Some(Outcome::UserError(_) | Outcome::UserValue(_)), _) => ("user_error", None, failure),
        (Some(Outcome::VmError(_)), _) => ("vm_error", None, failure),
        (None, internal) => ("internal_error", None, internal.clone()),
    };
    let gas = leader.as_ref().map(|report| report.receipt.gas).unwrap_or_default();
    json!({
        "line": line,
        "step": step,
        "outcome": outcome,
        "value": value,
        "message": message,
        "diagnostics": leader.as_ref().map_or(&[][..], |report| &report.diagnostics),
        "accepted": accepted,
        "votes": votes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "disagreements": transaction.disagreements,
        "gas": { "time": gas.time, "storage": gas.storage, "data": gas.data },
        "receipt_digest": leader.as_ref().map(|_| transaction.receipt()),
    })
}

fn text(bytes: &[u8]) -> String {
    Value::decode(bytes).map_or_else(|error| error.to_string(), |value| escaped(&value.to_string()))
}
