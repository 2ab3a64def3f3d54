//! `subvm run`: one transaction on a contract.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use subvm_core::calldata::{Int, Map, Value};
use subvm_core::host::{State, Storage};
use subvm_core::{Address, Entry, InternalError, Message, Outcome, Receipt, Report, Role, Vote, run, vote};

use super::engine::engine;
use super::exec::EPOCH;
use super::host::{Output, node};
use super::program::{ProgramOptions, Settings};
use super::report::{Told, fingerprint, hex, text};
use super::{Failure, input, line};
use crate::ledger::{Ledger, RedbLedger};

/// Runs one transaction. A run that returns commits its storage atomically; any other leaves the store as it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm run --message call.json --store chain --receipt leader.receipt oracle.wasm
  subvm run --message call.json --store other --role validator --leader leader.receipt --vote oracle.wasm")]
pub(super) struct Run {
    /// The contract: .wasm, or its text form .wat
    contract: PathBuf,
    /// The message, JSON or calldata text: contract_address, sender_address, calldata; optional: origin_address, chain_id, value, is_init, datetime
    #[arg(long, value_name = "FILE")]
    message: PathBuf,
    /// The embedded database, made when missing; `memory` for none
    #[arg(long, value_name = "DIR", default_value = "memory")]
    store: PathBuf,
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
        let Settings { params, deadline, rng, services, cache } = self.program.settings()?;
        let (code, malformed) = self.program.package(&self.contract, &[], false, &params)?;
        let Transaction { message, time } = transaction(&self.message)?;
        let leader = self.leader.as_deref().map(leader).transpose()?;
        let results = || leader.as_ref().map(|leader| leader.nondet.clone()).unwrap_or_default();
        let role = match self.role {
            RoleName::Leader => Role::Leader,
            RoleName::Validator => Role::Validator { results: results() },
            RoleName::Sync => Role::Sync { results: results() },
        };
        let mut ledger = open(&self.store)?;
        let storage: Box<dyn Storage> =
            Box::new(ledger.snapshot().map_err(|error| Failure::Internal(error.to_string()))?);
        let output = if self.program.json { Output::Kept(Arc::default()) } else { Output::Through };
        let contract = message.contract_address;
        let node = node(contract, code, time, storage, output.clone(), rng, &services);
        let engine = engine(cache, self.program.json)?;
        let start = Instant::now();
        let (node, mut result) = run(
            Arc::new(engine),
            node,
            subvm_core::Run {
                message,
                entry: Entry::Contract,
                role,
                params: Arc::new(params),
                state: State::Accepted,
                deadline,
            },
        );
        // The snapshot goes before the ledger is written.
        drop(node);
        let wall = start.elapsed();
        if let (Ok(report), Some(why)) = (&mut result, malformed) {
            report.diagnostics.push(why);
        }
        let vote = leader.as_ref().filter(|_| self.vote).map(|leader| own_vote(&result, leader));
        if let Ok(report) = &result {
            self.keep(report, &mut ledger, &contract)?;
        }
        let told = Told { result: &result, vote: vote.as_ref(), wall, output: &output };
        if self.program.json {
            println!("{}", told.json());
        } else {
            told.explain();
            print(&result, vote.as_ref());
        }
        Ok(told.status())
    }

    /// Writes the receipt and commits the storage of a run that returned: the receipt first, under another name, so that what cannot be
    /// written leaves the store as it was.
    fn keep(&self, report: &Report, ledger: &mut RedbLedger, contract: &Address) -> Result<(), Failure> {
        let unwritable =
            |path: &Path, error| Failure::usage(format_args!("cannot write the receipt to {}", path.display()), error);
        let written = self.receipt.as_ref().map(|path| (path, path.with_added_extension("part")));
        if let Some((path, part)) = &written {
            std::fs::write(part, report.receipt.to_octets()).map_err(|error| unwritable(path, error))?;
        }
        let internal = |error: crate::ledger::LedgerError| Failure::Internal(error.to_string());
        if report.receipt.returned() {
            let height = ledger.heights().map_err(internal)?.accepted + 1;
            ledger.apply(contract, &report.receipt.storage, height).map_err(internal)?;
        }
        match &written {
            Some((path, part)) => std::fs::rename(part, path).map_err(|error| unwritable(path, error)),
            None => Ok(()),
        }
    }
}

fn own_vote(result: &Result<Report, InternalError>, leader: &Receipt) -> Vote {
    match result {
        Ok(report) => report.vote(leader),
        Err(error) => vote(Err(Box::from(super::report::chain(error))), leader),
    }
}

fn open(store: &Path) -> Result<RedbLedger, Failure> {
    let opened = if store == Path::new("memory") { RedbLedger::in_memory() } else { RedbLedger::open(store) };
    opened.map_err(|error| Failure::Usage(error.to_string()))
}

fn leader(path: &Path) -> Result<Receipt, Failure> {
    let octets = input::file(path)?;
    Receipt::from_octets(&octets)
        .map_err(|error| Failure::usage(format_args!("the leader's receipt {}", path.display()), error))
}

/// What people read.
fn print(result: &Result<Report, InternalError>, vote: Option<&Vote>) {
    if let Ok(report) = result {
        match &report.outcome {
            Outcome::Return(value) => println!("return:   {}", text(value)),
            Outcome::UserError(error) => println!("error:    {}", line(error)),
            Outcome::VmError(error) => println!("error:    {error}"),
        }
        let gas = report.receipt.gas;
        println!("gas:      {} time, {} storage, {} data", gas.time, gas.storage, gas.data);
        if let Some(taken) = &report.fingerprint {
            println!("machine:  {}", fingerprint(taken));
        }
        println!("receipt:  {}", hex(&report.receipt.digest()));
    }
    if let Some(vote) = vote {
        println!("vote:     {vote}");
    }
}

/// A message and its instant.
struct Transaction {
    message: Message,
    time: u64,
}

const FIELDS: [&str; 8] =
    ["contract_address", "sender_address", "origin_address", "chain_id", "value", "is_init", "datetime", "calldata"];

fn transaction(path: &Path) -> Result<Transaction, Failure> {
    let what = format!("the message {}", path.display());
    let parsed = input::text(input::file(path)?, &what)?;
    let value: Value = parsed.parse().map_err(|error| Failure::usage(&what, error))?;
    from_fields(&value).map_err(|error| Failure::usage(&what, error))
}

fn from_fields(value: &Value) -> Result<Transaction, String> {
    let map = value.as_map().ok_or("it has to be a map of fields")?;
    if let Some(unknown) = map.keys().find(|key| !FIELDS.contains(key)) {
        return Err(format!("unknown field {unknown:?}; there are {}", FIELDS.join(", ")));
    }
    let sender = address(map, "sender_address")?.ok_or("sender_address is missing")?;
    let calldata = map.get("calldata").ok_or("calldata is missing")?;
    let datetime = map.get("datetime").map_or(Some(EPOCH), Value::as_str).ok_or("datetime has to be a string")?;
    Ok(Transaction {
        message: Message {
            contract_address: address(map, "contract_address")?.ok_or("contract_address is missing")?,
            sender_address: sender,
            origin_address: address(map, "origin_address")?.unwrap_or(sender),
            stack: Vec::new(),
            chain_id: integer(map, "chain_id")?,
            value: integer(map, "value")?,
            is_init: map.get("is_init").map_or(Some(false), Value::as_bool).ok_or("is_init has to be true or false")?,
            entry_data: calldata.encode().map_err(|error| error.to_string())?,
        },
        time: input::instant(datetime).map_err(|error| format!("datetime: {error}"))?,
    })
}

/// An address: calldata's own, or as JSON has it, 40 hexadecimal digits in a string.
fn address(map: &Map, name: &str) -> Result<Option<Address>, String> {
    let Some(value) = map.get(name) else { return Ok(None) };
    let from_text = |text: &str| {
        let text = text.strip_prefix("0x").unwrap_or(text);
        format!("addr#{text}").parse::<Value>().ok().and_then(|value| value.as_address())
    };
    let address = value.as_address().or_else(|| value.as_str().and_then(from_text));
    address.map(Some).ok_or_else(|| format!("{name} has to be an address: 40 hexadecimal digits"))
}

fn integer(map: &Map, name: &str) -> Result<Int, String> {
    let Some(value) = map.get(name) else { return Ok(Int::from(0)) };
    let int = value.as_int().filter(|int| int.to_u256_le().is_some());
    int.cloned().ok_or_else(|| format!("{name} has to be an integer from 0 to 2^256 - 1"))
}
