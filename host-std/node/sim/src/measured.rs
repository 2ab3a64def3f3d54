//! What a network costs: the same validators, of whom nobody lies or crashes, on lines that lose nothing, under a load. Virtual time goes on by
//! what each of them really computes, as if each had a processor of its own: so many validators fit into one process, and how busy the machine is
//! does not matter where the clock is one of processor time.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_malachitebft_core_types::LinearTimeouts;
use subvm_chain::{Block, Genesis, Outside, SignedTx, Status, TxId};
use subvm_core::Engine;

use crate::contracts::Beginning;
use crate::invariants::Checker;
use crate::node::{Node, World};
use crate::queue::{Event, Pace, Queue};
use crate::scenario::Scenario;
use crate::simulation::validators;

/// A load. Times are in microseconds.
pub struct Load<'a> {
    /// How the chain begins; its validators are [`sample`](subvm_chain::sample)'s.
    pub genesis: Genesis,
    /// What runs contracts.
    pub engine: Arc<dyn Engine>,
    /// What they ask.
    pub outside: fn() -> Outside,
    /// How long that takes, from and to.
    pub web: (u64, u64),
    /// How long a message takes, from and to.
    pub delay: (u64, u64),
    /// What is sent at first, before anything is measured.
    pub first: Vec<SignedTx>,
    /// What is sent then, one after the other.
    pub next: &'a mut dyn FnMut() -> SignedTx,
    /// So many of them wait for a block at all times.
    pub wait: usize,
    /// Blocks to measure.
    pub blocks: u64,
    /// Nanoseconds of processor time of this thread.
    pub clock: fn() -> u64,
}

impl fmt::Debug for Load<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load").field("wait", &self.wait).field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

/// What it came to. Times are in microseconds of virtual time.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// How long it took.
    pub time: u64,
    /// Blocks.
    pub blocks: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Calls that returned or failed without a vote, and those whose results were accepted, or undetermined.
    pub ended: [u64; 3],
    /// From a transaction's sending to its effects, of those without a vote, ascending.
    pub applied: Vec<u64>,
    /// The same, of those with one.
    pub accepted: Vec<u64>,
    /// From a transaction's sending until its block is final, ascending.
    pub finalized: Vec<u64>,
    /// What validators computed, the sum of all.
    pub computed: u64,
    /// Messages between them, and their bytes: each to each counts.
    pub messages: [u64; 2],
    /// Rounds after the first.
    pub rounds: u64,
}

/// The one of ascending numbers that so many of a hundred do not exceed; 0 of none.
#[must_use]
pub fn percentile(ascending: &[u64], percent: usize) -> u64 {
    ascending.get((ascending.len() * percent / 100).min(ascending.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// Patience beyond what any block here takes.
fn timeouts() -> LinearTimeouts {
    let long = Duration::from_secs(60);
    LinearTimeouts {
        propose: long,
        prevote: long,
        precommit: long,
        rebroadcast: 10 * long,
        ..LinearTimeouts::default()
    }
}

/// Makes the run.
///
/// # Panics
/// Where no chain begins so, and where validators break what must hold.
#[must_use]
pub fn measure(load: Load<'_>) -> Measured {
    let count = load.genesis.validators.len() as u16;
    let scenario = Scenario {
        validators: count,
        liars: BTreeMap::new(),
        lost: 0,
        repeated: 0,
        delay: load.delay,
        // Never: lines are then as the load says.
        stable: u64::MAX,
        crash: 0,
        web: load.web,
        chaos: false,
        ..Scenario::of(0)
    };
    let genesis = Arc::new(load.genesis);
    let outside = load.outside;
    let beginning = Beginning::with(Arc::clone(&genesis), load.engine, Box::new(move |_| outside()));
    let mut world = World {
        scenario: &scenario,
        set: validators(&genesis),
        queue: Queue::new(1),
        checker: Checker::new(&scenario, &genesis),
        beginning: &beginning,
        timeouts: timeouts(),
        rounds: 0,
        crashes: 0,
    };
    world.checker.only_listen();
    let mut nodes: Vec<Node> = (0..count).map(|number| Node::new(number, &world)).collect();
    (0..count).for_each(|number| world.queue.after(0, number, Event::Start));
    let mut run =
        Run { next: load.next, sent: BTreeMap::new(), waiting: BTreeMap::new(), measured: Measured::default() };
    let first: Vec<TxId> = load.first.iter().map(|tx| tx.tx.id()).collect();
    load.first.iter().for_each(|tx| run.send(&mut world, tx));
    let mut busy = vec![0_u64; usize::from(count)];
    let (mut began, mut open) = (None, first.len());
    while let Some((to, event)) = world.queue.next() {
        let (now, free) = (world.queue.now, busy[usize::from(to)]);
        if free > now {
            world.queue.after(free - now, to, event);
            continue;
        }
        subvm_chain::forget_signatures();
        world.queue.pace = Some(Pace::new(load.clock));
        nodes[usize::from(to)].happens(&mut world, event);
        let spent = world.queue.pace.take().map_or(0, |pace| pace.spent());
        busy[usize::from(to)] = now + spent;
        run.measured.computed += spent;
        assert_eq!(world.checker.violations, Vec::<String>::new());
        for (block, applied) in std::mem::take(&mut world.checker.heard) {
            world.queue.now = now + spent;
            if began.is_none() {
                let ended =
                    applied.outcomes.iter().filter(|(_, it)| it.status.ended() && first.contains(&it.tx)).count();
                open -= ended;
                if open == 0 {
                    run.measured = Measured::default();
                    (world.queue.sent, world.queue.bytes, world.rounds) = ([0; 3], 0, 0);
                    began = Some(world.queue.now);
                    (0..load.wait).for_each(|_| run.one(&mut world));
                }
            } else {
                run.block(&mut world, &block, &applied);
            }
        }
        if run.measured.blocks >= load.blocks {
            break;
        }
    }
    let mut measured = run.measured;
    measured.time = world.queue.now - began.expect("the chain began");
    measured.messages = [world.queue.sent[0], world.queue.bytes];
    measured.rounds = world.rounds;
    for times in [&mut measured.applied, &mut measured.accepted, &mut measured.finalized] {
        times.sort_unstable();
    }
    measured
}

struct Run<'a> {
    next: &'a mut dyn FnMut() -> SignedTx,
    /// When each that is not final was sent.
    sent: BTreeMap<TxId, u64>,
    /// By the height of the block that has them: when they were sent.
    waiting: BTreeMap<u64, Vec<u64>>,
    measured: Measured,
}

impl Run<'_> {
    /// To all, as nodes pass on what they are sent.
    fn send(&mut self, world: &mut World<'_>, tx: &SignedTx) {
        let bytes = Rc::new(tx.to_bytes());
        self.sent.insert(tx.tx.id(), world.queue.now);
        (0..world.scenario.validators).for_each(|to| world.queue.after(1_000, to, Event::Tx(Rc::clone(&bytes))));
    }

    fn one(&mut self, world: &mut World<'_>) {
        let tx = (self.next)();
        self.send(world, &tx);
    }

    fn block(&mut self, world: &mut World<'_>, block: &Block, applied: &subvm_chain::Applied) {
        let now = world.queue.now;
        self.measured.blocks += 1;
        self.measured.bytes += block.to_bytes().len() as u64;
        let sent = block.txs.iter().filter_map(|tx| self.sent.get(&tx.tx.id()).copied()).collect();
        self.waiting.insert(block.header.height, sent);
        for (_, outcome) in &applied.outcomes {
            let Some(sent) = self.sent.get(&outcome.tx) else { continue };
            let (kind, times) = match outcome.status {
                Status::Returned | Status::Failed | Status::Moved => (0, &mut self.measured.applied),
                Status::Accepted => (1, &mut self.measured.accepted),
                Status::Undetermined => (2, &mut self.measured.accepted),
                _ => continue,
            };
            self.measured.ended[kind] += 1;
            times.push(now - sent);
            self.sent.remove(&outcome.tx);
        }
        let still = self.waiting.split_off(&(applied.finalized + 1));
        for sent in std::mem::replace(&mut self.waiting, still).into_values().flatten() {
            self.measured.finalized.push(now - sent);
        }
        (0..block.txs.len()).for_each(|_| self.one(world));
    }
}
