//! The tree that digests of the state are of, for stores of one's own: [`apply`] says which rows a block changes, [`prove`] reads a proof
//! out of them. Source: `docs/spec/state.md`; why it is kept in rows of sixteen: `docs/RATIONALE.md#roots-of-the-state`.
//!
//! ```
//! use std::collections::BTreeMap;
//! use subvm_core::{Address, SlotId};
//! use subvm_ledger::trie::{Memory, apply, page, prove};
//!
//! let (contract, slot) = (Address([7; 20]), SlotId([0; 32]));
//! let mut rows = Memory::default();
//! let change = apply(&mut rows, &BTreeMap::from([(page(&contract, &slot, 3), [9; 32])]))?;
//! rows.extend(change.rows);
//! let proof = prove(&mut rows, &contract, &slot, 3)?;
//! assert_eq!(proof.page(&change.root, &contract, &slot, 3), Ok([9; 32]));
//! # Ok::<(), subvm_ledger::trie::TrieError<std::convert::Infallible>>(())
//! ```

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use subvm_core::state::Digest;
use subvm_core::{Address, SlotId};

mod change;
mod node;
mod prove;
#[cfg(any(feature = "redb", feature = "postgres"))]
mod verify;

pub use change::{Change, apply};
pub use prove::{prove, root, storage_root};
#[cfg(any(feature = "redb", feature = "postgres"))]
pub use verify::Verified;
#[cfg(any(feature = "redb", feature = "postgres"))]
pub(crate) use verify::Verifier;

use crate::page::{Key, key};

/// Where a row stands: 0, or 1 and a contract's address; then the nibbles of the way to it, a byte for each.
pub type Path = Vec<u8>;

/// Rows by where they stand: what is to be written, and where there is nothing, removed.
pub type Rows = BTreeMap<Path, Option<Vec<u8>>>;

/// A page's place in the whole state, as [`apply`] wants it: contract ++ slot ++ number, big-endian.
///
/// ```
/// use subvm_core::{Address, SlotId};
/// assert_eq!(subvm_ledger::trie::page(&Address([7; 20]), &SlotId([0; 32]), 258)[52..], [0, 0, 1, 2]);
/// ```
#[must_use]
pub fn page(contract: &Address, slot: &SlotId, number: u32) -> [u8; 56] {
    key(contract, slot, number)
}

/// Where rows are kept.
pub trait Store {
    /// Why rows cannot be had.
    type Error;

    /// The rows at these paths, each as it was written, or nothing where there is none. The paths ascend, and are of one depth, so that a
    /// server is asked once for each level.
    ///
    /// # Errors
    /// Where they cannot be had.
    fn rows(&mut self, paths: &[Path]) -> Result<Vec<Option<Vec<u8>>>, Self::Error>;
}

/// Why a tree could not be read or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrieError<E> {
    /// Its rows cannot be had.
    Store(E),
    /// A row is not there, or is none.
    Torn {
        /// Where it stands, in hexadecimal.
        path: String,
    },
}

impl<E: fmt::Display> fmt::Display for TrieError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Torn { path } => write!(f, "row {path} of the tree of digests is missing or malformed"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for TrieError<E> {}

impl<E> TrieError<E> {
    fn torn(path: &[u8]) -> Self {
        Self::Torn { path: path.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

/// Rows in memory.
///
/// ```
/// use subvm_core::state::EMPTY;
/// use subvm_ledger::trie::{Memory, root};
/// assert_eq!(root(&mut Memory::default()), Ok(EMPTY));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory(BTreeMap<Path, Vec<u8>>);

impl Memory {
    /// Writes what a change says.
    pub fn extend(&mut self, rows: Rows) {
        for (path, row) in rows {
            match row {
                Some(row) => self.0.insert(path, row),
                None => self.0.remove(&path),
            };
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Store for Memory {
    type Error = Infallible;

    fn rows(&mut self, paths: &[Path]) -> Result<Vec<Option<Vec<u8>>>, Infallible> {
        Ok(paths.iter().map(|path| self.0.get(path).cloned()).collect())
    }
}

/// Rows of a store as they would be after a change.
pub(crate) struct Changed<'s, S> {
    pub(crate) store: &'s mut S,
    pub(crate) rows: Rows,
}

impl<S: Store> Store for Changed<'_, S> {
    type Error = S::Error;

    fn rows(&mut self, paths: &[Path]) -> Result<Vec<Option<Vec<u8>>>, S::Error> {
        let under: Vec<Path> = paths.iter().filter(|path| !self.rows.contains_key(*path)).cloned().collect();
        let mut under = self.store.rows(&under)?.into_iter();
        Ok(paths.iter().map(|path| self.rows.get(path).cloned().unwrap_or_else(|| under.next().flatten())).collect())
    }
}

/// The path of the root of a contract's storage.
fn storage(contract: &[u8; 20]) -> Path {
    [&[1], &contract[..]].concat()
}

/// The path of the root of the whole state.
const STATE: [u8; 1] = [0];

/// The nibble of a key at a depth below 64.
fn nibble(key: &Digest, depth: usize) -> u8 {
    if depth.is_multiple_of(2) { key[depth / 2] >> 4 } else { key[depth / 2] & 15 }
}

/// Whose storage a page belongs to.
fn contract_of(key: &Key) -> [u8; 20] {
    let mut contract = [0; 20];
    contract.copy_from_slice(&key[..20]);
    contract
}
