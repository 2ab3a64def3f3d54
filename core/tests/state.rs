//! Digests of states and proofs under them, beside a model that keeps every key in a sorted list: `docs/spec/state.md`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use subvm_core::state::{
    Branch, Digest, EMPTY, End, MOST_BYTES, MOST_SIBLINGS, Proof, ProofError, contract_key, leaf, node, page_key,
};
use subvm_core::{Address, SlotId};

const SLOT: SlotId = SlotId([3; 32]);

type Leaves = Vec<(Digest, Digest)>;

fn bit(key: &Digest, at: usize) -> bool {
    key[at / 8] & (0x80 >> (at % 8)) != 0
}

/// The digest of a tree, as the specification says it.
fn root(leaves: &[(Digest, Digest)], depth: usize) -> Digest {
    match leaves {
        [] => EMPTY,
        [(key, value)] => leaf(key, value),
        _ => {
            let half = |one| leaves.iter().filter(|(key, _)| bit(key, depth) == one).copied().collect::<Leaves>();
            node(&root(&half(false), depth + 1), &root(&half(true), depth + 1))
        }
    }
}

/// The way to a key.
fn branch(mut leaves: Leaves, own: &Digest) -> Branch {
    let mut siblings = Vec::new();
    while leaves.len() > 1 {
        let depth = siblings.len();
        let (same, other) = leaves.into_iter().partition(|(key, _)| bit(key, depth) == bit(own, depth));
        leaves = same;
        siblings.push(root(&other, depth + 1));
    }
    let end = match leaves[..] {
        [] => End::Nothing,
        [(key, value)] if key == *own => End::Own(value),
        [(key, value)] => End::Other { key, value },
        _ => unreachable!(),
    };
    Branch { siblings, end }
}

/// Pages by contract and number, each filled with one byte.
type State = BTreeMap<(u8, u32), u8>;

fn address(contract: u8) -> Address {
    Address([contract; 20])
}

fn storage(state: &State, of: u8) -> Leaves {
    let pages = state.iter().filter(|((contract, _), _)| *contract == of);
    pages.map(|((_, page), fill)| (page_key(&address(of), &SLOT, *page), [*fill; 32])).collect()
}

fn contracts(state: &State) -> Leaves {
    let contracts: BTreeMap<u8, Digest> =
        state.keys().map(|(contract, _)| (*contract, root(&storage(state, *contract), 0))).collect();
    contracts.into_iter().map(|(contract, storage)| (contract_key(&address(contract)), storage)).collect()
}

fn prove(state: &State, contract: u8, page: u32) -> (Digest, Proof) {
    let contracts = contracts(state);
    let top = root(&contracts, 0);
    let way = branch(contracts, &contract_key(&address(contract)));
    let there = matches!(way.end, End::Own(_));
    let page = there.then(|| branch(storage(state, contract), &page_key(&address(contract), &SLOT, page)));
    (top, Proof { contract: way, page })
}

fn states() -> impl Strategy<Value = State> {
    proptest::collection::btree_map((0..5_u8, 0..12_u32), 1..=255_u8, 0..40)
}

proptest! {
    #[test]
    fn a_proof_says_what_a_page_holds_whether_it_is_there_or_not(state in states(), contract in 0..6_u8, page in 0..14_u32) {
        let (root, proof) = prove(&state, contract, page);
        let held = state.get(&(contract, page)).copied().unwrap_or(0);
        prop_assert_eq!(proof.page(&root, &address(contract), &SLOT, page), Ok([held; 32]));
        let bytes = proof.to_bytes();
        prop_assert!(bytes.len() <= MOST_BYTES);
        prop_assert_eq!(Proof::from_bytes(&bytes), Ok(proof));
    }

    #[test]
    fn no_proof_says_anything_else(
        state in states(), contract in 0..6_u8, page in 0..14_u32, at in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let (root, proof) = prove(&state, contract, page);
        let mut bytes = proof.to_bytes();
        *at.get_mut(&mut bytes) ^= flip;
        if let Ok(changed) = Proof::from_bytes(&bytes) {
            prop_assert_eq!(&changed.to_bytes(), &bytes, "one form");
            let said = changed.page(&root, &address(contract), &SLOT, page);
            prop_assert!(said.is_err(), "{:?} instead of {:?}", said, state.get(&(contract, page)));
        }
        // A true proof of one page is none of another that holds something else.
        for (other, fill) in &state {
            let said = proof.page(&root, &address(other.0), &SLOT, other.1);
            prop_assert!(said.is_err() || said == Ok([*fill; 32]));
        }
        // Nor of the state before or after a change.
        let mut next = state.clone();
        next.entry((contract, page)).and_modify(|fill| *fill = fill.wrapping_add(1).max(1)).or_insert(1);
        let (next_root, _) = prove(&next, contract, page);
        if next != state {
            prop_assert!(proof.page(&next_root, &address(contract), &SLOT, page).is_err());
        }
    }

    #[test]
    fn whatever_is_read_is_written_alike(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [&[1], &bytes[..]].concat();
        if let Ok(proof) = Proof::from_bytes(&bytes) {
            prop_assert_eq!(proof.to_bytes(), bytes);
        }
    }
}

#[test]
fn a_way_is_as_long_as_a_key_and_no_longer() {
    // Two keys that differ in their last bit.
    let (contract, key) = (address(1), contract_key(&address(1)));
    let mut other = key;
    other[31] ^= 1;
    let (own, beside) = (leaf(&key, &[1; 32]), leaf(&other, &[2; 32]));
    let leaves = vec![(key, [1; 32]), (other, [2; 32])];
    let root = root(&leaves, 0);
    let way = branch(leaves, &key);
    assert_eq!(way.siblings.len(), MOST_SIBLINGS);
    assert_eq!(way.value(&root, &key), Ok(Some([1; 32])));
    assert_eq!(way.siblings.last(), Some(&beside));
    let page = Some(Branch { siblings: vec![], end: End::Nothing });
    let proof = Proof { contract: way.clone(), page: page.clone() };
    assert_eq!(Proof::from_bytes(&proof.to_bytes()), Ok(proof));
    // The storage of that contract cannot come to [1; 32]: what is below proves nothing.
    assert!(Proof { contract: way.clone(), page }.page(&root, &contract, &SLOT, 0).is_err());

    let longer = Branch { siblings: [way.siblings, vec![own]].concat(), end: End::Own([1; 32]) };
    assert!(longer.value(&root, &key).is_err());
    let bytes = Proof { contract: longer, page: None }.to_bytes();
    assert!(matches!(Proof::from_bytes(&bytes), Err(ProofError::Malformed(_))));
}

#[test]
fn what_is_no_proof_is_refused_in_words() {
    let refused = |bytes: &[u8], words: &str| {
        let error = Proof::from_bytes(bytes).expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&[], "ends too early");
    refused(&[2, 0, 0], "another version");
    refused(&[1, 0, 3], "of no kind");
    refused(&[1, 0, 0, 0], "something follows");
    refused(&[1, 0x81, 2], "longer than a key");
    refused(&[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], "too large");
    refused(&[1, 1, 0, 0], "beside nothing");
    refused(&[1, 1, 3], "stands for no sibling");
    refused(&[&[1, 1, 1][..], &[0; 32], &[0]].concat(), "nothing is written as something");
    refused(&[&[1, 0, 1][..], &[0; 32]].concat(), "nothing is written as something");
    refused(&vec![1; MOST_BYTES + 1], "longer than a proof can be");
}
