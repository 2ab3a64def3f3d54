//! A complete host in one file: all five parts of a node in memory, two transactions, and what they leave behind.
//!
//! ```text
//! cargo run --locked -p subvm-host-std --example custom_host
//! ```
//!
//! The contract is the oracle's: it asks the web for a price. Here the web is a map of pages, so that nothing leaves the process.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::wasi::Refused;
use subvm_core::{
    Address, Entry, Message, Outcome, Package, PageWrite, Params, Parts, Receipt, Role, Run, SlotId, run,
};
use subvm_host_std::WasmtimeEngine;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CONTRACT: Address = Address([0xc0; 20]);
/// 2026-01-01T00:00:00Z.
const NOW: u64 = 1_767_225_600_000_000_000;

fn main() -> Result<()> {
    let engine = Arc::new(WasmtimeEngine::new()?);
    let parts = Parts { start: include_bytes!("oracle/oracle.wasm").as_slice().into(), ..Parts::default() };
    // Checked once, where a chain takes a contract in.
    let package = Arc::new(parts.check(&Refused::default())?);
    let state = Chain::default();
    state.fund(CONTRACT, 1000);

    for call in [
        Map::from([("method", Value::from("ask")), ("url", Value::from("https://example.org/price"))]),
        Map::from([("method", Value::from("get"))]),
    ] {
        let node = node(&state, Arc::clone(&package));
        let message = Message {
            contract_address: CONTRACT,
            entry_data: Value::from(call.clone()).encode()?,
            ..Message::default()
        };
        let (_node, report) = run(
            engine.clone(),
            node,
            Run {
                message,
                entry: Entry::Contract,
                role: Role::Leader,
                params: Arc::new(Params::default()),
                state: State::Accepted,
                deadline: Some(Duration::from_secs(30)),
                cancel: None,
            },
        );
        let report = report?;
        let Outcome::Return(value) = &report.outcome else {
            return Err(format!("the contract failed: {:?}", report.outcome).into());
        };
        println!("{}\n  returned {}", Value::from(call), Value::decode(value)?);
        // A run that returned left its pages and messages in the receipt; nothing happened so far.
        state.apply(&CONTRACT, &report.receipt);
        println!("  wrote {} pages", report.receipt.storage.len());
        for message in &report.receipt.messages {
            println!("  sent {}", Value::decode(message)?);
        }
    }
    state.finalize();
    Ok(())
}

/// The chain's state: what `Storage` and `Host` read, and what receipts are applied to. Clones share it.
#[derive(Clone, Debug, Default)]
struct Chain(Arc<Mutex<Accounts>>);

type PageOf = (Address, SlotId, u32);

#[derive(Debug, Default)]
struct Accounts {
    /// Pages of 32 bytes, by contract, slot and number: those that are final, and those that were accepted since.
    finalized: BTreeMap<PageOf, [u8; 32]>,
    accepted: BTreeMap<PageOf, [u8; 32]>,
    balances: BTreeMap<Address, u128>,
}

impl Chain {
    fn fund(&self, address: Address, amount: u128) {
        self.with(|accounts| accounts.balances.insert(address, amount));
    }

    /// What a chain does with a receipt that it decided on: all pages, or none.
    fn apply(&self, contract: &Address, receipt: &Receipt) {
        let pages = receipt.storage.iter();
        self.with(|accounts| {
            let written = pages.map(|PageWrite { slot, page, content }| ((*contract, *slot, *page), *content));
            accounts.accepted.extend(written);
        });
    }

    /// What was accepted is final from now on.
    fn finalize(&self) {
        self.with(|accounts| {
            let accepted = std::mem::take(&mut accounts.accepted);
            accounts.finalized.extend(accepted);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Accounts) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// All that one run is given. A node with a database hands in a snapshot, which does not move while the run lasts.
fn node(chain: &Chain, package: Arc<Package>) -> Node {
    Node {
        storage: Box::new(chain.clone()),
        clock: Box::new(BlockClock { started: Instant::now() }),
        rng: Box::new(OsRng),
        host: Box::new(Contracts { chain: chain.clone(), package }),
        modules: Box::new(Pages::default()),
        observer: None,
    }
}

impl Storage for Chain {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> std::result::Result<(), HostError> {
        self.with(|accounts| {
            for (byte, at) in into.iter_mut().zip(u64::from(index)..) {
                let page = &(*contract, *slot, (at / 32) as u32);
                let accepted = accounts.accepted.get(page).filter(|_| state == State::Accepted);
                let page = accepted.or_else(|| accounts.finalized.get(page));
                *byte = page.map_or(0, |page| page[(at % 32) as usize]);
            }
        });
        Ok(())
    }
}

/// The block's instant, the same on every node; and the machine's time, for deadlines.
struct BlockClock {
    started: Instant,
}

impl Clock for BlockClock {
    fn transaction_time(&self) -> u64 {
        NOW
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Secure bytes: only non-deterministic code gets them.
struct OsRng;

impl Rng for OsRng {
    fn fill(&mut self, into: &mut [u8]) -> std::result::Result<(), HostError> {
        getrandom::fill(into).map_err(|error| error.to_string().into())
    }
}

/// A chain with one contract.
struct Contracts {
    chain: Chain,
    package: Arc<Package>,
}

impl Host for Contracts {
    fn balance(&mut self, _: State, address: &Address) -> std::result::Result<[u8; 32], HostError> {
        let balance = self.chain.with(|accounts| accounts.balances.get(address).copied().unwrap_or_default());
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&balance.to_le_bytes());
        Ok(bytes)
    }

    fn code(&mut self, _: State, address: &Address) -> std::result::Result<Code, HostError> {
        Ok(if *address == CONTRACT { Code::Package(Arc::clone(&self.package)) } else { Code::Nothing })
    }

    fn locked_slots(&mut self, _: &Address) -> std::result::Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> std::result::Result<EthAnswer, HostError> {
        Ok(EthAnswer::Refused)
    }

    fn output(&mut self, _: Stream, bytes: &[u8]) {
        // A guest prints as much as it pays for; this is enough to see.
        print!("  > {}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
    }
}

/// A web of one page. Answers are there at once; a real module works in threads of its own meanwhile, and `wait` waits.
#[derive(Debug, Default)]
struct Pages {
    ready: VecDeque<(RequestId, Vec<u8>)>,
    started: u64,
}

impl Modules for Pages {
    fn start(&mut self, request: &[u8]) -> std::result::Result<RequestId, HostError> {
        let request = Value::decode(request)?;
        let fields = request.as_map().and_then(|request| request.get("WebRequest")?.as_map());
        let url = fields.and_then(|fields| fields.get("url")?.as_str()).ok_or("this node has no such module")?;
        // A failure of the world is a result, not an error.
        let answer = match url {
            "https://example.org/price" => Map::from([("ok", page("101.25"))]),
            _ => Map::from([("error", Value::from("unreachable"))]),
        };
        let id = RequestId(self.started);
        self.started += 1;
        self.ready.push_back((id, Value::from(answer).encode()?));
        Ok(id)
    }

    fn wait(&mut self, id: RequestId, _at_most: Duration) -> std::result::Result<Progress, HostError> {
        let at = self.ready.iter().position(|(ready, _)| *ready == id).ok_or("no such request")?;
        let (_, answer) = self.ready.remove(at).ok_or("no such request")?;
        Ok(Progress::Ready(answer))
    }

    fn cancel(&mut self, id: RequestId) {
        self.ready.retain(|(ready, _)| *ready != id);
    }
}

fn page(body: &str) -> Value {
    let headers = Value::from(Map::new());
    Value::from(Map::from([("body", Value::Bytes(body.into())), ("headers", headers), ("status", Value::from(200))]))
}

#[test]
fn it_runs() {
    main().unwrap();
}

/// Whoever writes a host has the kit check it.
#[test]
fn it_keeps_the_promises_of_the_traits() {
    use subvm_host_mock::conformance::{self, HostSample, ModulesSample, Written};

    let package = || {
        let parts = Parts { start: b"\0asm\x01\0\0\0".as_slice().into(), ..Parts::default() };
        Arc::new(parts.check(&Refused::default()).unwrap())
    };
    let holding = |pages: &[Written]| {
        let chain = Chain::default();
        for Written { state, contract, page: PageWrite { slot, page, content } } in pages {
            let place = (*contract, *slot, *page);
            chain.with(|accounts| match state {
                State::Accepted => accounts.accepted.insert(place, *content),
                State::Finalized => accounts.finalized.insert(place, *content),
            });
        }
        chain
    };
    conformance::storage(holding).unwrap();
    let request = |name| {
        let fields = Map::from([("url", Value::from("https://example.org/price"))]);
        Value::from(Map::from([(name, Value::from(fields))])).encode().unwrap()
    };
    let sample = ModulesSample { request: request("WebRequest"), unknown: Some(request("ExecPrompt")) };
    conformance::modules(&sample, Pages::default).unwrap();
    conformance::clock(|| BlockClock { started: Instant::now() }).unwrap();
    conformance::rng(|| OsRng).unwrap();
    let sample = HostSample { contract: CONTRACT, nobody: Address([1; 20]) };
    conformance::host(sample, || Contracts { chain: Chain::default(), package: package() }).unwrap();
}
