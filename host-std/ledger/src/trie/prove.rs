//! Reading roots and proofs out of a tree.

use subvm_core::state::{Branch, Digest, EMPTY, End, Proof, contract_key, page_key};
use subvm_core::{Address, SlotId};

use super::node::{Entry, Node};
use super::{Path, STATE, Store, TrieError, nibble, storage};

/// The root of the state that the tree in `store` is of.
///
/// # Errors
/// [`TrieError`].
///
/// # Cost
/// One row.
pub fn root<S: Store>(store: &mut S) -> Result<Digest, TrieError<S::Error>> {
    Ok(row(store, &STATE.to_vec())?.map_or(EMPTY, |row| row.digest()))
}

/// The digest of a contract's storage.
///
/// # Errors
/// [`TrieError`].
///
/// # Cost
/// One row.
pub fn storage_root<S: Store>(store: &mut S, contract: &Address) -> Result<Digest, TrieError<S::Error>> {
    Ok(row(store, &storage(&contract.0))?.map_or(EMPTY, |row| row.digest()))
}

/// A proof of what a page of the state holds, under its [`root`].
///
/// # Errors
/// [`TrieError`].
///
/// # Cost
/// The rows on two ways.
pub fn prove<S: Store>(
    store: &mut S,
    contract: &Address,
    slot: &SlotId,
    page: u32,
) -> Result<Proof, TrieError<S::Error>> {
    let way = branch(store, STATE.to_vec(), &contract_key(contract))?;
    let page = match way.end {
        End::Own(_) => Some(branch(store, storage(&contract.0), &page_key(contract, slot, page))?),
        End::Nothing | End::Other { .. } => None,
    };
    Ok(Proof { contract: way, page })
}

/// The way from the row at `path`, a root, to where `key` belongs.
pub(super) fn branch<S: Store>(store: &mut S, mut path: Path, key: &Digest) -> Result<Branch, TrieError<S::Error>> {
    let mut siblings = Vec::new();
    let mut next = row(store, &path)?;
    for depth in 0..64 {
        let (beside, entry) = next.unwrap_or_default().way(nibble(key, depth));
        siblings.extend(beside);
        let end = match entry {
            None => End::Nothing,
            Some(Entry::Leaf(own, value)) if own == *key => End::Own(value),
            Some(Entry::Leaf(key, value)) => End::Other { key, value },
            Some(Entry::Inner(_)) => {
                path.push(nibble(key, depth));
                next = Some(row(store, &path)?.ok_or_else(|| TrieError::torn(&path))?);
                continue;
            }
        };
        return Ok(Branch { siblings, end });
    }
    // Two keys that are one.
    Err(TrieError::torn(&path))
}

pub(super) fn row<S: Store>(store: &mut S, path: &Path) -> Result<Option<Node>, TrieError<S::Error>> {
    let row = store.rows(std::slice::from_ref(path)).map_err(TrieError::Store)?.pop().flatten();
    match row {
        Some(bytes) => Node::decode(&bytes).map(Some).ok_or_else(|| TrieError::torn(path)),
        None => Ok(None),
    }
}
