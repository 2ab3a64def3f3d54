//! The embedded ledger: one file of the redb database.
//!
//! Every commit is two-phase: a file whose newest commit does not verify is then damaged for certain, never just unfinished. See
//! `docs/RATIONALE.md#ledger`.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use redb::backends::InMemoryBackend;
use redb::{Builder, CompactionError, Database, ReadableDatabase, StorageBackend, WriteTransaction};
use subvm_core::host::{HostError, State, Storage};
use subvm_core::{Address, SlotId};

use super::error::LAYOUT;
use super::page::{check_apply, check_rollback};
use super::{Applied, Heights, Ledger, LedgerError, told};

mod backup;
mod file;
mod options;
mod tables;
mod view;

pub use options::RedbOptions;
use tables::{ACCEPTED, FINALIZED, META, META_LAYOUT, Tables};
pub use view::{Pages, Snapshot};

/// A ledger in one file. Only one process at a time can have it open.
///
/// ```
/// use subvm_core::Address;
/// use subvm_ledger::{Ledger, LedgerError, RedbLedger};
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
///
/// let mut ledger = RedbLedger::open(dir)?;
/// ledger.apply(&Address([7; 20]), &[], 1)?;
/// assert!(matches!(RedbLedger::open(dir), Err(LedgerError::Locked { .. })));
/// drop(ledger);
/// // Height 1 is there after a restart, and above it nothing to take back.
/// let mut ledger = RedbLedger::open_unverified(dir)?;
/// ledger.rollback(1)?;
/// assert_eq!(ledger.heights()?.accepted, 1);
/// # Ok::<(), LedgerError>(())
/// ```
#[derive(Debug)]
pub struct RedbLedger {
    place: String,
    database: Database,
    // What reads see; made anew after each commit.
    view: Option<Snapshot>,
    // Held as long as the database is open; nothing where it is in memory.
    #[expect(dead_code, reason = "dropping it unlocks")]
    lock: Option<File>,
}

impl RedbLedger {
    /// The name of the file within the ledger's directory.
    pub const FILE: &'static str = "ledger.redb";

    /// Opens the ledger in the directory `dir`, and creates both where they are missing. All of the file is read and verified.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] when it is open elsewhere, [`LedgerError::Damaged`] when the file is not what was written,
    /// [`LedgerError::Layout`] when another version wrote it, [`LedgerError::Backend`] when the operating system fails.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        Self::open_with(dir, RedbOptions::default())
    }

    /// As [`open`](Self::open), with one's own choices.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`LedgerError::Refused`] for choices that cannot work.
    pub fn open_with(dir: &Path, options: RedbOptions) -> Result<Self, LedgerError> {
        options.check(dir)?;
        let mut ledger = Self::open_quickly(dir, options)?;
        if !options.verify {
            return Ok(ledger);
        }
        let place = ledger.place.clone();
        let verified = file::unpanicking(&place, || match ledger.database.check_integrity() {
            Ok(true) => Ok(()),
            Ok(false) => Err(ledger.damaged("its pages do not add up")),
            Err(error) => Err(tables::failure(&place, "verifying", error)),
        });
        match verified {
            Ok(()) => Ok(ledger),
            Err(error) => {
                // Closing what makes no sense may panic, too; what is wrong is known already.
                let _ = file::unpanicking(&place, || {
                    drop(ledger);
                    Ok(())
                });
                Err(error)
            }
        }
    }

    /// As [`open`](Self::open), but a file that was closed in order is not read through: quick however large it is, for a node whose file
    /// system checks its content.
    ///
    /// # Errors
    /// As [`open`](Self::open); damage in the middle of the file is found when it is read, or not at all.
    pub fn open_unverified(dir: &Path) -> Result<Self, LedgerError> {
        Self::open_with(dir, RedbOptions { verify: false, ..RedbOptions::default() })
    }

    fn open_quickly(dir: &Path, options: RedbOptions) -> Result<Self, LedgerError> {
        let lock = file::lock(dir)?;
        let path = dir.join(Self::FILE);
        let place = path.display().to_string();
        if !file::exists(&path)? {
            file::create(&path, |database| Self::new(database, place.clone()).map(drop))?;
        }
        let ledger = file::unpanicking(&place, || {
            let database = options.builder().open(&path).map_err(|error| tables::failure(&place, "opening", error))?;
            Self::new(database, place.clone())
        })?;
        Ok(Self { lock: Some(lock), ..ledger })
    }

    /// A ledger that is gone when it is dropped.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] when there is no memory for it.
    pub fn in_memory() -> Result<Self, LedgerError> {
        Self::on_backend("in memory", InMemoryBackend::new())
    }

    /// A ledger on storage of one's own: one that fails on purpose, or that is no file. `place` is how errors call it.
    ///
    /// # Errors
    /// As [`open_unverified`](Self::open_unverified).
    pub fn on_backend(place: &str, backend: impl StorageBackend) -> Result<Self, LedgerError> {
        file::unpanicking(place, || {
            let database = Builder::new().create_with_backend(backend);
            Self::new(database.map_err(|error| tables::failure(place, "opening", error))?, place.to_owned())
        })
    }

    /// Makes the file as small as what it holds allows. No snapshot may be there; nothing else is read or applied meanwhile.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] while there is a snapshot; [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    pub fn compact(&mut self) -> Result<(), LedgerError> {
        self.view = None;
        loop {
            match self.database.compact() {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(CompactionError::Storage(error)) => return Err(tables::failure(&self.place, "compacting", error)),
                Err(_) => {
                    let why = "it is being read: drop its snapshots, and compact it again";
                    return Err(LedgerError::Refused { place: self.place.clone(), why });
                }
            }
        }
    }

    /// The state as it is now, to be read by another thread whatever is applied meanwhile.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    pub fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        let transaction = self.database.begin_read();
        let transaction = transaction.map_err(|error| tables::failure(&self.place, "beginning to read", error))?;
        Snapshot::new(&self.place, &transaction)
    }

    fn new(database: Database, place: String) -> Result<Self, LedgerError> {
        let mut ledger = Self { place, database, view: None, lock: None };
        match ledger.layout()? {
            None => ledger.change("creating", |tables| Ok(tables.meta.insert(META_LAYOUT, LAYOUT).map(drop)?))?,
            Some(LAYOUT) => {}
            Some(found) => return Err(LedgerError::Layout { place: ledger.place, found }),
        }
        Ok(ledger)
    }

    /// The layout of the tables; nothing where there are none.
    fn layout(&self) -> Result<Option<u64>, LedgerError> {
        let failed = |error: redb::Error| tables::failure(&self.place, "reading the layout", error);
        let transaction = self.database.begin_read().map_err(|error| failed(error.into()))?;
        let meta = match transaction.open_table(META) {
            Ok(meta) => meta,
            Err(redb::TableError::TableDoesNotExist(_)) if self.is_new(&transaction)? => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        };
        match redb::ReadableTable::get(&meta, META_LAYOUT) {
            Ok(Some(layout)) => Ok(Some(layout.value())),
            Ok(None) => Err(self.damaged("its layout is not recorded")),
            Err(error) => Err(failed(error.into())),
        }
    }

    fn is_new(&self, transaction: &redb::ReadTransaction) -> Result<bool, LedgerError> {
        let tables =
            transaction.list_tables().map_err(|error| tables::failure(&self.place, "listing tables", error))?;
        Ok(tables.count() == 0)
    }

    fn view(&mut self) -> Result<&mut Snapshot, LedgerError> {
        let view = match self.view.take() {
            Some(view) => view,
            None => self.snapshot()?,
        };
        Ok(self.view.insert(view))
    }

    /// Runs `change` in one transaction, which is durable when this returns.
    fn change(
        &mut self,
        doing: &'static str,
        change: impl FnOnce(&mut Tables<'_>) -> Result<(), redb::Error>,
    ) -> Result<(), LedgerError> {
        // The old view would keep the pages that this change frees.
        self.view = None;
        let commit = |transaction: WriteTransaction| -> Result<(), redb::Error> {
            change(&mut Tables::open(&transaction)?)?;
            Ok(transaction.commit()?)
        };
        let result = self.database.begin_write().map_err(redb::Error::from).and_then(|mut transaction| {
            transaction.set_two_phase_commit(true);
            commit(transaction)
        });
        result.map_err(|error| tables::failure(&self.place, doing, error))
    }

    fn damaged(&self, what: &str) -> LedgerError {
        LedgerError::Damaged { place: self.place.clone(), what: what.into() }
    }
}

impl Storage for RedbLedger {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        self.view()?.read(state, contract, slot, index, into)
    }
}

impl Ledger for RedbLedger {
    fn heights(&mut self) -> Result<Heights, LedgerError> {
        self.view()?.heights()
    }

    fn apply_block(&mut self, receipts: &[Applied<'_>], height: u64) -> Result<(), LedgerError> {
        let (heights, began) = (self.heights()?, Instant::now());
        check_apply(heights, receipts, height)?;
        self.change("applying receipts", |tables| {
            for Applied { contract, pages } in receipts {
                pages.iter().try_for_each(|page| tables.put(contract, page, height))?;
            }
            tables.set(ACCEPTED, height)
        })?;
        told("apply", began, Heights { accepted: height, ..heights });
        Ok(())
    }

    fn finalize(&mut self, height: u64) -> Result<(), LedgerError> {
        let (heights, began) = (self.heights()?, Instant::now());
        if height <= heights.finalized {
            return Ok(());
        }
        self.change("finalizing", |tables| {
            tables.finalize(height)?;
            tables.set(FINALIZED, height)?;
            tables.set(ACCEPTED, height.max(heights.accepted))
        })?;
        told("finalize", began, Heights { accepted: height.max(heights.accepted), finalized: height });
        Ok(())
    }

    fn rollback(&mut self, height: u64) -> Result<(), LedgerError> {
        let (heights, began) = (self.heights()?, Instant::now());
        if !check_rollback(heights, height)? {
            return Ok(());
        }
        self.change("rolling back", |tables| {
            tables.remove_above(height)?;
            tables.set(ACCEPTED, height)
        })?;
        told("rollback", began, Heights { accepted: height, ..heights });
        Ok(())
    }
}
