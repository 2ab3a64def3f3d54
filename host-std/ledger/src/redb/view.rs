//! Reading one state of the file.

use std::fmt;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTableMetadata, TableError};
use subvm_core::host::{HostError, State, Storage, page};
use subvm_core::state::Digest;
use subvm_core::{Address, RuleSets, SlotId};

use super::tables::{
    ACCEPTED, BASE, Dated, FINALIZED, JOURNAL, LOWEST, META, NODES, PAST, PAST_JOURNAL, PENDING, ROOTS, RULES, by_page,
    failure,
};
use crate::page::{Key, Pages, key, number};
use crate::{Heights, LedgerError};

mod at;

/// A ledger's state at one moment: what is applied later does not show. It keeps the space of what it sees from being used anew, so it
/// should live no longer than a run.
///
/// ```
/// use subvm_core::{Address, PageWrite, SlotId, host::{State, Storage}};
/// use subvm_ledger::{Ledger, RedbLedger};
///
/// let mut ledger = RedbLedger::in_memory()?;
/// let mut snapshot = ledger.snapshot()?;
/// let (contract, slot) = (Address([7; 20]), SlotId([0; 32]));
/// ledger.apply(&contract, &[PageWrite { slot, page: 0, content: [1; 32] }], 1)?;
/// let mut bytes = [9; 4];
/// snapshot.read(State::Accepted, &contract, &slot, 0, &mut bytes)?;
/// assert_eq!((bytes, snapshot.heights()?.accepted), ([0; 4], 0));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct Snapshot {
    pub(super) place: String,
    meta: ReadOnlyTable<&'static str, u64>,
    pub(super) base: ReadOnlyTable<&'static Key, &'static [u8; page::BYTES]>,
    pub(super) pending: ReadOnlyTable<&'static Dated, &'static [u8; page::BYTES]>,
    pub(super) journal: ReadOnlyTable<&'static Dated, ()>,
    pub(super) past: ReadOnlyTable<&'static Dated, &'static [u8; page::BYTES]>,
    pub(super) past_journal: ReadOnlyTable<&'static Dated, ()>,
    pub(super) roots: ReadOnlyTable<u64, &'static Digest>,
    pub(super) nodes: ReadOnlyTable<&'static [u8], &'static [u8]>,
    // Nothing where an earlier release made the file.
    rules: Option<ReadOnlyTable<(), &'static [u8]>>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(super) fn new(place: &str, transaction: &ReadTransaction) -> Result<Self, LedgerError> {
        let failed = |error| failure(place, "reading", error);
        Ok(Self {
            place: place.to_owned(),
            meta: transaction.open_table(META).map_err(failed)?,
            base: transaction.open_table(BASE).map_err(failed)?,
            pending: transaction.open_table(PENDING).map_err(failed)?,
            journal: transaction.open_table(JOURNAL).map_err(failed)?,
            past: transaction.open_table(PAST).map_err(failed)?,
            past_journal: transaction.open_table(PAST_JOURNAL).map_err(failed)?,
            roots: transaction.open_table(ROOTS).map_err(failed)?,
            nodes: transaction.open_table(NODES).map_err(failed)?,
            rules: match transaction.open_table(RULES) {
                Err(TableError::TableDoesNotExist(_)) => None,
                rules => Some(rules.map_err(failed)?),
            },
        })
    }

    /// How far the ledger was.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    pub fn heights(&self) -> Result<Heights, LedgerError> {
        Ok(Heights { accepted: self.number(ACCEPTED)?, finalized: self.number(FINALIZED)? })
    }

    /// The lowest height whose state it has.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    pub fn lowest(&self) -> Result<u64, LedgerError> {
        self.number(LOWEST)
    }

    /// The rules by height that its blocks are run under; nothing where none were kept.
    ///
    /// # Errors
    /// [`LedgerError::Rules`] where this release cannot hold a run to them; [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    pub fn rules(&self) -> Result<Option<RuleSets>, LedgerError> {
        self.rules_bytes()?.map(|bytes| crate::rules::read(&self.place, &bytes)).transpose()
    }

    pub(super) fn rules_bytes(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(table) = &self.rules else { return Ok(None) };
        let bytes = table.get(()).map_err(|error| failure(&self.place, "reading the rules", error))?;
        Ok(bytes.map(|bytes| bytes.value().to_vec()))
    }

    fn number(&self, name: &'static str) -> Result<u64, LedgerError> {
        match self.meta.get(name) {
            Ok(height) => Ok(height.map_or(0, |height| height.value())),
            Err(error) => Err(failure(&self.place, "reading the heights", error)),
        }
    }

    /// How many pages it holds.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    pub fn pages(&self) -> Result<Pages, LedgerError> {
        let failed = |error: redb::StorageError| failure(&self.place, "counting pages", error);
        Ok(Pages {
            finalized: self.base.len().map_err(failed)?,
            accepted: self.pending.len().map_err(failed)?,
            past: self.past.len().map_err(failed)?,
        })
    }

    fn fill(&self, state: State, first: &Key, last: &Key, index: u32, into: &mut [u8]) -> Result<(), redb::Error> {
        for entry in self.base.range::<&Key>(first..=last)? {
            let (key, content) = entry?;
            page::place(into, index, number(key.value()), content.value());
        }
        if state == State::Finalized {
            return Ok(());
        }
        // Ascending by height within a page: the newest is placed last.
        let (first, last) = (by_page(first, 0), by_page(last, u64::MAX));
        for entry in self.pending.range::<&Dated>(&first..=&last)? {
            let (key, content) = entry?;
            page::place(into, index, number(key.value()), content.value());
        }
        Ok(())
    }
}

impl Storage for Snapshot {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        into.fill(0);
        let Some(pages) = page::range(index, into.len())? else {
            return Ok(());
        };
        let (first, last) = (key(contract, slot, *pages.start()), key(contract, slot, *pages.end()));
        Ok(self.fill(state, &first, &last, index, into).map_err(|error| failure(&self.place, "reading", error))?)
    }
}
