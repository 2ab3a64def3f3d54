//! Two nodes that run one transaction and disagree: the second one's processor rounds wrongly, in one function. `docs/divergence.md` finds it.
//!
//! ```text
//! cargo run --locked -p subvm-cli --example divergence -- DIRECTORY
//! ```
//!
//! It writes `ours.rec`, `ours.receipt`, `theirs.rec` and `theirs.receipt` into the directory, which is there.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use subvm_core::host::{Code, EthAnswer, Host, HostError, Node, State, Stream};
use subvm_core::wasi::Refused;
use subvm_core::{Address, Entry, Message, Package, Params, Parts, Report, Role, Run, SlotId, run};
use subvm_host_std::WasmtimeEngine;
use subvm_host_std::clock::SystemClock;
use subvm_host_std::ledger::RedbLedger;
use subvm_host_std::look::Fault;
use subvm_host_std::modules::ModuleSet;
use subvm_host_std::observe;
use subvm_host_std::random::SystemRng;
use subvm_host_std::replay::{Options, Recorder};

const CONTRACT: Address = Address([0xc0; 20]);

/// Keeps the rounded means of some prices in storage.
const MEAN: &str = include_str!("prices.wat");

/// Where the second node rounds wrongly.
const WRONG: Fault = Fault { function: 2 };

/// The function that `cargo run` starts.
#[allow(dead_code, reason = "a test includes this file and calls `disagree` alone")]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("name a directory: it gets the recordings and the receipts")?;
    println!("{}", disagree(Path::new(&directory))?);
    Ok(())
}

/// Both nodes run the transaction, and write what they recorded; what the second votes on the first's receipt.
pub(crate) fn disagree(directory: &Path) -> Result<String, Box<dyn Error>> {
    let ours = transact(Arc::new(WasmtimeEngine::new()?), &directory.join("ours"))?;
    let faulty = WasmtimeEngine::builder().look(WRONG.look()).build()?;
    let theirs = transact(Arc::new(faulty), &directory.join("theirs"))?;
    let vote = theirs.vote(&ours.receipt);
    // This is what raises the counter that a node's operator watches.
    observe::voted(&vote);
    Ok(vote.to_string())
}

fn transact(engine: Arc<WasmtimeEngine>, path: &Path) -> Result<Report, Box<dyn Error>> {
    let ledger = RedbLedger::in_memory()?;
    let node = Node {
        storage: Box::new(ledger.snapshot()?),
        clock: Box::new(SystemClock::new(1_767_225_600_000_000_000)),
        rng: Box::new(SystemRng::new()),
        host: Box::new(Chain(package()?)),
        modules: Box::new(ModuleSet::new(1)),
        observer: None,
    };
    // With the code, so that the recording can be replayed alone.
    let options = Options { code: true, ..Options::default() };
    let (node, recorder) = Recorder::wrap(node, File::create(path.with_extension("rec"))?, options);
    let transaction = Run {
        message: Message { contract_address: CONTRACT, ..Message::default() },
        entry: Entry::Contract,
        role: Role::Leader,
        params: Arc::new(Params::default()),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    let (node, report) = run(engine, node, transaction);
    let (_, recorded) = recorder.finish(node);
    if let Some(why) = recorded.incomplete {
        return Err(why.into());
    }
    let report = report?;
    fs::write(path.with_extension("receipt"), report.receipt.to_bytes())?;
    Ok(report)
}

fn package() -> Result<Arc<Package>, Box<dyn Error>> {
    let parts = Parts { start: wat::parse_str(MEAN)?.into(), ..Parts::default() };
    Ok(Arc::new(parts.check(&Refused::default())?))
}

/// A chain with one contract and no money.
struct Chain(Arc<Package>);

impl Host for Chain {
    fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
        Ok([0; 32])
    }

    fn code(&mut self, _: State, address: &Address) -> Result<Code, HostError> {
        Ok(if *address == CONTRACT { Code::Package(Arc::clone(&self.0)) } else { Code::Nothing })
    }

    fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
        Ok(EthAnswer::Refused)
    }

    fn output(&mut self, _: Stream, _: &[u8]) {}
}
