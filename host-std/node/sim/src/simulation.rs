//! One run, from its seed to its digest.

use std::rc::Rc;
use std::time::Duration;

use arc_malachitebft_core_consensus::Input;
use arc_malachitebft_core_types::LinearTimeouts;
use arc_malachitebft_core_types::ValueResponse;
use arc_malachitebft_peer::PeerId;
use arc_malachitebft_signing_ed25519 as ed;
use subvm_bft::{Addr, Set, Validator};
use subvm_chain::address;

use crate::clients;
use crate::contracts::Beginning;
use crate::invariants::Checker;
use crate::node::{Node, World};
use crate::queue::{Event, Queue};
use crate::rng::Rng;
use crate::scenario::Scenario;

/// Virtual microseconds after stability in which all has to be done.
const PATIENCE: u64 = 240_000_000;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What must hold and did not; nothing, where all is well.
    pub violations: Vec<String>,
    /// The digest of all that happened: the same seed has the same.
    pub digest: [u8; 32],
    /// Blocks.
    pub heights: u64,
    /// Things that happened.
    pub events: u64,
    /// Virtual microseconds.
    pub time: u64,
    /// Messages sent, lost, and repeated.
    pub sent: [u64; 3],
    /// Rounds after the first that validators entered.
    pub rounds: u64,
    /// Crashes.
    pub crashes: u64,
    /// Results that were accepted, that were undetermined, and that an appeal turned.
    pub results: [u64; 3],
}

/// Makes a run.
#[must_use]
pub fn run(scenario: &Scenario) -> Figures {
    let beginning = Beginning::of(scenario);
    let mut world = World {
        scenario,
        set: validators(&beginning.genesis),
        queue: Queue::new(scenario.seed),
        checker: Checker::new(scenario, &beginning.genesis),
        beginning: &beginning,
        timeouts: timeouts(),
        rounds: 0,
        crashes: 0,
    };
    let mut nodes: Vec<Node> = (0..scenario.validators).map(|number| Node::new(number, &world)).collect();
    for number in 0..scenario.validators {
        world.queue.after(0, number, Event::Start);
        world.queue.after(100_000, number, Event::Poll);
    }
    send_transactions(&mut world);
    let mut trace = blake3::Hasher::new();
    let (mut events, mut heights) = (0, 0);
    while let Some((to, event)) = world.queue.next() {
        events += 1;
        trace.update(&world.queue.now.to_le_bytes()).update(&[to as u8, event.kind()]);
        happens(&mut world, &mut nodes, to, event);
        let node = &nodes[usize::from(to)];
        if node.chain.height() > heights {
            heights = node.chain.height();
            trace.update(&node.chain.root());
            appeals(&mut world, to);
        }
        if !world.checker.violations.is_empty() || events % 64 == 0 && done(scenario, &nodes) {
            break;
        }
        if world.queue.now > scenario.stable + PATIENCE {
            let stand: Vec<_> = nodes.iter().map(|node| (node.chain.height(), node.chain.waiting())).collect();
            world.checker.stalled(&stand);
        }
    }
    Figures {
        violations: world.checker.violations,
        digest: *trace.finalize().as_bytes(),
        heights,
        events,
        time: world.queue.now,
        sent: world.queue.sent,
        rounds: world.rounds,
        crashes: world.crashes,
        results: world.checker.figures,
    }
}

/// The validators as consensus knows them.
pub(crate) fn validators(genesis: &subvm_chain::Genesis) -> Set {
    let one = |validator: &subvm_chain::Validator| Validator {
        addr: Addr(address(&validator.key).0),
        key: ed::PublicKey::from_bytes(validator.key).expect("the sample's keys are keys"),
        power: validator.power,
    };
    Set::new(genesis.validators.iter().map(one).collect()).expect("the sample's validators are a set")
}

fn timeouts() -> LinearTimeouts {
    let ms = Duration::from_millis;
    LinearTimeouts {
        propose: ms(1_000),
        propose_delta: ms(250),
        prevote: ms(300),
        prevote_delta: ms(100),
        precommit: ms(300),
        precommit_delta: ms(100),
        rebroadcast: ms(1_500),
        max_timeout: ms(10_000),
    }
}

fn happens(world: &mut World<'_>, nodes: &mut [Node], to: u16, event: Event) {
    world.checker.clock = world.beginning.genesis.time + world.queue.now * 1_000;
    match event {
        Event::Poll => poll(world, nodes, to),
        Event::Appeal(call) => {
            let tx = clients::appeal(&nodes[usize::from(to)].chain, call);
            let bytes = Rc::new(tx.to_bytes());
            (0..world.scenario.validators)
                .for_each(|to| world.queue.send(world.scenario, to, Event::Tx(bytes.clone())));
        }
        event => {
            let node = &mut nodes[usize::from(to)];
            if node.up || matches!(event, Event::Restart) {
                node.happens(world, event);
            }
            if node.disk.dying {
                node.crash(world);
            }
        }
    }
}

/// A validator that is behind asks somebody for the next block.
fn poll(world: &mut World<'_>, nodes: &mut [Node], to: u16) {
    world.queue.after(500_000, to, Event::Poll);
    let from = world.queue.rng.below(nodes.len() as u64) as usize;
    let node = &nodes[usize::from(to)];
    let next = node.chain.height() + 1;
    if !node.up || node.at() != next || !nodes[from].up {
        return;
    }
    if let Some((certificate, bytes)) = nodes[from].disk.decided.get(&next).cloned() {
        let peer = PeerId::from_bytes(&[0, 1, from as u8]).expect("a name of one byte");
        let value = ValueResponse::new(peer, bytes.to_vec().into(), certificate);
        let event = Event::Input(Box::new(Input::SyncValueResponse(value)));
        world.queue.send(world.scenario, to, event);
    }
}

/// Each transaction goes to all, thrice, so that some have it; some come again much later; and garbage comes, too.
fn send_transactions(world: &mut World<'_>) {
    let mut rng = Rng::new(world.scenario.seed ^ 0x7c5);
    for (time, tx) in clients::txs(world.scenario, world.beginning, &mut rng) {
        let bytes = Rc::new(tx.to_bytes());
        let mut times = vec![time, time + 300_000, world.scenario.stable + time];
        if rng.chance(100) {
            times.push(time + 5_000_000);
        }
        for to in 0..world.scenario.validators {
            times
                .iter()
                .for_each(|time| world.queue.after(time + rng.below(100_000), to, Event::Tx(Rc::clone(&bytes))));
        }
        if rng.chance(100) {
            let mut garbage = bytes.to_vec();
            let at = rng.below(garbage.len() as u64) as usize;
            garbage[at] ^= 1 << rng.below(8);
            world.queue.after(time, 0, Event::Tx(Rc::new(garbage)));
        }
    }
}

/// Some results are appealed against.
fn appeals(world: &mut World<'_>, at: u16) {
    for call in std::mem::take(&mut world.checker.ruled) {
        if world.queue.rng.chance(400) {
            let after = world.queue.rng.below(100_000);
            world.queue.after(after, at, Event::Appeal(call));
        }
    }
}

/// Whether all have come as far as they have to, and nothing is on its way.
fn done(scenario: &Scenario, nodes: &[Node]) -> bool {
    let mut going = nodes.iter().filter(|node| !node.ended);
    going.all(|node| node.chain.height() >= scenario.heights && node.up && node.chain.waiting() == 0)
}
