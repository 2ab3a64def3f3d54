//! The main job: a contract asks the web, a leader proposes the answer, validators check it without seeing what else it came to, and vote.
//!
//! ```text
//! cargo run --release --locked -p subvm-host-std --example oracle
//! cargo run --release --locked -p subvm-host-std --example oracle -- --tamper
//! ```
//!
//! Everything is real: the contract is WebAssembly (its source is beside this file), each node has an embedded store of its own, and the
//! page is served over HTTP, by this process on loopback. `--tamper` changes one byte of what the leader proposes.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Code, EthAnswer, Host, HostError, Node, State, Stream};
use subvm_core::wasi::Refused;
use subvm_core::{
    Address, Engine, Entry, Message, Outcome, Package, Params, Parts, Proposal, Receipt, Report, Role, Run, SlotId, run,
};
use subvm_host_std::WasmtimeEngine;
use subvm_host_std::clock::SystemClock;
use subvm_host_std::ledger::{Ledger, RedbLedger};
use subvm_host_std::modules::ModuleSet;
use subvm_host_std::random::SystemRng;
use subvm_host_std::web::{Limits, Rules, WebClient};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CONTRACT: Address = Address([0xc0; 20]);
const SENDER: Address = Address([0x5e; 20]);
/// 2026-01-01T00:00:00Z.
const NOW: u64 = 1_767_225_600_000_000_000;

fn main() -> Result<()> {
    let tamper = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--tamper") => true,
        Some(other) => return Err(format!("unknown argument {other}; there is --tamper").into()),
    };
    let url = serve_price()?;
    let port = url.port;
    let stores = Stores::new()?;
    let network = Network { engine: Arc::new(WasmtimeEngine::new()?), package: package()?, port };
    let ask = Map::from([("method", Value::from("ask")), ("url", Value::from(url.text))]);

    let mut leader = network.open(&stores.0, "leader")?;
    let (mut receipt, _) = network.transact(&mut leader, "leader", &ask, Role::Leader, None)?;
    if tamper {
        let result = receipt.nondet.first_mut().ok_or("the contract asked nothing")?;
        *result.last_mut().ok_or("the leader posted nothing")? ^= 1;
        println!("(one byte of the leader's result was changed on the way)\n");
    }
    for name in ["validator 1", "validator 2"] {
        let mut store = network.open(&stores.0, name)?;
        // All that a validator is sent. Its vote compares with the receipt, which the leader shows afterwards: `node_loop` has the whole
        // order of messages.
        let sent = Proposal::from_bytes(&receipt.proposal().to_bytes())?;
        network.transact(&mut store, name, &ask, sent.validator(), Some(&receipt))?;
    }
    let get = Map::from([("method", Value::from("get"))]);
    network.transact(&mut leader, "leader, get", &get, Role::Leader, None)?;
    let fail = Map::from([("method", Value::from("fail")), ("message", Value::from("as you asked"))]);
    network.transact(&mut leader, "leader, fail on demand", &fail, Role::Leader, None)?;
    Ok(())
}

/// What all nodes of the demonstration have in common.
struct Network {
    engine: Arc<dyn Engine>,
    package: Arc<Package>,
    port: u16,
}

impl Network {
    fn open(&self, stores: &Path, name: &str) -> Result<RedbLedger> {
        Ok(RedbLedger::open(&stores.join(name.replace(' ', "-")))?)
    }

    /// Runs one transaction on one node, prints what it came to, and applies its receipt.
    fn transact(
        &self,
        store: &mut RedbLedger,
        name: &str,
        call: &Map,
        role: Role,
        leader: Option<&Receipt>,
    ) -> Result<(Receipt, Report)> {
        let message = Message {
            contract_address: CONTRACT,
            sender_address: SENDER,
            origin_address: SENDER,
            entry_data: Value::from(call.clone()).encode()?,
            ..Message::default()
        };
        let (_, report) = run(
            Arc::clone(&self.engine),
            self.node(store)?,
            Run {
                message,
                entry: Entry::Contract,
                role,
                params: Arc::new(Params::default()),
                state: State::Accepted,
                deadline: Some(Duration::from_secs(30)),
                cancel: None,
            },
        );
        let report = report?;
        print(name, &report, leader)?;
        if report.receipt.returned() {
            let height = store.heights()?.accepted + 1;
            store.apply(&CONTRACT, &report.receipt.storage, height)?;
        }
        Ok((report.receipt.clone(), report))
    }

    fn node(&self, store: &RedbLedger) -> Result<Node> {
        let mut rules = Rules { ports: vec![self.port], ..Rules::default() };
        // Guests reach no private address unless the node says so; here the page is on loopback.
        rules.allow_networks.push("127.0.0.0/8".parse()?);
        let web = WebClient::new(rules, Limits::default());
        Ok(Node {
            storage: Box::new(store.snapshot()?),
            clock: Box::new(SystemClock::new(NOW)),
            rng: Box::new(SystemRng::new()),
            host: Box::new(Chain { package: Arc::clone(&self.package) }),
            modules: Box::new(ModuleSet::new(4).with(&["WebRequest"], Arc::new(web))),
            observer: None,
        })
    }
}

fn package() -> Result<Arc<Package>> {
    let parts = Parts { start: include_bytes!("oracle.wasm").as_slice().into(), ..Parts::default() };
    Ok(Arc::new(parts.check(&Refused::default())?))
}

fn print(name: &str, report: &Report, leader: Option<&Receipt>) -> Result<()> {
    println!("{name}");
    match &report.outcome {
        Outcome::Return(value) => println!("  return   {}", Value::decode(value)?),
        _ => println!("  failed   {}", report.failure().unwrap_or_default()),
    }
    let gas = report.receipt.gas;
    println!("  gas      {} time, {} storage, {} data", gas.time, gas.storage, gas.data);
    let digest: String = report.receipt.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("  receipt  {digest}");
    if let Some(leader) = leader {
        println!("  vote     {}", report.vote(leader));
    }
    println!();
    Ok(())
}

/// A chain with one contract and no money.
struct Chain {
    package: Arc<Package>,
}

impl Host for Chain {
    fn balance(&mut self, _: State, _: &Address) -> std::result::Result<[u8; 32], HostError> {
        Ok([0; 32])
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
        print!("  > {}", String::from_utf8_lossy(bytes));
    }
}

/// The directory of the nodes' stores, gone with the demonstration.
struct Stores(std::path::PathBuf);

impl Stores {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("subvm-oracle-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        // What is left behind lies in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where the page is.
struct Url {
    text: String,
    port: u16,
}

/// Serves a price on loopback, for as long as the process lives.
fn serve_price() -> Result<Url> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n101.25");
        }
    });
    Ok(Url { text: format!("http://127.0.0.1:{port}/price"), port })
}
