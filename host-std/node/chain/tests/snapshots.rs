//! Snapshots that are not what was signed. That they are whole is tried at each block of all other tests.

mod support;

use std::sync::Arc;

use subvm_chain::{Action, Block, Chain, SnapshotError, sample};
use subvm_core::Address;
use subvm_core::wire::{put_bytes, put_uint};
use subvm_host_mock::ScriptedEngine;
use support::{Net, ask};

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

/// Its state is the signed one, but without the blocks that an appeal may go back to.
#[test]
fn a_snapshot_without_the_blocks_that_are_not_final_is_refused() {
    let mut net = Net::with(7, |genesis| (genesis.rules.committee, genesis.rules.finality) = (1, 6));
    let call = ask(0, 0);
    net.block(vec![call.clone()]);
    let (at, _) = net.until_ended(call.tx.id().into(), 20).unwrap();
    let signed = net.chain.root();
    let appeal = sample::tx(1, 0, false, Action::Appeal { call: call.tx.id().into() });
    assert_eq!(net.next(vec![appeal]).txs.len(), 1, "an appeal may still turn it");
    // Some blocks later a snapshot begins with this state.
    while net.chain.finalized() < at {
        net.block(vec![]);
    }
    assert_eq!(net.chain.finalized(), at);
    let bytes = net.chain.snapshot();
    let since = &net.blocks[at as usize..];
    let mut rest = vec![0];
    put_uint(&mut rest, since.len() as u64);
    since.iter().for_each(|block| put_bytes(&mut rest, &block.to_bytes()));
    let base = bytes.strip_suffix(&rest[..]).expect("the state, nothing that overrides, and these blocks");
    let forged = [base, &[0, 0]].concat();
    let restored = net.restore_to(&forged, &signed);
    assert_eq!(restored.err(), Some(SnapshotError::Blocks));
}

/// Numbers at their ends, with a block that goes on from them: an error, and never a panic.
#[test]
fn forged_numbers_overflow_nothing() {
    let mut net = Net::new(4);
    let mut bytes = net.chain.snapshot();
    assert_eq!(bytes.split_off(bytes.len() - 2), [0, 0], "nothing overrides, no blocks");
    let mut most = Vec::new();
    put_uint(&mut most, u64::MAX);
    let with = |base: &[u8], block: &Block| {
        let mut forged = [base, &[0, 1]].concat();
        put_bytes(&mut forged, &block.to_bytes());
        forged
    };
    // Before the end: what is final, no history, sixteen bytes of money that is gone.
    let mut final_ = bytes.clone();
    let place = bytes.len() - 18;
    final_.splice(place..=place, most.iter().copied());
    let forged = with(&final_, &net.next(vec![]));
    assert_eq!(net.restore(&forged).err(), Some(SnapshotError::Malformed("more is final than there is")));
    // An account that has sent as much as can be counted, and its next transaction.
    let holder = sample::holder(0).0;
    let place = bytes.windows(20).position(|bytes| *bytes == holder).expect("has money") + 20 + 16;
    bytes.splice(place..=place, most);
    let mut block = net.next(vec![]);
    block.txs = vec![sample::tx(0, u64::MAX, false, Action::Transfer { to: Address([7; 20]), value: 1 })];
    block.header.body = block.body();
    let restored = net.restore(&with(&bytes, &block));
    assert!(matches!(restored, Err(SnapshotError::Blocks | SnapshotError::Root { .. })), "{restored:?}");
    net.block(vec![]);
}
