//! What a change of pages makes of a tree.

use std::collections::{BTreeMap, BTreeSet};

use subvm_core::Address;
use subvm_core::SlotId;
use subvm_core::state::{Digest, EMPTY, contract_key, page_key};

use super::node::{Entry, Node};
use super::{Path, Rows, STATE, Store, TrieError, contract_of, nibble, storage};
use crate::page::{Key, number};

/// What a change of pages comes to.
///
/// ```
/// use std::collections::BTreeMap;
/// use subvm_core::state::EMPTY;
/// use subvm_ledger::trie::{Memory, apply};
/// let change = apply(&mut Memory::default(), &BTreeMap::new())?;
/// assert!(change.root == EMPTY && change.rows.is_empty());
/// # Ok::<(), subvm_ledger::trie::TrieError<std::convert::Infallible>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The root of the state after it.
    pub root: Digest,
    /// The rows that it changes.
    pub rows: Rows,
}

/// Works out what becomes of the tree in `store` when these pages hold these bytes, zeros where a page is no more. Nothing is written.
///
/// # Errors
/// [`TrieError`].
///
/// # Cost
/// For each page the rows on its way, about one for each factor of 16 in the number of pages; those of a block are shared.
pub fn apply<S: Store>(store: &mut S, pages: &BTreeMap<[u8; 56], [u8; 32]>) -> Result<Change, TrieError<S::Error>> {
    let mut contracts: BTreeMap<[u8; 20], Vec<(Digest, Digest)>> = BTreeMap::new();
    for (key, content) in pages {
        contracts.entry(contract_of(key)).or_default().push((hashed(key), *content));
    }
    let state: BTreeMap<Digest, [u8; 20]> =
        contracts.keys().map(|contract| (contract_key(&Address(*contract)), *contract)).collect();

    let mut trie = Trie { rows: BTreeMap::new(), changed: BTreeSet::new() };
    let ways = contracts.iter_mut().flat_map(|(contract, pages)| {
        pages.sort_unstable();
        let root = storage(contract);
        pages.iter().map(move |(key, _)| (root.clone(), *key))
    });
    let ways: Vec<_> = ways.chain(state.keys().map(|key| (STATE.to_vec(), *key))).collect();
    trie.load(store, ways)?;

    let mut roots = Vec::with_capacity(state.len());
    for (key, contract) in state {
        roots.push((key, trie.change(storage(&contract), &contracts[&contract])?));
    }
    let root = if roots.is_empty() { super::root(store)? } else { trie.change(STATE.to_vec(), &roots)? };
    Ok(Change { root, rows: trie.into_changed() })
}

/// The key of a page in the tree of its contract's storage.
pub(super) fn hashed(key: &Key) -> Digest {
    let mut slot = [0; 32];
    slot.copy_from_slice(&key[20..52]);
    page_key(&Address(contract_of(key)), &SlotId(slot), number(key))
}

/// Rows that were read, and what became of them.
struct Trie {
    rows: BTreeMap<Path, Option<Node>>,
    changed: BTreeSet<Path>,
}

impl Trie {
    /// Reads all rows on these ways, from a root to where a key belongs, level by level.
    fn load<S: Store>(&mut self, store: &mut S, mut ways: Vec<(Path, Digest)>) -> Result<(), TrieError<S::Error>> {
        for depth in 0..64 {
            let mut paths: Vec<Path> = ways.iter().map(|(path, _)| path.clone()).collect();
            paths.sort_unstable();
            paths.dedup();
            if paths.is_empty() {
                break;
            }
            let rows = store.rows(&paths).map_err(TrieError::Store)?;
            for (path, row) in paths.into_iter().zip(rows) {
                let row = match row {
                    Some(bytes) => Some(Node::decode(&bytes).ok_or_else(|| TrieError::torn(&path))?),
                    None => None,
                };
                self.rows.insert(path, row);
            }
            ways.retain_mut(|(path, key)| {
                let next = nibble(key, depth);
                let row = self.rows.get(path).and_then(Option::as_ref);
                path.push(next);
                matches!(row.and_then(|row| row.get(next)), Some(Entry::Inner(_)))
            });
        }
        Ok(())
    }

    /// Makes changes, ascending by their keys, to the tree whose root stands at `path`. Its digest.
    fn change<E>(&mut self, mut path: Path, changes: &[(Digest, Digest)]) -> Result<Digest, TrieError<E>> {
        let (row, depth) = (self.rows.get(&path).cloned().flatten().unwrap_or_default(), 0);
        let row = self.changed_row(&mut path, depth, row, changes)?;
        let digest = row.digest();
        self.put(path, (!row.0.is_empty()).then_some(row));
        Ok(digest)
    }

    fn changed_row<E>(
        &mut self,
        path: &mut Path,
        depth: usize,
        mut row: Node,
        changes: &[(Digest, Digest)],
    ) -> Result<Node, TrieError<E>> {
        for group in changes.chunk_by(|(a, _), (b, _)| nibble(a, depth) == nibble(b, depth)) {
            let next = nibble(&group[0].0, depth);
            path.push(next);
            let entry = self.changed_entry(path, depth + 1, row.get(next), group)?;
            path.pop();
            row.set(next, entry);
        }
        Ok(row)
    }

    /// What stands at `path` after changes that all belong below it.
    fn changed_entry<E>(
        &mut self,
        path: &mut Path,
        depth: usize,
        entry: Option<Entry>,
        changes: &[(Digest, Digest)],
    ) -> Result<Option<Entry>, TrieError<E>> {
        if let Some(Entry::Inner(_)) = entry {
            let row = self.rows.get(path).cloned().flatten().ok_or_else(|| TrieError::torn(path))?;
            return self.settled(path, depth, row, changes);
        }
        let mut leaves: Vec<(Digest, Digest)> = changes.iter().filter(|(_, value)| *value != EMPTY).copied().collect();
        // A leaf that is there joins them, unless it is what changes.
        if let Some(Entry::Leaf(key, value)) = entry
            && changes.binary_search_by_key(&key, |(key, _)| *key).is_err()
        {
            let at = leaves.partition_point(|(other, _)| *other < key);
            leaves.insert(at, (key, value));
        }
        match leaves[..] {
            [] => Ok(None),
            [(key, value)] => Ok(Some(Entry::Leaf(key, value))),
            _ => self.settled(path, depth, Node::default(), &leaves),
        }
    }

    /// Changes a row below a root, which is there only while it holds two keys or more.
    fn settled<E>(
        &mut self,
        path: &mut Path,
        depth: usize,
        row: Node,
        changes: &[(Digest, Digest)],
    ) -> Result<Option<Entry>, TrieError<E>> {
        let row = self.changed_row(path, depth, row, changes)?;
        let (entry, row) = match row.0[..] {
            [] => (None, None),
            [(_, entry @ Entry::Leaf(..))] => (Some(entry), None),
            _ => (Some(Entry::Inner(row.digest())), Some(row)),
        };
        self.put(path.clone(), row);
        Ok(entry)
    }

    fn put(&mut self, path: Path, row: Option<Node>) {
        // Most of what is written is what was there only where a page is written as it was.
        if self.rows.get(&path).unwrap_or(&None) != &row {
            self.changed.insert(path.clone());
        }
        self.rows.insert(path, row);
    }

    fn into_changed(mut self) -> Rows {
        let rows = self.changed.into_iter();
        rows.map(|path| {
            let row = self.rows.remove(&path).flatten();
            (path, row.map(|row| row.encode()))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trie::Memory;
    use subvm_core::state::{leaf, node};

    /// Makes changes to the tree of the state, whatever the keys are; its digest.
    fn changed(rows: &mut Memory, mut changes: Vec<(Digest, Digest)>) -> Digest {
        changes.sort_unstable();
        let mut trie = Trie { rows: BTreeMap::new(), changed: BTreeSet::new() };
        trie.load(rows, changes.iter().map(|(key, _)| (STATE.to_vec(), *key)).collect()).unwrap();
        let digest = trie.change::<()>(STATE.to_vec(), &changes).unwrap();
        rows.extend(trie.into_changed());
        digest
    }

    fn with_last_byte(byte: u8) -> Digest {
        let mut key = [0xa5; 32];
        key[31] = byte;
        key
    }

    /// What whoever could choose hashed keys would choose: keys that have all but their last bits in common.
    #[test]
    fn keys_in_common_to_the_last_bit_make_64_rows_and_leave_none() {
        let mut rows = Memory::default();
        let (zero, one, two) = (with_last_byte(0), with_last_byte(1), with_last_byte(2));
        assert_eq!(changed(&mut rows, vec![(zero, [1; 32])]), leaf(&zero, &[1; 32]));
        assert_eq!(rows.len(), 1);
        let both = changed(&mut rows, vec![(one, [2; 32])]);
        assert_eq!(rows.len(), 64);
        let mut digest = node(&leaf(&zero, &[1; 32]), &leaf(&one, &[2; 32]));
        for at in (0..255).rev() {
            let bit = zero[at / 8] >> (7 - at % 8) & 1;
            digest = if bit == 1 { node(&EMPTY, &digest) } else { node(&digest, &EMPTY) };
        }
        assert_eq!(both, digest);
        // The order does not show, and a third one goes as it came.
        assert_ne!(changed(&mut rows, vec![(two, [3; 32])]), both);
        assert_eq!(changed(&mut rows, vec![(two, EMPTY)]), both);
        assert_eq!(changed(&mut Memory::default(), vec![(one, [2; 32]), (zero, [1; 32])]), both);
        assert_eq!(changed(&mut rows, vec![(one, EMPTY)]), leaf(&zero, &[1; 32]));
        assert_eq!(rows.len(), 1);
        assert_eq!(changed(&mut rows, vec![(zero, EMPTY), (two, EMPTY)]), EMPTY);
        assert!(rows.is_empty());
    }

    #[test]
    fn a_row_that_is_missing_or_torn_is_said_so() {
        let mut rows = Memory::default();
        let page = |number| crate::trie::page(&Address([1; 20]), &SlotId([0; 32]), number);
        let pages: BTreeMap<Key, _> = (0..40).map(|number| (page(number), [1; 32])).collect();
        let change = apply(&mut rows, &pages).unwrap();
        let deep = change.rows.keys().find(|path| path.len() == 22).unwrap().clone();
        rows.extend(change.rows);
        let whole = rows.clone();
        rows.extend(Rows::from([(deep.clone(), None)]));
        let all: BTreeMap<Key, _> = pages.keys().map(|page| (*page, [2; 32])).collect();
        assert!(matches!(apply(&mut rows, &all), Err(TrieError::Torn { .. })), "it is missing");
        rows = whole;
        rows.extend(Rows::from([(deep, Some(vec![1, 2, 3]))]));
        let error = apply(&mut rows, &all).unwrap_err();
        assert!(error.to_string().contains("missing or malformed"), "{error}");
    }
}
