//! Whether a tree is that of the pages beside it, row by row.

use subvm_core::Address;
use subvm_core::state::{Digest, EMPTY, End, contract_key};

use super::node::Entry;
use super::prove::{branch, row};
use super::{Path, STATE, Store, TrieError, contract_of, storage};
use crate::page::Key;

/// What a ledger that was verified holds in its newest state.
///
/// ```
/// use subvm_core::{Address, PageWrite, SlotId};
/// use subvm_ledger::{History, Ledger, RedbLedger};
/// let mut ledger = RedbLedger::in_memory()?;
/// ledger.apply(&Address([7; 20]), &[PageWrite { slot: SlotId([0; 32]), page: 0, content: [1; 32] }], 1)?;
/// let verified = ledger.snapshot()?.verify()?;
/// assert_eq!((verified.root, verified.contracts, verified.pages), (ledger.root(1)?, 1, 1));
/// # Ok::<(), subvm_ledger::LedgerError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The root of the newest state.
    pub root: Digest,
    /// Contracts that stored something.
    pub contracts: u64,
    /// Pages that hold something.
    pub pages: u64,
    /// Rows of the tree of digests.
    pub rows: u64,
}

/// Takes all pages of a state, ascending, and compares the tree with them.
#[derive(Default)]
pub(crate) struct Verifier {
    verified: Verified,
    /// The contract whose pages come, and how many came.
    contract: Option<([u8; 20], u64)>,
}

impl Verifier {
    /// The next page.
    pub(crate) fn page<S: Store>(
        &mut self,
        store: &mut S,
        key: &Key,
        content: &[u8; 32],
    ) -> Result<(), TrieError<S::Error>> {
        if *content == EMPTY {
            return Ok(());
        }
        let contract = contract_of(key);
        if self.contract.is_none_or(|(before, _)| before != contract) {
            self.contract_ends(store)?;
            self.contract = Some((contract, 0));
        }
        let path = storage(&contract);
        if branch(store, path.clone(), &super::change::hashed(key))?.end != End::Own(*content) {
            return Err(TrieError::torn(&path));
        }
        self.contract = self.contract.map(|(contract, pages)| (contract, pages + 1));
        Ok(())
    }

    fn contract_ends<S: Store>(&mut self, store: &mut S) -> Result<(), TrieError<S::Error>> {
        let Some((contract, pages)) = self.contract.take() else { return Ok(()) };
        let path = storage(&contract);
        let tree = walk(store, path.clone())?;
        let key = contract_key(&Address(contract));
        if tree.leaves != pages || branch(store, STATE.to_vec(), &key)?.end != End::Own(tree.digest) {
            return Err(TrieError::torn(&path));
        }
        self.verified.contracts += 1;
        self.verified.pages += pages;
        self.verified.rows += tree.rows;
        Ok(())
    }

    /// After the last page.
    pub(crate) fn finish<S: Store>(mut self, store: &mut S) -> Result<Verified, TrieError<S::Error>> {
        self.contract_ends(store)?;
        let tree = walk(store, STATE.to_vec())?;
        if tree.leaves != self.verified.contracts {
            return Err(TrieError::torn(&STATE));
        }
        Ok(Verified { root: tree.digest, rows: self.verified.rows + tree.rows, ..self.verified })
    }
}

/// What stands below a row.
struct Tree {
    digest: Digest,
    leaves: u64,
    rows: u64,
}

/// Goes through all rows from this root on, each of which must have the digest that is written above it.
fn walk<S: Store>(store: &mut S, root: Path) -> Result<Tree, TrieError<S::Error>> {
    let mut tree = Tree { digest: EMPTY, leaves: 0, rows: 0 };
    let Some(first) = row(store, &root)? else { return Ok(tree) };
    tree.digest = first.digest();
    let mut open = vec![(root, tree.digest)];
    while let Some((path, digest)) = open.pop() {
        let row = row(store, &path)?.filter(|row| row.digest() == digest).ok_or_else(|| TrieError::torn(&path))?;
        tree.rows += 1;
        for (nibble, entry) in row.0 {
            match entry {
                Entry::Leaf(..) => tree.leaves += 1,
                Entry::Inner(digest) => open.push(([&path[..], &[nibble]].concat(), digest)),
            }
        }
    }
    Ok(tree)
}
