//! Transactions a second: a token is transferred, warm, on the engine that nodes run, storage in memory, each receipt applied before the next
//! run; on one thread, and on all processors, each with a chain of its own. With a deadline, as nodes have one, and without.
//!
//! `cargo bench --workspace --bench transactions`; the number of rounds may follow `--`. Rounds of all take turns, so that a busy machine slows all
//! alike; the best round counts, and the median is shown.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use subvm_core::calldata::{Map, Value};
use subvm_core::host::State;
use subvm_core::wasi::Refused;
use subvm_core::{Address, Engine, Entry, Message, Outcome, Params, Parts, Role, Run, run};
use subvm_host_mock::MemoryHost;
use subvm_host_std::WasmtimeEngine;

const TOKEN: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/guests/contracts/wasm/token.wasm"));
/// Transactions of a round, for each thread.
const TRANSFERS: u32 = 500;
const ROUNDS: usize = 10;
const CONTRACT: Address = Address([1; 20]);
const HOLDER: Address = Address([2; 20]);

/// A chain of one contract.
struct Chain {
    engine: Arc<dyn Engine>,
    host: MemoryHost,
    params: Arc<Params>,
}

impl Chain {
    /// The token, deployed.
    fn new(engine: Arc<dyn Engine>) -> Self {
        let (host, params) = (MemoryHost::new(), Arc::default());
        let package = Parts { start: TOKEN.into(), ..Parts::default() }.check(&Refused::default()).expect("a package");
        host.deploy(CONTRACT, Arc::new(package));
        let chain = Self { engine, host, params };
        chain.transact(&Map::from([("supply", Value::from(1_000_000))]).into(), true, None);
        chain
    }

    /// Runs a transaction, and applies its receipt.
    fn transact(&self, data: &Value, is_init: bool, deadline: Option<Duration>) {
        let entry_data = data.encode().expect("it is small");
        let message = Message {
            contract_address: CONTRACT,
            sender_address: HOLDER,
            origin_address: HOLDER,
            is_init,
            entry_data,
            ..Message::default()
        };
        let (entry, role, params, state) = (Entry::Contract, Role::Leader, Arc::clone(&self.params), State::Accepted);
        let input = Run { message, entry, role, params, state, deadline, cancel: None };
        let (_, report) = run(Arc::clone(&self.engine), self.host.node(), input);
        let report = report.expect("no internal error");
        assert!(matches!(report.outcome, Outcome::Return(_)), "{:?}, {:?}", report.outcome, report.diagnostics);
        self.host.apply(state, CONTRACT, &report.receipt);
    }

    /// Transfers, to ever another one of some accounts; the time of all.
    fn round(&self, deadline: Option<Duration>) -> Duration {
        let start = Instant::now();
        for number in 0..TRANSFERS {
            let to = Value::Address(Address([3 + (number % 64) as u8; 20]));
            let call = Map::from([("method", Value::from("transfer")), ("to", to), ("amount", Value::from(1))]);
            self.transact(&call.into(), false, deadline);
        }
        start.elapsed()
    }
}

/// Transactions a second of all chains together, each on a thread of its own.
fn together(chains: &[Chain], deadline: Option<Duration>) -> f64 {
    let barrier = Barrier::new(chains.len());
    let times: Vec<Duration> = thread::scope(|scope| {
        let running = chains.iter().map(|chain| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                chain.round(deadline)
            })
        });
        running.collect::<Vec<_>>().into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    times.iter().map(|time| f64::from(TRANSFERS) / time.as_secs_f64()).sum()
}

fn main() {
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS).max(1);
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let engine: Arc<dyn Engine> = Arc::new(WasmtimeEngine::new().expect("an engine"));
    let chains: Vec<Chain> = (0..processors).map(|_| Chain::new(Arc::clone(&engine))).collect();
    let hour = Some(Duration::from_secs(3600));
    let kinds = [("one thread", 1, hour), ("one thread, no deadline", 1, None), ("all processors", processors, hour)];
    let mut found = kinds.map(|_| Vec::new());
    for _ in 0..rounds {
        for ((_, threads, deadline), found) in kinds.iter().zip(&mut found) {
            found.push(together(&chains[..*threads], *deadline));
        }
    }
    println!(
        "token transfers a second, {rounds} rounds of {TRANSFERS} for each thread, {processors} processors: best, median"
    );
    for ((name, ..), mut found) in kinds.iter().zip(found) {
        found.sort_by(f64::total_cmp);
        println!("{name:26} {:9.0} {:9.0}", found[rounds - 1], found[rounds / 2]);
    }
}
