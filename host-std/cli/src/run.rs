//! `subvm run`: one transaction on a contract.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use subvm_core::host::{State, Storage};
use subvm_core::{Address, Entry, InternalError, Message, Personality, Profile, Receipt, Report, Role, Vote, vote};

use super::exec::EPOCH;
use super::host::{OneContract, Output, node};
use super::ledger::unusable;
use super::message::{Transaction, transaction};
use super::program::{AtHeight, ProgramOptions, Settings, transact};
use super::report::{Done, tell};
use super::{Failure, input, packaged, python, shown, terminal};
use subvm_host_std::ledger::{Heights, Ledger, LedgerError, RedbLedger};
use subvm_host_std::observe;
use subvm_host_std::observe::voted;

/// Runs one transaction. A run that returns commits its storage atomically; any other leaves the store as it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm run --message call.json --store chain --receipt leader.receipt oracle.wasm
  subvm run --message call.json --store other --role validator --leader leader.receipt --vote oracle.wasm
  subvm run --message call.json --balance 0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0=1000 token.wasm -- --verbose
  subvm run --message call.json --record call.rec oracle.wasm && subvm replay call.rec")]
pub(super) struct Run {
    /// The contract: .wasm, or its text form .wat; with --runner, its source in Python; with --runners, a file in GenVM's packaging
    contract: PathBuf,
    /// Arguments for the contract; one in Python is called by them: a method (or __init__), and its arguments as a map in calldata's text form
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
    /// The message, JSON or calldata text: contract_address, sender_address, calldata; optional: origin_address, chain_id, value, is_init, datetime
    #[arg(long, value_name = "FILE", required_unless_present = "args")]
    message: Option<PathBuf>,
    /// The embedded database, made when missing; `memory` for none
    #[arg(long, value_name = "DIR", default_value = "memory")]
    store: PathBuf,
    /// The height of the block that the run is of, whose rules are in force [default: the one after the store's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    height: Option<u64>,
    /// What an account has before the run; 0 for those that are not named
    #[arg(long, value_name = "ADDRESS=AMOUNT", value_parser = input::balance)]
    balance: Vec<(Address, [u8; 32])>,
    /// The part that this node plays
    #[arg(long, value_enum, default_value_t)]
    role: RoleName,
    /// The leader's receipt
    #[arg(long, value_name = "FILE", required_if_eq_any([("role", "validator"), ("role", "sync")]))]
    leader: Option<PathBuf>,
    /// Write the receipt here
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Print the vote on --leader
    #[arg(long, requires = "leader")]
    vote: bool,
    #[command(flatten)]
    program: ProgramOptions,
}

/// The store that is none.
const MEMORY: &str = "memory";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum RoleName {
    /// Runs non-deterministic blocks and proposes their results
    #[default]
    Leader,
    /// Checks the leader's results
    Validator,
    /// Takes the leader's results on trust
    Sync,
}

impl Run {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        self.remove_old_receipt()?;
        let output = self.program.output(false);
        tell(self.run(&output), self.program.json, &output, |done| terminal::lines(&shown::run(done)))
    }

    fn run(&self, output: &Output) -> Result<Done, Failure> {
        let (at, kept) = self.at_height()?;
        let Settings { params, deadline, rng, services, engine, told } =
            self.program.settings_at(Some(&at), Personality::Seed, None)?;
        let (args, Transaction { message, time }) = self.call(params.profile)?;
        let (code, malformed) = self.program.package(&self.contract, args, &params, &engine)?;
        let leader = self.leader.as_deref().map(leader).transpose()?;
        let results = || leader.as_ref().map(|leader| leader.nondet.clone()).unwrap_or_default();
        let role = match self.role {
            RoleName::Leader => Role::Leader,
            RoleName::Validator => Role::Validator { results: results() },
            RoleName::Sync => Role::Sync { results: results() },
        };
        let recording = self.program.recording(&self.files())?;
        // Opened once: what was found out of it above still holds.
        let mut ledger = kept.map_or_else(|| open(&self.store), Ok)?;
        let storage: Box<dyn Storage> = Box::new(ledger.snapshot().map_err(internal)?);
        let contract = message.contract_address;
        let (balances, output) = (self.balance.iter().copied().collect(), output.clone());
        let others = match self.program.runners() {
            Some(runners) => {
                let storage = Box::new(ledger.snapshot().map_err(internal)?);
                Some(packaged::Deployed::new(storage, runners, &params)?)
            }
            None => None,
        };
        let deploys = others.is_some() && message.is_init;
        let deployed = deploys.then_some(params.profile);
        let host = OneContract { address: contract, code, others, sender: message.sender_address, balances, output };
        let node = node(host, time, storage, rng, &services, self.program.observer());
        let run = subvm_core::Run {
            message,
            entry: Entry::Contract,
            role,
            params: Arc::new(params),
            state: State::Accepted,
            deadline,
            cancel: None,
        };
        let (node, mut done) = transact(engine, node, run, malformed, recording);
        // The snapshot goes before the ledger is written.
        drop(node);
        if let Ok(report) = &done.result {
            self.keep(report, &mut ledger, &contract, deployed)?;
        }
        told.settle(&self.contract, &mut done)?;
        let vote = leader.as_ref().filter(|_| self.vote).map(|leader| own_vote(&done.result, leader));
        vote.iter().for_each(voted);
        let against = match (&vote, &done.result, &leader) {
            (Some(Vote::Disagree(_)), Ok(report), Some(leader)) => shown::sides(leader, &report.receipt),
            _ => Vec::new(),
        };
        Ok(Done { vote, against, ..done })
    }

    /// The height, and the rules that the store keeps; and the store. One that is not there yet is not made for that.
    fn at_height(&self) -> Result<(AtHeight, Option<RedbLedger>), Failure> {
        let is_there = self.store != Path::new(MEMORY) && self.store.join(RedbLedger::FILE).exists();
        let mut ledger = if is_there { Some(open(&self.store)?) } else { None };
        let heights = ledger.as_mut().map(|ledger| ledger.heights().map_err(internal)).transpose()?;
        let next = heights.unwrap_or_default().accepted + 1;
        let kept = ledger.as_mut().map(|ledger| ledger.rules().map_err(unusable)).transpose()?.flatten();
        let height = self.height.unwrap_or(next);
        let Heights { accepted, finalized } = heights.unwrap_or_default();
        let lowest = accepted.max(finalized + 1);
        if height < lowest {
            return Err(Failure::Usage(LedgerError::Height { given: height, lowest }.to_string()));
        }
        Ok((AtHeight { height, kept }, ledger))
    }

    /// The arguments of the package, and what is asked of it.
    fn call(&self, profile: Profile) -> Result<(&[String], Transaction), Failure> {
        let packaged = self.program.runners().is_some();
        let is_called = packaged || python::is_source(&self.contract);
        let called = || if packaged { packaged::called(&self.args, profile) } else { python::called(&self.args) };
        let Some(path) = &self.message else {
            if !is_called {
                let why =
                    "name the file of a message; only contracts in Python, or with --runners, are called by arguments";
                return Err(Failure::usage("--message is missing", why));
            }
            let time = input::instant(EPOCH).map_err(Failure::Internal)?;
            return Ok((&[], Transaction { message: called()?, time }));
        };
        let mut asked = transaction(path)?;
        if !is_called || self.args.is_empty() {
            return Ok((&self.args, asked));
        }
        // Who calls, and when, is the message's; what is called, the arguments'.
        let Message { entry_data, is_init, .. } = called()?;
        asked.message = Message { entry_data, is_init, ..asked.message };
        Ok((&[], asked))
    }

    /// What it reads and writes.
    fn files(&self) -> Vec<&Path> {
        let named = [Some(&self.contract), self.message.as_ref(), self.leader.as_ref(), self.receipt.as_ref()];
        named.into_iter().flatten().map(PathBuf::as_path).collect()
    }

    /// A receipt of an earlier run must not be taken for this one's, however this one ends.
    fn remove_old_receipt(&self) -> Result<(), Failure> {
        let Some(receipt) = &self.receipt else { return Ok(()) };
        let Ok(old) = receipt.canonicalize() else { return Ok(()) };
        let mut inputs = [Some(&self.contract), self.message.as_ref(), self.leader.as_ref()].into_iter().flatten();
        if inputs.any(|input| input.canonicalize().is_ok_and(|input| input == old)) {
            return Err(unwritable(receipt, "it is read by this run; name another file"));
        }
        let found = std::fs::metadata(&old).map_err(|error| unwritable(receipt, error))?;
        if let Some(kind) = input::no_file(found.file_type()) {
            return Err(unwritable(receipt, format_args!("it is {kind}; name a file, which will be replaced")));
        }
        std::fs::remove_file(receipt).map_err(|error| unwritable(receipt, error))
    }

    /// Writes the receipt and commits the storage of a run that returned: the receipt first, under another name, so that what cannot be
    /// written leaves the store as it was.
    /// Where the contract is `deployed` by a line's rules, its code is stored as well.
    fn keep(
        &self,
        report: &Report,
        ledger: &mut RedbLedger,
        contract: &Address,
        deployed: Option<Profile>,
    ) -> Result<(), Failure> {
        let written = self.receipt.as_deref().map(|path| Part::write(path, &report.receipt)).transpose()?;
        if report.receipt.returned() {
            let next = ledger.heights().map_err(internal)?.accepted + 1;
            let height = self.height.unwrap_or(next);
            let written = &report.receipt.storage;
            match deployed {
                None => ledger.apply(contract, written, height),
                Some(profile) => {
                    let pages = packaged::with_code(&input::file(&self.contract)?, profile, written)?;
                    ledger.apply(contract, &pages, height)
                }
            }
            .map_err(internal)?;
        }
        written.map_or(Ok(()), Part::finish)
    }
}

/// A receipt that is written, under another name than it will have.
struct Part<'a> {
    path: &'a Path,
    part: PathBuf,
}

impl<'a> Part<'a> {
    fn write(path: &'a Path, receipt: &Receipt) -> Result<Self, Failure> {
        let part = Self { path, part: path.with_added_extension("part") };
        let write = || {
            let mut file = std::fs::File::create(&part.part)?;
            file.write_all(&receipt.to_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| unwritable(path, error))?;
        Ok(part)
    }

    /// Gives it its name.
    fn finish(self) -> Result<(), Failure> {
        std::fs::rename(&self.part, self.path).map_err(|error| unwritable(self.path, error))
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        // What has its name is not here any more.
        let _ = std::fs::remove_file(&self.part);
    }
}

fn unwritable(receipt: &Path, why: impl Display) -> Failure {
    Failure::usage(format_args!("cannot write the receipt to {}", receipt.display()), why)
}

fn internal(error: LedgerError) -> Failure {
    Failure::Internal(observe::chain(&error))
}

fn own_vote(result: &Result<Report, InternalError>, leader: &Receipt) -> Vote {
    match result {
        Ok(report) => report.vote(leader),
        Err(error) => vote(Err(Box::from(super::report::chain(error))), leader),
    }
}

fn open(store: &Path) -> Result<RedbLedger, Failure> {
    let opened = if store == Path::new(MEMORY) { RedbLedger::in_memory() } else { RedbLedger::open(store) };
    opened.map_err(|error| Failure::Usage(error.to_string()))
}

fn leader(path: &Path) -> Result<Receipt, Failure> {
    let bytes = input::file(path)?;
    Receipt::from_bytes(&bytes)
        .map_err(|error| Failure::usage(format_args!("the leader's receipt {}", path.display()), error))
}
