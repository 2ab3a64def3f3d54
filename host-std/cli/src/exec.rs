//! `subvm exec`: a plain WASI program in one sub-VM.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use subvm_core::host::State;
use subvm_core::{Entry, Message, Mode, Role, Run};

use super::engine::engine;
use super::host::{Output, node};
use super::program::{ProgramOptions, Settings, transact};
use super::report::{Done, fingerprint, tell};
use super::{Failure, input, terminal};
use subvm_host_std::ledger::RedbLedger;

/// Ticks where neither an option nor a configuration says how many: people run interpreters, which no chain's default is for.
const GAS_TIME: u64 = 1_000_000_000_000;
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
    /// What descriptor 0 reads; - for this process's own [default: the extended message]
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
        let output = self.program.output();
        tell(self.run(&output), self.program.json, &output, |done| {
            if let (true, Ok(report)) = (self.fingerprint, &done.result)
                && let Some(taken) = &report.fingerprint
            {
                terminal::err(&format!("fingerprint: {}", fingerprint(taken)));
            }
            Ok(())
        })
    }

    fn run(&self, output: &Output) -> Result<Done, Failure> {
        let Settings { params, deadline, rng, services, cache } = self.program.settings(Some(GAS_TIME))?;
        let (code, malformed) = self.program.package(&self.module, &self.args, true, &params)?;
        let stdin = self.stdin.as_deref().map(|path| input::file_or_stdin(Some(path))).transpose()?;
        let storage = RedbLedger::in_memory().map_err(|error| Failure::Internal(error.to_string()))?;
        let message = Message::default();
        let node = node(message.contract_address, code, self.time, Box::new(storage), output.clone(), rng, &services);
        let engine = engine(cache, self.program.json)?;
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
        };
        Ok(transact(engine, node, run, malformed).1)
    }
}
