//! Token transfers on wasmtime. The state before the block is in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use subvm_block::{Effects, End, Executor};
use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Node, State};
use subvm_core::wasi::Refused;
use subvm_core::{Address, Cancel, Engine, Entry, InternalError, Message, Params, Parts, Receipt, Role, Run, run};
use subvm_host_mock::MemoryHost;

use crate::snapshot::Snapshot;
use crate::{BLOCK, Kind};

const TOKEN: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/guests/contracts/wasm/token.wasm"));
const CONTRACT: Address = Address([1; 20]);
/// Who has the supply, and sends where all conflict.
const HOLDER: usize = BLOCK;

pub(crate) struct Chain {
    engine: Arc<dyn Engine>,
    host: MemoryHost,
    /// The same, for threads that share it.
    before: Snapshot,
    params: Arc<Params>,
}

/// An account of its own for each number.
fn account(number: usize) -> Address {
    let mut bytes = [2; 20];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    Address(bytes)
}

impl Chain {
    /// The token, and money for each sender.
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        let host = MemoryHost::new();
        let package = Parts { start: TOKEN.into(), ..Parts::default() }.check(&Refused::default()).expect("a package");
        let package = Arc::new(package);
        host.deploy(CONTRACT, Arc::clone(&package));
        let mut chain = Self { engine, host, before: Snapshot::new(package), params: Arc::default() };
        let supply = Map::from([("supply", Value::from(1_000_000))]);
        let deployed = chain.transact(chain.host.node(), HOLDER, supply, true, None).expect("it is deployed");
        apply(&chain.host, &deployed);
        chain.before.apply(&deployed);
        for number in 0..BLOCK {
            let paid = chain.transfer(chain.host.node(), HOLDER, number, 100, None).expect("it is paid");
            apply(&chain.host, &paid);
            chain.before.apply(&paid);
        }
        chain
    }

    fn transfer(
        &self,
        node: Node,
        from: usize,
        to: usize,
        amount: i32,
        cancel: Option<Cancel>,
    ) -> Result<Receipt, InternalError> {
        let to = Value::Address(account(to));
        let call = Map::from([("method", Value::from("transfer")), ("to", to), ("amount", Value::from(amount))]);
        self.transact(node, from, call, false, cancel)
    }

    fn transact(
        &self,
        node: Node,
        from: usize,
        data: Map,
        is_init: bool,
        cancel: Option<Cancel>,
    ) -> Result<Receipt, InternalError> {
        let message = Message {
            contract_address: CONTRACT,
            sender_address: account(from),
            origin_address: account(from),
            is_init,
            entry_data: Value::from(data).encode().expect("it is small"),
            ..Message::default()
        };
        let (entry, role, state) = (Entry::Contract, Role::Sync { results: Vec::new() }, State::Accepted);
        // Both ways with a deadline, as nodes have one: a token costs what it costs.
        let (params, deadline) = (Arc::clone(&self.params), Some(Duration::from_secs(3600)));
        let report =
            run(Arc::clone(&self.engine), node, Run { message, entry, role, params, state, deadline, cancel }).1?;
        assert!(report.receipt.returned(), "{:?}, {:?}", report.outcome, report.diagnostics);
        Ok(report.receipt)
    }
}

fn apply(host: &MemoryHost, receipt: &Receipt) {
    host.apply(State::Accepted, CONTRACT, receipt);
}

/// Each transaction pays an account of its own.
fn to(number: usize) -> usize {
    BLOCK + 1 + number
}

impl Kind for Chain {
    type Result = Vec<Receipt>;

    fn serially(&self, accounts: &[usize]) -> (Duration, Vec<Receipt>) {
        let host = self.host.fork();
        let began = Instant::now();
        let receipts = accounts.iter().enumerate().map(|(number, from)| {
            let receipt = self.transfer(host.node(), *from, to(number), 1, None).expect("no internal error");
            apply(&host, &receipt);
            receipt
        });
        let receipts = receipts.collect();
        (began.elapsed(), receipts)
    }

    fn together(&self, threads: usize, accounts: &[usize]) -> (Duration, Vec<Receipt>, usize) {
        let runs = AtomicUsize::new(0);
        let began = Instant::now();
        let done = Executor::new(threads).execute(accounts.len(), |view| {
            runs.fetch_add(1, Ordering::Relaxed);
            let (node, number, cancel) = (view.node(self.before.node()), view.number(), Some(view.cancel().clone()));
            let receipt = self.transfer(node, accounts[number], to(number), 1, cancel)?;
            let mut effects = Effects::new();
            effects.receipt(CONTRACT, &receipt);
            Ok::<_, InternalError>((receipt, effects))
        });
        let took = began.elapsed();
        assert!(matches!(done.end, End::Done), "{:?}", done.end);
        (took, done.kept, runs.into_inner())
    }
}
