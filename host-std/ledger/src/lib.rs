//! Where contracts' storage lives: [`Ledger`] applies receipts to a database, block by block; `RedbLedger` (feature `redb`, on by default) is
//! the embedded one, and `PostgresLedger`, with the feature `postgres`, one in a database server.
//!
//! A ledger has two states. What was *finalized* never changes again; what was *accepted* since lies above it, by block height, and can be
//! rolled back. Each change is one transaction of the database: it is there as a whole or not at all, whenever the process is killed.

// Without a database, the tree and the conformance kit are all that is here, and what databases share is used by nobody.
#![cfg_attr(not(any(feature = "redb", feature = "postgres")), allow(dead_code, unused_imports))]

use subvm_core::host::Storage;
use subvm_core::{Address, PageWrite, RuleSets};

mod dump;
mod error;
mod history;
mod page;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redb")]
mod redb;
mod rules;

pub mod conformance;
pub mod trie;

pub use self::dump::Dump;
pub use self::error::LedgerError;
pub use self::history::{History, Past};
pub use self::page::Pages;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresLedger;
#[cfg(feature = "redb")]
pub use self::redb::{RedbLedger, RedbOptions, Snapshot};

/// How far a ledger is, in block heights. Height 0 is the empty state before the first block.
///
/// ```
/// use subvm_core::Address;
/// use subvm_ledger::{Heights, Ledger, RedbLedger};
/// let mut ledger = RedbLedger::in_memory()?;
/// (1..=3).try_for_each(|height| ledger.apply(&Address([7; 20]), &[], height))?;
/// ledger.finalize(1)?;
/// assert_eq!(ledger.heights()?, Heights { accepted: 3, finalized: 1 });
/// ledger.rollback(2)?;
/// assert_eq!(ledger.heights()?.accepted, 2);
/// # Ok::<(), subvm_ledger::LedgerError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heights {
    /// The highest block that a receipt was applied for, or that was finalized.
    pub accepted: u64,
    /// The highest finalized block.
    pub finalized: u64,
}

/// A receipt that a block applies: whose storage, and the pages that it wrote.
///
/// ```
/// use subvm_core::host::{State, Storage};
/// use subvm_core::{Address, PageWrite, SlotId};
/// use subvm_ledger::{Applied, Ledger, RedbLedger};
///
/// let (contract, slot) = (Address([7; 20]), SlotId([0; 32]));
/// let [first, second] = [1, 2].map(|fill| [PageWrite { slot, page: 0, content: [fill; 32] }]);
/// let mut ledger = RedbLedger::in_memory()?;
/// ledger.apply_block(&[&first, &second].map(|pages| Applied { contract, pages }), 1)?;
/// let mut byte = [0];
/// ledger.read(State::Accepted, &contract, &slot, 0, &mut byte)?;
/// assert_eq!(byte, [2], "the second came later");
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    /// The contract that the receipt's transaction was for.
    pub contract: Address,
    /// [`Receipt::storage`](subvm_core::Receipt::storage).
    pub pages: &'a [PageWrite],
}

/// Storage that receipts can be applied to. Once a method returned success, what it did survives a crash.
///
/// ```
/// use subvm_core::host::{State, Storage};
/// use subvm_core::{Address, PageWrite, SlotId};
/// use subvm_ledger::{Ledger, RedbLedger};
///
/// let mut ledger = RedbLedger::in_memory()?;
/// let contract = Address([7; 20]);
/// let slot = SlotId([0; 32]);
/// ledger.apply(&contract, &[PageWrite { slot, page: 0, content: [1; 32] }], 1)?;
///
/// let mut bytes = [9; 4];
/// ledger.read(State::Accepted, &contract, &slot, 30, &mut bytes)?;
/// assert_eq!(bytes, [1, 1, 0, 0]);
/// ledger.read(State::Finalized, &contract, &slot, 30, &mut bytes)?;
/// assert_eq!(bytes, [0; 4]);
/// ledger.finalize(1)?;
/// ledger.read(State::Finalized, &contract, &slot, 30, &mut bytes)?;
/// assert_eq!(bytes, [1, 1, 0, 0]);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub trait Ledger: Storage + History {
    /// How far this ledger is.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    fn heights(&mut self) -> Result<Heights, LedgerError>;

    /// Applies one receipt's pages to the accepted state, in one transaction. Several receipts may share a height; where pages repeat, the
    /// last one stands. A node that crashed in the middle of a block rolls back to the block before and applies it again.
    ///
    /// # Errors
    /// [`LedgerError::Height`] when `height` is finalized already, or lower than what was applied; [`LedgerError::Page`] when a page lies
    /// outside its slot; [`LedgerError::Backend`] or [`LedgerError::Damaged`]. Nothing is changed then.
    ///
    /// # Cost
    /// One transaction, which waits for the disk, and a row or two for each page; whatever else the ledger holds.
    fn apply(&mut self, contract: &Address, pages: &[PageWrite], height: u64) -> Result<(), LedgerError> {
        self.apply_block(&[Applied { contract: *contract, pages }], height)
    }

    /// Applies the receipts of a whole block, in their order, in one transaction: all of them are there afterwards, or none. As
    /// [`apply`](Self::apply) for each, at a small part of the cost.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    ///
    /// # Cost
    /// One transaction, and a row or two for each page.
    fn apply_block(&mut self, receipts: &[Applied<'_>], height: u64) -> Result<(), LedgerError>;

    /// Makes all blocks up to `height` final. What is final already stays so: a lower `height` changes nothing.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] or [`LedgerError::Damaged`]; nothing is changed then.
    ///
    /// # Cost
    /// In proportion to the pages that become final.
    fn finalize(&mut self, height: u64) -> Result<(), LedgerError>;

    /// Takes back all accepted blocks above `height`.
    ///
    /// # Errors
    /// [`LedgerError::Height`] when `height` is below what is finalized; [`LedgerError::Backend`] or [`LedgerError::Damaged`]. Nothing is
    /// changed then.
    ///
    /// # Cost
    /// In proportion to the pages that are taken back.
    fn rollback(&mut self, height: u64) -> Result<(), LedgerError>;

    /// Forgets the states of heights below `height`, which then is the lowest that can be read; where it is already, nothing is done.
    ///
    /// # Errors
    /// [`LedgerError::NotFinal`] when `height` is above what is finalized; [`LedgerError::Backend`] or
    /// [`LedgerError::Damaged`]. Nothing is changed then.
    ///
    /// # Cost
    /// In proportion to the pages that are forgotten.
    fn prune(&mut self, height: u64) -> Result<(), LedgerError>;

    /// The rules by height that its blocks are run under; nothing where none were kept.
    ///
    /// # Errors
    /// [`LedgerError::Rules`] where this release cannot hold a run to them; [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    ///
    /// # Cost
    /// A read, and decoding them.
    fn rules(&mut self) -> Result<Option<RuleSets>, LedgerError>;

    /// Keeps the rules by height, so that the blocks that are there are replayed under what they ran under, whatever a configuration says
    /// later. What a node gives at each start: rules of heights that come may change, those of blocks that were applied cannot, as far as
    /// their states are kept.
    ///
    /// ```
    /// use subvm_core::{Address, Params, RuleSets};
    /// use subvm_ledger::{Ledger, LedgerError, RedbLedger};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let other = Params { fingerprints: false, ..Params::default() };
    /// let change = |height| RuleSets::new([(1, Params::default()), (height, other.clone())]);
    ///
    /// let mut ledger = RedbLedger::in_memory()?;
    /// ledger.set_rules(&change(100)?)?;
    /// ledger.apply(&Address([7; 20]), &[], 50)?;
    /// // The change is put off; it cannot be moved to where blocks are already.
    /// ledger.set_rules(&change(200)?)?;
    /// assert!(matches!(ledger.set_rules(&change(40)?), Err(LedgerError::PastRules { height: 40, .. })));
    /// assert_eq!(ledger.rules()?, Some(change(200)?));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`LedgerError::PastRules`] for a height that was applied; [`LedgerError::Rules`] where the first block that can be run, or run again,
    /// has no rules; [`LedgerError::Backend`] or [`LedgerError::Damaged`]. Nothing is changed then.
    ///
    /// # Cost
    /// A transaction where they are others than before.
    fn set_rules(&mut self, rules: &RuleSets) -> Result<(), LedgerError>;
}

/// Tells who listens of a change that is on disk.
#[cfg(any(feature = "redb", feature = "postgres"))]
fn told(operation: &'static str, began: std::time::Instant, Heights { accepted, finalized }: Heights) {
    subvm_observe::changed_ledger(operation, began.elapsed());
    subvm_observe::heights(accepted, finalized);
}
