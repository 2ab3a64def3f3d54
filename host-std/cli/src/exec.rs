//! `subvm exec`: a plain WASI program in one sub-VM.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use subvm_core::host::State;
use subvm_core::{Entry, Message, Mode, Personality, Role, Run};

use super::host::{OneContract, Output, node};
use super::program::{ProgramOptions, Settings, transact};
use super::report::{Done, tell};
use super::{Failure, input, shown, terminal};
use subvm_host_std::ledger::RedbLedger;

/// Ticks where neither an option nor a configuration says how many: people run interpreters, which no chain's default is for.
pub(super) const GAS_TIME: u64 = 1_000_000_000_000;
/// The instant when none is given.
pub(super) const EPOCH: &str = "2024-01-01T00:00:00Z";

/// Runs a program. Its exit status is this command's where it is 0 to 124; 125 stands for every other failure of the guest.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm exec hello.wasm
  subvm exec --map data=/data --env MODE=fast report.wasm -- /data/input.txt
  subvm exec --json --deadline 10s --gas-time 1000000000 program.wasm")]
pub(super) struct Exec {
    /// The module: .wasm, or its text form .wat
    module: PathBuf,
    /// Arguments for the program
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
    /// Whether every node must reproduce the run
    #[arg(long, value_enum, default_value_t)]
    mode: ModeName,
    /// What descriptor 0 reads; - for this process's own, `message` for the extended message of an empty transaction [default: nothing]
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// The instant that the program sees
    #[arg(long, value_name = "RFC3339", default_value = EPOCH, value_parser = input::instant)]
    time: u64,
    /// Print the fingerprint of a failure on standard error
    #[arg(long)]
    fingerprint: bool,
    #[command(flatten)]
    program: ProgramOptions,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ModeName {
    /// Deterministic
    #[default]
    Det,
    /// Non-deterministic
    Nondet,
}

impl Exec {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let output = self.program.output(true);
        tell(self.run(&output), self.program.json, &output, |done| {
            if let (true, Ok(report)) = (self.fingerprint, &done.result)
                && let Some(taken) = &report.fingerprint
            {
                shown::fingerprint("fingerprint", taken).iter().for_each(|line| terminal::err(line));
            }
            Ok(())
        })
    }

    fn run(&self, output: &Output) -> Result<Done, Failure> {
        let Settings { params, deadline, rng, services, engine, told } =
            self.program.settings(Personality::Program, Some(GAS_TIME))?;
        let (code, malformed) = self.program.package(&self.module, &self.args, &params, &engine)?;
        let stdin = match self.stdin.as_deref() {
            None => Some(Vec::new()),
            Some(message) if message == Path::new("message") => None,
            path => Some(input::file_or_stdin(path)?),
        };
        let storage = RedbLedger::in_memory().map_err(|error| Failure::Internal(error.to_string()))?;
        let message = Message::default();
        let (address, output) = (message.contract_address, output.clone());
        let program = OneContract {
            address,
            code,
            others: None,
            sender: message.sender_address,
            balances: BTreeMap::new(),
            output,
        };
        let node = node(program, self.time, Box::new(storage), rng, &services, self.program.observer());
        let mode = match self.mode {
            ModeName::Det => Mode::Deterministic,
            ModeName::Nondet => Mode::NonDeterministic,
        };
        let run = Run {
            message,
            entry: Entry::Program { mode, stdin: stdin.map(Arc::from) },
            role: Role::Leader,
            params: Arc::new(params),
            state: State::Accepted,
            deadline,
            cancel: None,
        };
        let recording = self.program.recording(&[&self.module])?;
        let mut done = transact(engine, node, run, malformed, recording).1;
        told.settle(&self.module, &mut done)?;
        Ok(done)
    }
}
