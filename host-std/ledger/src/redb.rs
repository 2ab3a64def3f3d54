//! The embedded ledger: one file of the redb database.
//!
//! Every commit is two-phase: a file whose newest commit does not verify is then damaged for certain, never just unfinished. See
//! `docs/RATIONALE.md#ledger`.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use redb::backends::InMemoryBackend;
use redb::{Builder, CompactionError, Database, ReadableDatabase, ReadableTable, StorageBackend, WriteTransaction};
use subvm_core::host::{HostError, State, Storage};
use subvm_core::state::{Digest, EMPTY, Proof};
use subvm_core::{Address, RuleSets, SlotId};

use super::error::LAYOUT;
use super::page::{check_apply, check_prune, check_rollback, contents};
use super::rules::check as check_rules;
use super::{Applied, Heights, History, Ledger, LedgerError, told};

mod backup;
mod dump;
mod file;
mod only;
mod options;
mod tables;
mod view;

pub use options::RedbOptions;
use tables::{ACCEPTED, FINALIZED, META, META_LAYOUT, Tables};
pub use view::Snapshot;

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
    // Blocks below the finalized one that can still be read.
    history: u64,
    // Held as long as the database is open; nothing where it is in memory.
    #[expect(dead_code, reason = "dropping it unlocks")]
    lock: Option<File>,
    // Whether it is only read.
    read_only: bool,
}

impl RedbLedger {
    /// The name of the file within the ledger's directory.
    pub const FILE: &'static str = "ledger.redb";

    /// The version of the tables that this program writes. Files of earlier ones are migrated when they are opened.
    pub const LAYOUT: u64 = LAYOUT;

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
        let ledger = Self::open_quickly(dir, options)?;
        if options.verify { ledger.verified() } else { Ok(ledger) }
    }

    /// Opens the ledger in the directory `dir`, which must be there, to be read. Nothing is written to it: neither its file nor another one changes,
    /// so that it may lie where nothing can be written. One that was not closed in order, or is of an earlier layout, is mended or migrated in
    /// memory. Several processes may read one at once.
    ///
    /// ```
    /// use subvm_core::Address;
    /// use subvm_ledger::{Ledger, LedgerError, RedbLedger, RedbOptions};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let dir = dir.path();
    /// RedbLedger::open(dir)?.apply(&Address([7; 20]), &[], 5)?;
    /// let mut ledger = RedbLedger::open_read_only(dir, RedbOptions::default())?;
    /// assert_eq!(ledger.heights()?.accepted, 5);
    /// assert!(matches!(ledger.finalize(5), Err(LedgerError::Refused { .. })));
    /// # Ok::<(), LedgerError>(())
    /// ```
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with); [`LedgerError::Refused`] where there is none, and for all that would change it.
    ///
    /// # Cost
    /// As [`open_with`](Self::open_with). To mend or to migrate takes memory in proportion to what changes.
    pub fn open_read_only(dir: &Path, options: RedbOptions) -> Result<Self, LedgerError> {
        options.check(dir)?;
        let path = dir.join(Self::FILE);
        let place = path.display().to_string();
        if !only::is_file(&path)? {
            return Err(LedgerError::Refused { place, why: "there is no ledger: name the directory that holds one" });
        }
        let lock = only::lock(dir)?;
        let over = only::Over::new(&path).map_err(|error| file::failed(&path, "opening", error))?;
        if over.is_empty() {
            // The database would begin a new one.
            return Err(LedgerError::Damaged { place, what: "its file is empty".into() });
        }
        let ledger = file::unpanicking(&place, || {
            let database = options.builder().create_with_backend(over);
            Self::new(database.map_err(|error| tables::failure(&place, "opening", error))?, place.clone())
        })?;
        let ledger = Self { lock, ..ledger };
        let ledger = if options.verify { ledger.verified()? } else { ledger };
        Ok(Self { read_only: true, ..ledger })
    }

    /// Itself, once all of it was read.
    fn verified(mut self) -> Result<Self, LedgerError> {
        let place = self.place.clone();
        let verified = file::unpanicking(&place, || match self.database.check_integrity() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.damaged("its pages do not add up")),
            Err(error) => Err(tables::failure(&place, "verifying", error)),
        });
        match verified {
            Ok(()) => Ok(self),
            Err(error) => {
                // Closing what makes no sense may panic, too; what is wrong is known already.
                let _ = file::unpanicking(&place, || {
                    drop(self);
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
        Ok(Self { lock: Some(lock), history: options.history, ..ledger })
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
        self.changeable()?;
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
        let mut ledger = Self { place, database, view: None, lock: None, history: 0, read_only: false };
        match ledger.layout()? {
            None => ledger.change("creating", |tables| {
                tables.put_root(0, &EMPTY)?;
                tables.set(META_LAYOUT, LAYOUT)
            })?,
            Some(LAYOUT) => {}
            Some(1) => ledger.migrate()?,
            Some(found) => return Err(LedgerError::Layout { place: ledger.place, found }),
        }
        Ok(ledger)
    }

    /// From layout 1, in one transaction: a file is of the one layout or of the other.
    fn migrate(&mut self) -> Result<(), LedgerError> {
        self.change("migrating from layout 1", |tables| {
            let height = |name| Ok::<_, redb::Error>(tables.meta.get(name)?.map_or(0, |height| height.value()));
            let (accepted, finalized) = (height(ACCEPTED)?, height(FINALIZED)?);
            tables.migrate(accepted, finalized)
        })
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
        match meta.get(META_LAYOUT) {
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
        self.changeable()?;
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

    fn changeable(&self) -> Result<(), LedgerError> {
        let why = "it was opened to be read only: open it to be changed";
        if self.read_only { Err(LedgerError::Refused { place: self.place.clone(), why }) } else { Ok(()) }
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
        let pages = contents(receipts);
        self.change("applying receipts", |tables| {
            tables.apply(&pages, height)?;
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
        let lowest = self.lowest()?.max(height.saturating_sub(self.history));
        self.change("finalizing", |tables| {
            tables.finalize(height, lowest)?;
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

    fn prune(&mut self, height: u64) -> Result<(), LedgerError> {
        let (heights, lowest, began) = (self.heights()?, self.lowest()?, Instant::now());
        if check_prune(&self.place, heights, lowest, height)? {
            self.change("pruning", |tables| tables.prune(height))?;
            told("prune", began, heights);
        }
        Ok(())
    }

    fn rules(&mut self) -> Result<Option<RuleSets>, LedgerError> {
        self.view()?.rules()
    }

    fn set_rules(&mut self, rules: &RuleSets) -> Result<(), LedgerError> {
        let (heights, lowest, kept) = (self.heights()?, self.lowest()?, self.rules()?);
        if check_rules(&self.place, kept.as_ref(), rules, lowest, heights)? {
            self.change("keeping the rules", |tables| tables.put_rules(&rules.to_bytes()))?;
        }
        Ok(())
    }
}

impl History for RedbLedger {
    fn lowest(&mut self) -> Result<u64, LedgerError> {
        Snapshot::lowest(self.view()?)
    }

    fn root(&mut self, height: u64) -> Result<Digest, LedgerError> {
        self.view()?.root(height)
    }

    fn read_at(
        &mut self,
        height: u64,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), LedgerError> {
        self.view()?.read_at(height, contract, slot, index, into)
    }

    fn prove(&mut self, height: u64, contract: &Address, slot: &SlotId, page: u32) -> Result<Proof, LedgerError> {
        self.view()?.prove(height, contract, slot, page)
    }
}
