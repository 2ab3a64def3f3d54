//! Snapshots that are not what was signed. That they are whole is tried at each block of all other tests.

mod support;

use std::sync::Arc;

use subvm_chain::{Action, Block, Chain, SnapshotError, sample};
use subvm_core::Address;
use subvm_core::wire::{Source, put_bytes, put_uint};
use subvm_host_mock::ScriptedEngine;
use support::{COUNTER, Net, RUNS, ask};

/// Votes, calls that wait, blocks that are not final: what is cut off or changed is no snapshot of that state.
#[test]
fn what_is_cut_off_or_changed_is_refused() {
    let mut net = Net::with(4, |genesis| genesis.rules.finality = 3);
    net.block(vec![ask(0, 0), ask(1, 0), ask(2, 0)]);
    (0..6).for_each(|_| drop(net.block(vec![])));
    let bytes = net.chain.snapshot();
    for len in (0..bytes.len()).step_by(97) {
        let cut = net.restore(&bytes[..len]);
        assert!(matches!(cut, Err(SnapshotError::Malformed(_))), "{len} of {}", bytes.len());
    }
    assert!(net.restore(&[&bytes[..], &[0]].concat()).is_err());
    net.nothing_else_is_taken(3);
    let another = subvm_chain::Genesis { chain_id: 7, ..sample::genesis(4) };
    let other = Chain::restore(Arc::new(another), Arc::new(ScriptedEngine::new()), &bytes, &net.chain.root());
    assert_eq!(other.err(), Some(SnapshotError::Another));
}

/// A vote is found by its call: under another name nobody's ballot would reach it.
#[test]
fn a_vote_under_another_call_is_refused() {
    let mut net = Net::with(4, |genesis| genesis.rules.finality = 3);
    // Without this one's commitment the first phase lasts for as long as it may: nothing happens to the vote meanwhile.
    net.silent = vec![3];
    let call = ask(0, 0);
    net.block(vec![call.clone()]);
    let call = call.tx.id().into();
    while net.chain.poll(&call).is_none() {
        net.block(vec![]);
    }
    let began = net.chain.height();
    while net.chain.finalized() < began + 2 {
        net.block(vec![]);
    }
    assert!(net.chain.poll(&call).is_some_and(|poll| !poll.opening && poll.commits.len() == 3));
    let bytes = net.chain.snapshot();
    let places: Vec<usize> = (0..bytes.len() - 32).filter(|at| bytes[*at..*at + 32] == call.0).collect();
    assert!(places.len() >= 3, "the call, its transaction, and the vote on it have this name: {places:?}");
    for at in places {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert!(net.restore(&other).is_err(), "the name at byte {at}");
    }
}

/// A snapshot's parts, as they stand in it.
struct Parts {
    version: u64,
    chain_id: u64,
    digested: Vec<u8>,
    blocks: Vec<Vec<u8>>,
    /// The state after the last final block.
    world: Vec<u8>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let mut source = Source(bytes);
        let (version, chain_id) = (source.uint().unwrap(), source.uint().unwrap());
        let digested = source.bytes().unwrap().to_vec();
        assert_eq!(source.uint(), Ok(0), "nothing overrides");
        let blocks = source.list(|source| source.bytes().map(<[u8]>::to_vec)).unwrap();
        Self { version, chain_id, digested, blocks, world: source.0.to_vec() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_uint(&mut out, self.version);
        put_uint(&mut out, self.chain_id);
        put_bytes(&mut out, &self.digested);
        out.push(0);
        self.put_blocks(&mut out);
        [out, self.world.clone()].concat()
    }

    fn put_blocks(&self, out: &mut Vec<u8>) {
        put_uint(out, self.blocks.len() as u64);
        self.blocks.iter().for_each(|block| put_bytes(out, block));
    }

    /// As the version before has it.
    fn version_2(&self) -> Vec<u8> {
        let mut out = vec![2];
        put_uint(&mut out, self.chain_id);
        out.extend(&self.world);
        out.push(0);
        self.put_blocks(&mut out);
        out
    }
}

/// Its state is the signed one, but without the blocks that an appeal may go back to.
#[test]
fn a_snapshot_without_the_blocks_that_are_not_final_is_refused() {
    let mut net = Net::with(7, |genesis| (genesis.rules.committee, genesis.rules.finality) = (1, 6));
    let call = ask(0, 0);
    net.block(vec![call.clone()]);
    let (at, _) = net.until_ended(call.tx.id().into(), 20).unwrap();
    let (signed, then) = (net.chain.root(), Parts::of(&net.chain.snapshot()));
    let appeal = sample::tx(1, 0, false, Action::Appeal { call: call.tx.id().into() });
    assert_eq!(net.next(vec![appeal]).txs.len(), 1, "an appeal may still turn it");
    // Some blocks later a snapshot begins with this state.
    while net.chain.finalized() < at {
        net.block(vec![]);
    }
    assert_eq!(net.chain.finalized(), at);
    let now = Parts::of(&net.chain.snapshot());
    let forged = Parts { blocks: vec![], world: now.world, ..then };
    let refused = net.restore_to(&forged.bytes(), &signed);
    assert_eq!(refused.err(), Some(SnapshotError::Blocks));
}

/// What nobody signed is refused before anything of it is run: blocks, the state that they begin with, and both.
#[test]
fn a_forged_snapshot_is_refused_before_anything_is_run() {
    let mut net = Net::with(4, |genesis| genesis.rules.finality = 4);
    let call = |nonce| sample::tx(0, nonce, false, Action::Call { to: COUNTER, value: 0, data: Vec::new() });
    (0..8).for_each(|nonce| drop(net.block(vec![call(nonce)])));
    let good = Parts::of(&net.chain.snapshot());
    assert_eq!((good.version, good.blocks.len()), (3, 4));
    assert!(good.bytes() == net.chain.snapshot());

    // Another chain of the same validators: of the same form, and each block follows from its state.
    let mut other = Net::with(4, |genesis| genesis.rules.finality = 4);
    (0..8).for_each(|nonce| drop(other.block(if nonce % 2 == 0 { vec![call(nonce / 2)] } else { vec![] })));
    let lie = Parts::of(&other.chain.snapshot());
    let with = |digested: &Parts, blocks: &Parts, world: &Parts| Parts {
        version: 3,
        chain_id: good.chain_id,
        digested: digested.digested.clone(),
        blocks: blocks.blocks.clone(),
        world: world.world.clone(),
    };
    let runs = RUNS.get();
    let refused = |parts: Parts| net.restore(&parts.bytes()).err();
    assert!(matches!(refused(with(&lie, &lie, &lie)), Some(SnapshotError::Root { .. })), "all of another chain");
    assert_eq!(refused(with(&good, &lie, &good)), Some(SnapshotError::Blocks), "blocks of another");
    assert_eq!(refused(with(&good, &lie, &lie)), Some(SnapshotError::Blocks), "blocks and state of another");
    assert_eq!(refused(with(&good, &good, &lie)), Some(SnapshotError::Beginning), "the state of another");
    let mut less = with(&good, &good, &good);
    less.blocks.remove(0);
    assert_eq!(refused(less), Some(SnapshotError::Beginning), "the first block is left out");
    let mut less = with(&good, &good, &good);
    less.blocks.pop();
    assert_eq!(refused(less), Some(SnapshotError::Blocks), "the last one is");
    let mut less = with(&good, &good, &good);
    less.blocks.clear();
    assert_eq!(refused(less), Some(SnapshotError::Beginning), "all are");
    assert_eq!(RUNS.get(), runs, "nothing of it ran");
    // Its own bytes of the version before a node takes, and nobody else's.
    assert_eq!(net.restore(&good.version_2()).err(), Some(SnapshotError::Another));
    let restored = net.restore_own(&good.version_2()).unwrap();
    assert!(restored.snapshot() == net.chain.snapshot());
    assert!(RUNS.get() > runs, "and these are run");
}

/// Numbers at their ends, with a block that goes on from them: an error, and never a panic.
#[test]
fn forged_numbers_overflow_nothing() {
    let mut net = Net::new(4);
    let good = Parts::of(&net.chain.snapshot());
    assert!(good.blocks.is_empty());
    let mut most = Vec::new();
    put_uint(&mut most, u64::MAX);
    let with = |world: &[u8], block: &Block| Parts {
        blocks: vec![block.to_bytes()],
        world: world.to_vec(),
        digested: good.digested.clone(),
        ..good
    };
    // Before the end: what is final, no history, sixteen bytes of money that is gone.
    let mut final_ = good.world.clone();
    let place = final_.len() - 18;
    final_.splice(place..=place, most.iter().copied());
    let forged = with(&final_, &net.next(vec![]));
    let wrong = SnapshotError::Malformed("more is final than there is");
    assert_eq!(net.restore_own(&forged.version_2()).err(), Some(wrong));
    assert_eq!(net.restore(&forged.bytes()).err(), Some(SnapshotError::Blocks));
    // An account that has sent as much as can be counted, and its next transaction.
    let holder = sample::holder(0).0;
    let mut world = good.world.clone();
    let place = world.windows(20).position(|bytes| *bytes == holder).expect("has money") + 20 + 16;
    world.splice(place..=place, most);
    let mut block = net.next(vec![]);
    block.txs = vec![sample::tx(0, u64::MAX, false, Action::Transfer { to: Address([7; 20]), value: 1 })];
    block.header.body = block.body();
    let forged = with(&world, &block);
    let restored = net.restore_own(&forged.version_2());
    assert!(matches!(restored, Err(SnapshotError::Blocks | SnapshotError::Root { .. })), "{restored:?}");
    assert_eq!(net.restore(&forged.bytes()).err(), Some(SnapshotError::Blocks));
    net.block(vec![]);
}
