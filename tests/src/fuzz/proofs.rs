//! Proofs from anybody, and trees of any states: a proof that is believed says what is so, and a tree that is changed step by step has the
//! root of what it holds. The first byte chooses.

use std::collections::BTreeMap;

use subvm_core::state::{Digest, EMPTY, Proof, contract_key, leaf, node, page_key};
use subvm_core::{Address, SlotId};
use subvm_ledger::trie::{Memory, apply, page, prove, root};

use super::source::Source;

const SLOT: SlotId = SlotId([3; 32]);

pub(super) fn proofs(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    if kind % 2 == 0 { made_up(bytes) } else { kept(&mut Source::new(bytes)) }
}

/// Bytes that are a proof are so in one form, and prove nothing under a root that nobody made.
fn made_up(bytes: &[u8]) {
    match Proof::from_bytes(bytes) {
        Ok(proof) => {
            assert_eq!(proof.to_bytes(), bytes);
            let found = proof.page(&[1; 32], &Address([1; 20]), &SLOT, 0);
            assert!(found.is_err(), "{found:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Pages by contract and number.
type State = BTreeMap<(u8, u8), u8>;

/// Blocks of pages, applied to a tree and to a map; then proofs, as they are and with a byte changed.
fn kept(source: &mut Source<'_>) {
    let (mut rows, mut state) = (Memory::default(), State::new());
    for _ in 0..source.below(8) {
        let mut block = BTreeMap::new();
        for _ in 0..source.below(12) {
            let (contract, number, fill) = (source.below(3), source.below(24), source.below(4));
            block.insert(page(&Address([contract; 20]), &SLOT, number.into()), [fill; 32]);
            state.insert((contract, number), fill);
        }
        let change = apply(&mut rows, &block).unwrap();
        rows.extend(change.rows);
        assert_eq!(change.root, root_of(&state));
        assert_eq!(root(&mut rows), Ok(change.root));
    }
    let root = root_of(&state);
    if root == EMPTY {
        assert!(rows.is_empty(), "rows are left of nothing");
    }
    for _ in 0..4 {
        let (contract, number) = (source.below(4), source.below(26));
        let address = Address([contract; 20]);
        let held = [state.get(&(contract, number)).copied().unwrap_or(0); 32];
        let proof = prove(&mut rows, &address, &SLOT, number.into()).unwrap();
        let said = |proof: &Proof| proof.page(&root, &address, &SLOT, number.into());
        assert_eq!(said(&proof), Ok(held));
        let mut bytes = proof.to_bytes();
        assert_eq!(Proof::from_bytes(&bytes), Ok(proof));
        let at = usize::from(source.u16()) % bytes.len();
        bytes[at] ^= source.byte();
        if let Ok(changed) = Proof::from_bytes(&bytes)
            && let Ok(lie) = said(&changed)
        {
            assert_eq!(lie, held);
        }
    }
}

fn root_of(state: &State) -> Digest {
    let storage = |of: u8| {
        let pages = state.iter().filter(|((contract, _), fill)| *contract == of && **fill != 0);
        tree(
            pages
                .map(|((_, number), fill)| (page_key(&Address([of; 20]), &SLOT, (*number).into()), [*fill; 32]))
                .collect(),
            0,
        )
    };
    let contracts = (0..3).map(|of| (contract_key(&Address([of; 20])), storage(of)));
    tree(contracts.filter(|(_, storage)| *storage != EMPTY).collect(), 0)
}

fn tree(leaves: Vec<(Digest, Digest)>, depth: usize) -> Digest {
    match leaves[..] {
        [] => EMPTY,
        [(key, value)] => leaf(&key, &value),
        _ => {
            let (one, zero) = leaves.into_iter().partition(|(key, _)| key[depth / 8] >> (7 - depth % 8) & 1 == 1);
            node(&tree(zero, depth + 1), &tree(one, depth + 1))
        }
    }
}
