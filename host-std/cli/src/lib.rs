//! The command line. Source: `docs/spec/cli.md`.
//!
//! Results go to standard output, diagnostics to standard error. Exit status 126: wrong usage or input that cannot be read; 127: this node
//! failed; 125: a guest's error that has no status of its own.
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic when the reader has gone: see `terminal`")]

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

mod bisect;
mod bundle;
mod calldata;
mod check;
mod completions;
mod config;
mod diff;
mod engine;
mod exec;
mod fingerprint;
#[cfg(unix)]
mod genvm;
mod host;
mod input;
mod inside;
mod inspect;
mod ledger;
mod man;
mod message;
mod names;
mod new;
mod packaged;
mod page;
mod program;
mod progress;
mod python;
mod receipt;
mod replay;
mod report;
mod run;
mod schema;
mod shown;
mod snapshot;
mod terminal;
mod test;
mod told;
mod trace;

/// Wrong usage, or input that cannot be read.
const USAGE: u8 = 126;
/// This node failed.
const INTERNAL: u8 = 127;
/// A guest's error without a status of its own.
const GUEST: u8 = 125;

/// Runs untrusted WebAssembly for blockchain nodes: deterministic, metered, checked by votes.
#[derive(Debug, Parser)]
#[command(name = "subvm", version, max_term_width = 120, propagate_version = true)]
#[command(after_help = "Examples:
  subvm exec hello.wasm
  subvm run --message call.json --store chain contract.wasm
  subvm help run

Exit status: the guest's where it is 0 to 124, 125 for other failures of the guest, 126 for wrong usage or unreadable input, 127 for an internal error.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run a plain WASI program in one sub-VM.
    Exec(Box<exec::Exec>),
    /// Run one transaction on a contract.
    Run(Box<run::Run>),
    /// Run a recording again, with no node, store or network behind it.
    Replay(Box<replay::Replay>),
    /// Find everything that would make a run refuse a module.
    Check(Box<check::Check>),
    /// Compare two receipts, or two recordings to the first host call that differs.
    Diff(diff::Diff),
    /// Work with bundles: packages as they are deployed.
    #[command(subcommand)]
    Bundle(bundle::Bundle),
    /// Look after a store: back it up, verify it, prove what it holds.
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Turn receipts into JSON, and back.
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    /// Write a recorded run as one page to look at.
    Report(Box<page::Report>),
    /// Find the first instruction at which two replays differ.
    Bisect(Box<bisect::Bisect>),
    /// Convert between calldata and its text form.
    #[command(subcommand)]
    Calldata(calldata::Calldata),
    /// Work with the configuration file.
    #[command(subcommand)]
    Config(config::Config),
    /// Show what a module imports, and what lowering makes of it.
    Inspect(inspect::Inspect),
    /// Write a project to begin with.
    New(new::New),
    /// Show what a contract says of its methods and events.
    Schema(schema::Schema),
    /// Start a module, and write it as it is then.
    Snapshot(Box<snapshot::Snapshot>),
    /// Run the scenarios of files: contracts, their callers, votes.
    Test(test::Test),
    /// Work with the fingerprints of failed runs.
    #[command(subcommand)]
    Fingerprint(fingerprint::Fingerprint),
    /// Stand in for GenVM's executor.
    #[cfg(unix)]
    Genvm(Box<genvm::Genvm>),
    /// Print completions for a shell.
    Completions(completions::Completions),
    /// Write manual pages.
    Man(man::Man),
}

/// Why a command has no result.
#[derive(Debug)]
enum Failure {
    /// What the user can mend: status 126.
    Usage(String),
    /// What this node could not do: status 127.
    Internal(String),
}

impl Failure {
    /// Something the user gave that cannot be used: what was being done, and the cause.
    fn usage(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::Usage(format!("{what}: {cause}"))
    }
}

/// Runs the command that the process was given.
///
/// ```no_run
/// // The whole of the `subvm` program.
/// fn main() -> std::process::ExitCode {
///     subvm_cli::main()
/// }
/// ```
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // In colours on a terminal.
            return status(terminal::written(error.print().and_then(|()| io::stdout().flush())).map(|()| 0));
        }
        Err(error) => return failed(USAGE, &misuse(&error)),
    };
    status(match cli.command {
        Command::Exec(exec) => exec.execute(),
        Command::Run(run) => run.execute(),
        Command::Replay(replay) => replay.execute(),
        Command::Check(check) => check.execute(),
        Command::Diff(diff) => diff.execute(),
        Command::Bundle(bundle) => bundle.execute(),
        Command::Ledger(ledger) => ledger.execute(),
        Command::Receipt(receipt) => receipt.execute(),
        Command::Report(report) => report.execute(),
        Command::Bisect(bisect) => bisect.execute(),
        Command::Calldata(calldata) => calldata.execute(),
        Command::Config(config) => config.execute(),
        Command::Inspect(inspect) => inspect.execute(),
        Command::New(new) => new.execute(),
        Command::Schema(schema) => schema.execute(),
        Command::Snapshot(snapshot) => snapshot.execute(),
        Command::Test(test) => test.execute(),
        Command::Fingerprint(fingerprint) => fingerprint.execute(),
        #[cfg(unix)]
        Command::Genvm(genvm) => genvm.execute(),
        Command::Completions(completions) => completions.execute(),
        Command::Man(man) => man.execute(),
    })
}

fn status(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(Failure::Usage(text)) => failed(USAGE, &text),
        Err(Failure::Internal(text)) => failed(INTERNAL, &text),
    }
}

/// One line, whatever a guest or a file put into it: what would be obeyed is shown.
fn line(text: &str) -> String {
    text.chars().map(|c| if is_obeyed(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// JSON, or calldata's text form, that reads as the same value, with what would be obeyed shown: it stands nowhere but in strings, and all of
/// it has an escape of four digits there.
fn escaped(text: &str) -> String {
    text.chars().map(|c| if is_obeyed(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

/// Whether a terminal may obey a character rather than show it: controls, other ends of lines, and what turns the direction of text around.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn failed(status: u8, text: &str) -> ExitCode {
    terminal::err(&format!("error: {text}"));
    ExitCode::from(status)
}

/// What is wrong with the arguments, in one line: what clap says, without its usage and its layout.
fn misuse(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing; try --help".to_owned();
    }
    let text = error.render().to_string();
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let telling =
        paragraphs.filter(|text| !text.is_empty() && !text.starts_with("Usage:") && !text.starts_with("For more"));
    let text = telling.collect::<Vec<_>>().join("; ");
    format!("{}; try --help", text.trim_start_matches("error: "))
}
