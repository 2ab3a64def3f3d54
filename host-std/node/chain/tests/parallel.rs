//! Calls of a block that run side by side come to what they come to one after the other. At each block of all other tests, the same is held
//! against one thread (`Net::put`).

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use subvm_chain::{About, Action, Chain, Ran, Runner, SignedTx, sample};
use subvm_core::calldata::Value;
use subvm_core::host::Node;
use subvm_core::{Address, Engine, Run};
use subvm_host_mock::ScriptedEngine;
use support::{COUNTER, Net, ask};

/// Contracts that count, beside the first.
const COUNTERS: u8 = 3;

fn counter(number: u8) -> Address {
    if number == 0 { COUNTER } else { Address([0xc0 + number; 20]) }
}

#[derive(Clone, Debug)]
enum Op {
    Move {
        to: u8,
        value: u128,
    },
    Count {
        of: u8,
        value: u128,
    },
    /// With a message to another counter, or to an account, with half of its money.
    Send {
        of: u8,
        to: u8,
        finalized: bool,
        value: u128,
    },
    Fail {
        of: u8,
    },
    Ask,
    Deploy,
}

fn op() -> impl Strategy<Value = (u8, Op)> {
    let value = || prop_oneof![3 => Just(0), 1 => 1..1_000_000_u128];
    let of = || 0..=COUNTERS;
    let op = prop_oneof![
        2 => (0..sample::ACCOUNTS, value()).prop_map(|(to, value)| Op::Move { to, value }),
        4 => (of(), value()).prop_map(|(of, value)| Op::Count { of, value }),
        3 => (of(), 0..8_u8, any::<bool>(), value()).prop_map(|(of, to, finalized, value)| Op::Send { of, to, finalized, value }),
        1 => of().prop_map(|of| Op::Fail { of }),
        1 => Just(Op::Ask),
        1 => Just(Op::Deploy),
    ];
    (0..sample::ACCOUNTS, op)
}

fn tx(net: &Net, nonce: u64, from: u8, op: &Op) -> SignedTx {
    let call = |of: u8, value, data: Value| {
        let data = data.encode().unwrap();
        sample::tx(from, nonce, false, Action::Call { to: counter(of), value, data })
    };
    match *op {
        Op::Move { to, value } => sample::tx(from, nonce, false, Action::Transfer { to: sample::holder(to), value }),
        Op::Count { of, value } => call(of, value, Value::Null),
        Op::Send { of, to, finalized, value } => {
            let to = if to <= COUNTERS { counter(to) } else { sample::holder(to) };
            let on = if finalized { "finalized" } else { "accepted" };
            call(of, value, Value::Array(vec![Value::Address(to), on.into()].into()))
        }
        Op::Fail { of } => call(of, 5, "as asked".into()),
        Op::Ask => ask(from, nonce),
        Op::Deploy => {
            let bundle = net.bundle.to_bundle();
            sample::tx(from, nonce, false, Action::Deploy { bundle, value: 3, data: Vec::new() })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_block_comes_to_the_same(blocks in prop::collection::vec(prop::collection::vec(op(), 0..24), 1..6)) {
        let mut net = Net::with(4, |genesis| {
            let package = Arc::clone(&genesis.contracts[1].1);
            genesis.contracts.extend((1..=COUNTERS).map(|number| (counter(number), Arc::clone(&package))));
            genesis.rules.finality = 2;
            // Not all of a large block's calls have room in it: the rest waits for the next.
            (genesis.rules.tx_gas.time, genesis.rules.block_time) = (20_000_000, 150_000_000);
        });
        for ops in blocks {
            let mut nonces: Vec<u64> = (0..sample::ACCOUNTS).map(|from| net.chain.account(&sample::holder(from)).nonce).collect();
            let mut txs = Vec::new();
            for (from, op) in &ops {
                let nonce = &mut nonces[usize::from(*from)];
                txs.push(tx(&net, *nonce, *from, op));
                *nonce += 1;
            }
            // It compares: receipts, outcomes, pages, and all that is left behind.
            net.block(txs);
        }
        for _ in 0..4 {
            net.block(Vec::new());
        }
    }
}

/// Runs that count, and how many there are at once.
#[derive(Default)]
struct Watch {
    ran: AtomicUsize,
    kept: Arc<AtomicUsize>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Runner for Watch {
    fn run(&self, engine: Arc<dyn Engine>, node: Node, run: Run, _: &About) -> Ran {
        self.ran.fetch_add(1, Ordering::SeqCst);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        let report = subvm_core::run(engine, node, run).1;
        self.now.fetch_sub(1, Ordering::SeqCst);
        let kept = Arc::clone(&self.kept);
        Ran {
            report,
            keep: Some(Box::new(move || {
                kept.fetch_add(1, Ordering::SeqCst);
            })),
        }
    }
}

/// Eight calls of as many contracts: some run at once, and each is kept once, also where calls of one contract had to be run again.
#[test]
fn calls_do_run_side_by_side_and_each_counts_once() {
    for contracts in [8, 1] {
        let mut engine = ScriptedEngine::new();
        let package = engine.script(|machine| {
            let count = machine.storage_read(0, 0, 1)?.unwrap_or_default();
            machine.storage_write(0, 0, &[count.first().copied().unwrap_or_default() + 1]).map(drop)
        });
        let to = |number: u64| Address([0xd0 + (number % contracts) as u8; 20]);
        let mut genesis = sample::genesis(1);
        genesis.contracts = (0..contracts).map(|number| (to(number), Arc::clone(&package))).collect();
        let mut chain = Chain::new(Arc::new(genesis), Arc::new(engine)).unwrap();
        let watch = Arc::new(Watch::default());
        chain.run_by(watch.clone());
        chain.run_on(4);
        let call = |nonce| sample::tx(0, nonce, false, Action::Call { to: to(nonce), value: 0, data: Vec::new() });
        let block = chain.propose(sample::validator(0), None, (0..8).map(call), Vec::new());
        let applied = chain.apply(&block).unwrap();
        assert_eq!((applied.outcomes.len(), watch.kept.load(Ordering::SeqCst)), (8, 8));
        assert_eq!(u64::from(chain.page(&to(0), [0], 0)[0]), 8 / contracts);
        assert!(watch.most.load(Ordering::SeqCst) > 1, "they ran one after the other");
        let ran = watch.ran.load(Ordering::SeqCst);
        assert!(ran >= 8 && (contracts == 1 || ran == 8), "{ran} runs of 8 calls");
    }
}
