//! What every ledger must know of the states of heights.

use std::collections::BTreeMap;

use subvm_core::host::page::PAGES;
use subvm_core::state::{Digest, EMPTY, contract_key, leaf, node, page_key};
use subvm_core::{Address, SlotId};

use super::{A, B, Broken, Pages, S, apply, bytes, done, expect, page, refuses};
use crate::Ledger;

/// Checks the states of `heights`, as far as they are kept, against a model's.
pub(super) fn check<L: Ledger>(ledger: &mut L, at: impl Fn(u64) -> Pages, heights: [u64; 2]) -> Result<(), Broken> {
    const ROOT: &str = "the root of a height is that of the pages that it holds";
    let lowest = done("the lowest height that is kept can be asked for", ledger.lowest())?;
    for height in heights.into_iter().chain([lowest]).filter(|height| *height >= lowest) {
        let state = at(height);
        let expected = root(&state);
        expect(ROOT, done(ROOT, ledger.root(height))?, expected)?;
        for contract in 0..2 {
            reads(ledger, height, contract, &state)?;
        }
        let (contract, number) = ((height % 2) as u8, (height % 7) as u32);
        proves(ledger, height, (contract, number), &expected, &state)?;
    }
    Ok(())
}

fn reads<L: Ledger>(ledger: &mut L, height: u64, contract: u8, state: &Pages) -> Result<(), Broken> {
    const READ: &str = "the state of a height that is kept can be read";
    let mut found = vec![0xee; 6 * 32];
    done(READ, ledger.read_at(height, &Address([contract; 20]), &S, 0, &mut found))?;
    expect(READ, found, bytes(state, contract))
}

fn proves<L: Ledger>(
    ledger: &mut L,
    height: u64,
    (contract, number): (u8, u32),
    root: &Digest,
    state: &Pages,
) -> Result<(), Broken> {
    const PROOF: &str = "a proof says what a page holds, there or not, under the root of its height";
    let address = Address([contract; 20]);
    let proof = done(PROOF, ledger.prove(height, &address, &S, number))?;
    let proven = proof.page(root, &address, &S, number);
    let held = state.get(&(contract, number)).copied().unwrap_or(0);
    expect(PROOF, proven.map_err(|error| error.to_string()), Ok([held; 32]))?;
    let digest = proof.storage(root, &address).map_err(|error| error.to_string());
    expect("a contract's digest is that of its pages", digest, Ok(storage(state, contract)))
}

/// The root of a state, as the specification has it, without a tree that is kept.
fn root(state: &Pages) -> Digest {
    let contracts: BTreeMap<Digest, Digest> = (0..2)
        .map(|contract| (contract_key(&Address([contract; 20])), storage(state, contract)))
        .filter(|(_, storage)| *storage != EMPTY)
        .collect();
    tree(&contracts.into_iter().collect::<Vec<_>>(), 0)
}

fn storage(state: &Pages, of: u8) -> Digest {
    let pages = state.iter().filter(|((contract, _), fill)| *contract == of && **fill != 0);
    let pages: BTreeMap<Digest, Digest> =
        pages.map(|((_, number), fill)| (page_key(&Address([of; 20]), &S, *number), [*fill; 32])).collect();
    tree(&pages.into_iter().collect::<Vec<_>>(), 0)
}

fn tree(leaves: &[(Digest, Digest)], depth: usize) -> Digest {
    match leaves {
        [] => EMPTY,
        [(key, value)] => leaf(key, value),
        _ => {
            let bit = |key: &Digest| key[depth / 8] >> (7 - depth % 8) & 1;
            let (zero, one) = leaves.split_at(leaves.partition_point(|(key, _)| bit(key) == 0));
            node(&tree(zero, depth + 1), &tree(one, depth + 1))
        }
    }
}

pub(super) fn has_states<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const EMPTY_ROOT: &str = "the state before the first block is empty";
    const THERE: &str = "what has no state is refused";
    expect(EMPTY_ROOT, done(EMPTY_ROOT, ledger.root(0))?, EMPTY)?;
    refuses(THERE, ledger.root(1).map(drop), "height 1 had a root before it was applied")?;
    apply(ledger, &A, &[page(S, 0, 1), page(S, PAGES - 1, 2)], 3)?;
    apply(ledger, &B, &[page(S, 0, 1)], 3)?;
    let both = done(EMPTY_ROOT, ledger.root(3))?;
    expect("a height without a block has the state of the one below", done(THERE, ledger.root(2))?, EMPTY)?;
    apply(ledger, &A, &[page(S, 0, 0)], 4)?;
    apply(ledger, &A, &[page(S, PAGES - 1, 0)], 5)?;
    let proof = done(THERE, ledger.prove(5, &A, &S, 0))?;
    let alone = done(THERE, ledger.root(5))?;
    expect("a contract that holds zeros alone is none", proof.storage(&alone, &A), Ok(EMPTY))?;
    apply(ledger, &A, &[page(S, PAGES - 1, 2), page(S, 0, 1)], 6)?;
    expect("a root depends on what is there, not on how it came there", done(THERE, ledger.root(6))?, both)?;
    let proof = done(THERE, ledger.prove(6, &B, &S, 9))?;
    let digest = done(THERE, ledger.storage_root(6, &B))?;
    expect("a contract's digest is the one that proofs lead over", proof.storage(&both, &B), Ok(digest))?;
    refuses(THERE, ledger.read_at(7, &A, &S, 0, &mut [0]), "height 7 was read before it was applied")?;
    refuses(THERE, ledger.read_at(6, &A, &S, u32::MAX, &mut [0; 2]), "byte 2^32 was read")?;
    refuses(THERE, ledger.prove(6, &A, &S, PAGES).map(drop), "page 2^27 was proven")?;
    done(THERE, ledger.rollback(3))?;
    expect("rolling back restores the root of that height", done(THERE, ledger.root(3))?, both)?;
    refuses(THERE, ledger.root(4).map(drop), "height 4 had a root after it was taken back")
}

pub(super) fn forgets<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const PRUNED: &str = "what is pruned is refused, and all else is as it was";
    (1..=6).try_for_each(|height| apply(ledger, &A, &[page(S, 0, height as u8)], height))?;
    let slot = SlotId(S.0);
    refuses(PRUNED, ledger.prune(1), "what is not final was forgotten")?;
    done(PRUNED, ledger.finalize(4))?;
    let roots = [4, 5, 6].map(|height| ledger.root(height));
    done(PRUNED, ledger.prune(4))?;
    done(PRUNED, ledger.prune(2))?;
    expect(PRUNED, done(PRUNED, ledger.lowest())?, 4)?;
    refuses(PRUNED, ledger.root(3).map(drop), "the root of height 3 was there")?;
    refuses(PRUNED, ledger.read_at(3, &A, &slot, 0, &mut [0]), "height 3 was read")?;
    for (height, root) in (4..).zip(roots) {
        expect(PRUNED, done(PRUNED, ledger.root(height))?, done(PRUNED, root)?)?;
        let mut byte = [0];
        done(PRUNED, ledger.read_at(height, &A, &slot, 0, &mut byte))?;
        expect(PRUNED, byte, [height as u8])?;
    }
    Ok(())
}
