//! Snapshots that are not what was signed. That they are whole is tried at each block of all other tests.

mod support;

use std::sync::Arc;

use subvm_chain::{Chain, SnapshotError, sample};
use subvm_host_mock::ScriptedEngine;
use support::{Net, ask};

/// Votes, calls that wait, blocks that are not final: what is cut off or changed is no snapshot of that state.
#[test]
fn what_is_cut_off_or_changed_is_refused() {
    let mut net = Net::with(4, |genesis| genesis.rules.finality = 3);
    net.block(vec![ask(0, 0), ask(1, 0), ask(2, 0)]);
    (0..6).for_each(|_| drop(net.block(vec![])));
    let bytes = net.chain.snapshot();
    assert!(net.restore(&bytes).is_ok());
    for len in (0..bytes.len()).step_by(97) {
        let cut = net.restore(&bytes[..len]);
        assert!(matches!(cut, Err(SnapshotError::Malformed(_))), "{len} of {}", bytes.len());
    }
    assert!(net.restore(&[&bytes[..], &[0]].concat()).is_err());
    // What makes no difference to the state after the last block may be otherwise: then it makes none after the next.
    let (next, mut harmless) = (net.next(vec![]), Vec::new());
    for at in (0..bytes.len()).step_by(53) {
        let mut other = bytes.clone();
        other[at] ^= 1;
        if let Ok(mut chain) = net.restore(&other) {
            harmless.push(at);
            assert_eq!(chain.validate(&next), Ok(()), "byte {at}");
            chain.apply(&next).unwrap();
            let mut own = net.restored();
            own.apply(&next).unwrap();
            assert_eq!(chain.root(), own.root(), "byte {at}");
        }
    }
    // Of what was over before the last block.
    assert!(harmless.len() * 2 * 53 < bytes.len(), "{harmless:?} of {}", bytes.len());
    let another = subvm_chain::Genesis { chain_id: 7, ..sample::genesis(4) };
    let other = Chain::restore(Arc::new(another), Arc::new(ScriptedEngine::new()), &bytes, &net.chain.root());
    assert_eq!(other.err(), Some(SnapshotError::Another));
}
