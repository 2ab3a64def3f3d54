//! Blocks of contracts, executed by several threads, against one after the other.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use subvm_block::{Change, Effects, End, Executed, Executor, Held, Item, View};
use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Code, Host, Node, State};
use subvm_core::{Address, Cancel, Entry, InternalError, InternalErrorKind, Message, Receipt, Role, Run, SlotId, run};
use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};

const PROPOSER: Address = Address([0xfe; 20]);

fn contract(number: u8) -> Address {
    Address([number; 20])
}

fn amount(amount: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = amount;
    bytes
}

/// What a transaction does, as its calldata says it: steps of an operation and an operand.
fn script(machine: &mut Machine<'_>) -> Result<(), subvm_core::End> {
    let steps = machine.message()?["entry_data"].as_bytes().unwrap_or_default().to_vec();
    let mut seen = 1u8;
    for step in steps.chunks_exact(2) {
        let (slot, at) = (step[1] % 2, u32::from(step[1] / 2 % 8) * 11);
        match step[0] % 8 {
            // Over the border of two pages, now and then.
            0 | 1 => {
                let bytes = machine.storage_read(slot, at, 20)?.unwrap();
                seen = bytes.iter().fold(seen, |seen, byte| seen.wrapping_mul(31).wrapping_add(*byte));
            }
            2 | 3 => drop(machine.storage_write(slot, at, &[seen; 15])?),
            4 => drop(machine.storage_write(slot, 0, &[seen; 96])?),
            5 => seen = seen.wrapping_add(machine.own_balance()?.unwrap() as u8),
            6 => {
                let call = Map::from([
                    ("address", Value::Address(contract(1 + step[1] % 4))),
                    ("calldata", Value::Bytes(vec![0, step[1]])),
                    ("state", Value::from(if step[1] < 128 { 0 } else { 1 })),
                ]);
                if let Ok(bytes) = machine.request("CallContract", call)? {
                    seen = bytes.iter().fold(seen, |seen, byte| seen.wrapping_mul(7).wrapping_add(*byte));
                }
            }
            _ if seen.is_multiple_of(3) => return machine.end_with("UserError", "three"),
            _ => {}
        }
    }
    machine.end_with("Return", u64::from(seen))
}

struct Chain {
    engine: Arc<ScriptedEngine>,
    host: MemoryHost,
}

impl Chain {
    fn new() -> Self {
        let (mut engine, host) = (ScriptedEngine::new(), MemoryHost::new());
        let package = engine.script(script);
        for number in 1..=4 {
            host.deploy(contract(number), package.clone());
            host.set_balance(contract(number), u128::from(number) * 5);
        }
        Self { engine: Arc::new(engine), host }
    }

    fn run(&self, node: Node, tx: &Tx, cancel: Option<Cancel>) -> Result<Receipt, InternalError> {
        let contract_address = contract(tx.contract);
        let message = Message { contract_address, entry_data: tx.steps.clone(), ..Message::default() };
        let (entry, role, state) = (Entry::Contract, Role::Sync { results: Vec::new() }, State::Accepted);
        let input = Run { message, entry, role, params: Arc::default(), state, deadline: None, cancel };
        run(self.engine.clone(), node, input).1.map(|report| report.receipt)
    }

    /// What a transaction pays for and does: its contract gives a fee to the proposer, where it has one.
    fn transact(&self, mut node: Node, tx: &Tx, cancel: Option<Cancel>) -> Result<(Receipt, Effects), InternalError> {
        let asking = |source| InternalError::caused_by(InternalErrorKind::Host, "asking for a balance", source);
        let has = node.host.balance(State::Accepted, &contract(tx.contract)).map_err(asking)?[0];
        let receipt = self.run(node, tx, cancel)?;
        let mut effects = Effects::new();
        effects.receipt(contract(tx.contract), &receipt);
        if let (Some(left), true) = (has.checked_sub(1), tx.pays) {
            effects.balance(contract(tx.contract), amount(left));
            effects.credit(PROPOSER, amount(1));
        }
        Ok((receipt, effects))
    }

    /// One after the other, each on what the last one left.
    fn serially(&self, block: &[Tx]) -> (Vec<Receipt>, MemoryHost) {
        let host = self.host.fork();
        let receipts = block.iter().map(|tx| {
            let (receipt, effects) = self.transact(host.node(), tx, None).unwrap();
            apply(&host, effects.changes());
            receipt
        });
        (receipts.collect(), host)
    }

    fn together(&self, executor: &Executor, block: &[Tx]) -> Executed<Receipt, InternalError> {
        executor.execute(block.len(), |view| {
            self.transact(view.node(self.host.node()), &block[view.number()], Some(view.cancel().clone()))
        })
    }
}

/// Does to a chain what changes say.
fn apply(host: &MemoryHost, changes: impl IntoIterator<Item = (Item, Change<Held>)>) {
    for (item, change) in changes {
        match (item, change) {
            (Item::Page { contract, slot, page }, Change::Put(Held::Page(content))) => {
                let write = subvm_core::PageWrite { slot, page, content };
                host.apply(State::Accepted, contract, &Receipt { storage: vec![write], ..empty() });
            }
            (Item::Balance(address), Change::Put(Held::Amount(balance))) => {
                host.set_balance_in(State::Accepted, address, u128::from(balance[0]));
            }
            (Item::Balance(address), Change::Add(Held::Amount(more))) => {
                let had = host.clone().balance(State::Accepted, &address).unwrap()[0];
                host.set_balance_in(State::Accepted, address, u128::from(had + more[0]));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn empty() -> Receipt {
    let (result, gas, storage, messages, nondet) = (vec![0], Default::default(), Vec::new(), Vec::new(), Vec::new());
    Receipt { params: [0; 32], message: [0; 32], result, gas, storage, messages, nondet }
}

/// All that a chain holds which transactions change.
fn state(host: &MemoryHost) -> BTreeMap<Address, (Vec<u8>, [u8; 32])> {
    let mut host = host.clone();
    let mut of = |address: Address| {
        let mut bytes = vec![0; 512];
        for slot in 0..2 {
            let (mut name, half) = ([0; 32], usize::from(slot) * 256);
            name[0] = slot;
            let mut node = host.node();
            node.storage.read(State::Accepted, &address, &SlotId(name), 0, &mut bytes[half..half + 256]).unwrap();
        }
        (address, (bytes, host.balance(State::Accepted, &address).unwrap()))
    };
    (1..=4).map(contract).chain([PROPOSER]).map(&mut of).collect()
}

#[derive(Clone, Debug)]
struct Tx {
    contract: u8,
    steps: Vec<u8>,
    pays: bool,
}

fn transactions() -> impl Strategy<Value = Vec<Tx>> {
    let steps = proptest::collection::vec((0..8u8, any::<u8>()), 0..8);
    let tx = (1..=4u8, steps, any::<bool>()).prop_map(|(contract, steps, pays)| Tx {
        contract,
        steps: steps.into_iter().flat_map(|(operation, operand)| [operation, operand]).collect(),
        pays,
    });
    proptest::collection::vec(tx, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 150 } else { 1_500 }))]

    #[test]
    fn blocks_come_to_what_they_come_to_one_after_the_other(block in transactions(), threads in 1..5usize, ahead in 0..12usize) {
        let chain = Chain::new();
        let (receipts, after) = chain.serially(&block);
        let done = chain.together(&Executor::new(threads).ahead(ahead), &block);
        prop_assert!(matches!(done.end, End::Done));
        prop_assert_eq!(&done.kept, &receipts);
        let host = chain.host.fork();
        apply(&host, done.changes);
        prop_assert_eq!(state(&host), state(&after));
    }
}

/// Deploys by what a transaction before it found; the one after calls what was deployed.
#[test]
fn code_locked_slots_and_what_a_node_keeps_are_seen() {
    let chain = Chain::new();
    let (new, package) = (contract(9), {
        let Code::Package(package) = chain.host.clone().code(State::Accepted, &contract(1)).unwrap() else { panic!() };
        package
    });
    let nonce = |view: &View| view.own(&b"nonce"[..]).unwrap().map_or(0, |bytes| bytes[0]);
    for threads in [1, 2, 4] {
        let done = Executor::new(threads).execute(40, |view| {
            let mut node = view.node(chain.host.node());
            let there = matches!(node.host.code(State::Accepted, &new).unwrap(), Code::Package(_));
            let before = matches!(node.host.code(State::Finalized, &new).unwrap(), Code::Nothing);
            let locked = node.host.locked_slots(&new).unwrap().len();
            let mut effects = Effects::new();
            if view.number() == 7 {
                effects.code(new, Code::Package(Arc::clone(&package)));
                effects.locked_slots(new, [SlotId([1; 32])]);
            }
            effects.own(&b"nonce"[..], [nonce(view) + 1]);
            Ok::<_, InternalError>(((there, locked, nonce(view), before), effects))
        });
        let expected: Vec<_> =
            (0..40).map(|number| (number > 7, usize::from(number > 7), number as u8, true)).collect();
        assert_eq!(done.kept, expected);
        assert_eq!(done.changes.len(), 3);
    }
}

/// Everybody pays one address, and nobody is run again for it.
#[test]
fn fees_are_no_conflict() {
    let runs = AtomicUsize::new(0);
    let done = Executor::new(4).execute(200, |_| {
        runs.fetch_add(1, Ordering::SeqCst);
        let mut effects = Effects::new();
        effects.credit(PROPOSER, amount(1));
        Ok::<_, ()>(((), effects))
    });
    assert_eq!(done.changes, [(Item::Balance(PROPOSER), Change::Add(Held::Amount(amount(200))))]);
    assert_eq!(runs.into_inner(), 200);
}

/// A transaction that would spin for ever on a state that never was, is called off when its turn comes.
#[test]
fn what_spins_on_a_state_that_never_was_is_called_off() {
    let (began, key) = (Instant::now(), &b"flag"[..]);
    let done = Executor::new(2).execute(8, |view| {
        let set = view.own(key).map_err(|_| ())?.is_some();
        let mut effects = Effects::new();
        if view.number() == 0 {
            std::thread::sleep(Duration::from_millis(50));
            effects.own(key, [1]);
        } else if !set {
            while !view.cancel().is_cancelled() {
                assert!(began.elapsed() < Duration::from_secs(60), "it is never called off");
                std::thread::yield_now();
            }
            return Err(());
        }
        Ok((set, effects))
    });
    assert!(matches!(done.end, End::Done));
    assert_eq!(done.kept, [false, true, true, true, true, true, true, true]);
}

#[test]
fn an_error_counts_where_it_came_on_the_settled_state() {
    for threads in [1, 2, 4] {
        let done = Executor::new(threads).execute(30, |view| {
            let seen = view.own(&b"count"[..]).map_err(|_| "overtaken")?.map_or(0, |bytes| usize::from(bytes[0]));
            let mut effects = Effects::new();
            effects.own(&b"count"[..], [seen as u8 + 1]);
            if seen == view.number() && seen != 20 { Ok((seen, effects)) } else { Err("wrong") }
        });
        assert_eq!(done.kept, (0..20).collect::<Vec<_>>());
        assert_eq!(done.end, End::Error("wrong"));
        assert_eq!(done.changes, [(Item::Own(b"count"[..].into()), Change::Put(Held::Bytes([20][..].into())))]);
    }
}

/// As where a run's time is over because others ran beside it.
#[test]
fn an_error_ahead_is_no_error_of_the_block() {
    let done =
        Executor::new(3).execute(50, |view| if view.is_ahead() { Err("late") } else { Ok(((), Effects::new())) });
    assert_eq!((done.kept.len(), done.end), (50, End::Done));
}

#[test]
fn a_panic_counts_where_it_came_on_the_settled_state() {
    let run = |view: &View, last: usize| {
        let seen = view.own(&b"count"[..]).expect("it stands").map_or(0, |bytes| usize::from(bytes[0]));
        assert_eq!(seen, view.number(), "on a state that never was");
        assert_ne!(seen, last, "always");
        let mut effects = Effects::new();
        effects.own(&b"count"[..], [seen as u8 + 1]);
        Ok::<_, ()>((seen, effects))
    };
    for threads in [1, 3] {
        let executor = Executor::new(threads);
        assert_eq!(executor.execute(30, |view| run(view, usize::MAX)).kept.len(), 30);
        let panicked = catch_unwind(AssertUnwindSafe(|| executor.execute(30, |view| run(view, 20)))).unwrap_err();
        assert!(panicked.downcast_ref::<String>().is_some_and(|what| what.contains("always")), "{panicked:?}");
    }
}

#[test]
fn a_block_is_called_off() {
    let (chain, cancel) = (Chain::new(), Cancel::new());
    let block: Vec<Tx> = (0..50).map(|_| Tx { contract: 1, steps: vec![0, 0, 2, 0], pays: true }).collect();
    let executor = Executor::new(2).cancel(&cancel);
    let done = executor.execute_while(
        block.len(),
        |view| chain.transact(view.node(chain.host.node()), &block[view.number()], Some(view.cancel().clone())),
        |number, _| {
            if number == 9 {
                cancel.cancel();
            }
            true
        },
    );
    assert!(matches!(&done.end, End::Error(error) if error.kind() == InternalErrorKind::Cancelled), "{:?}", done.end);
    assert_eq!(done.kept, chain.serially(&block[..10]).0);
}

/// What a transaction read may be more than is kept of an attempt: then it waits for its turn.
#[test]
fn one_that_reads_much_is_run_when_its_turn_comes() {
    let done = Executor::new(2).execute(6, |view| {
        let mut node = view.node(MemoryHost::new().node());
        for index in 0..20_000 {
            node.storage.read(State::Accepted, &PROPOSER, &SlotId::default(), index * 32, &mut [0])?;
        }
        Ok::<_, subvm_core::host::HostError>((view.is_ahead(), Effects::new()))
    });
    assert_eq!(done.kept, [false; 6]);
}

#[test]
fn a_block_of_nothing_is_done() {
    let done = Executor::default().execute(0, |_| Ok::<_, ()>(((), Effects::new())));
    assert!(done.kept.is_empty() && done.changes.is_empty() && done.end == End::Done);
}
