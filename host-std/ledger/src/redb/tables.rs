//! The tables of a ledger's file, and what changes them.

use std::io::ErrorKind;

use redb::{Table, TableDefinition, WriteTransaction};
use subvm_core::host::page::BYTES as PAGE;
use subvm_core::{Address, PageWrite};

use crate::LedgerError;
use crate::page::{KEY, Key, key};

/// A page's key and the height of the block that wrote it, in the one order or the other.
pub(super) type Dated = [u8; KEY + 8];

/// What is known of the whole: its layout and its heights.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The finalized state: page to content.
pub(super) const BASE: TableDefinition<'_, &Key, &[u8; PAGE]> = TableDefinition::new("base");
/// Accepted pages above it: page ++ height to content.
pub(super) const PENDING: TableDefinition<'_, &Dated, &[u8; PAGE]> = TableDefinition::new("pending");
/// Which pages those are, by height: height ++ page.
pub(super) const JOURNAL: TableDefinition<'_, &Dated, ()> = TableDefinition::new("journal");

/// The version of these tables, in [`META`].
pub(super) const META_LAYOUT: &str = "layout";
/// The highest accepted height, in [`META`].
pub(super) const ACCEPTED: &str = "accepted";
/// The highest finalized height, in [`META`].
pub(super) const FINALIZED: &str = "finalized";

/// A key of [`PENDING`].
pub(super) fn by_page(key: &Key, height: u64) -> Dated {
    let mut dated = [0; KEY + 8];
    dated[..KEY].copy_from_slice(key);
    dated[KEY..].copy_from_slice(&height.to_be_bytes());
    dated
}

/// A key of [`JOURNAL`].
fn by_height(height: u64, key: &Key) -> Dated {
    let mut dated = [0; KEY + 8];
    dated[..8].copy_from_slice(&height.to_be_bytes());
    dated[8..].copy_from_slice(key);
    dated
}

/// The key of [`PENDING`] that a key of [`JOURNAL`] stands for, and its page's.
fn from_journal(entry: &Dated) -> (Key, Dated) {
    let (mut key, mut height) = ([0; KEY], [0; 8]);
    height.copy_from_slice(&entry[..8]);
    key.copy_from_slice(&entry[8..]);
    (key, by_page(&key, u64::from_be_bytes(height)))
}

/// All tables, open in one transaction.
pub(super) struct Tables<'t> {
    pub(super) meta: Table<'t, &'static str, u64>,
    base: Table<'t, &'static Key, &'static [u8; PAGE]>,
    pending: Table<'t, &'static Dated, &'static [u8; PAGE]>,
    journal: Table<'t, &'static Dated, ()>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            base: transaction.open_table(BASE)?,
            pending: transaction.open_table(PENDING)?,
            journal: transaction.open_table(JOURNAL)?,
        })
    }

    pub(super) fn set(&mut self, what: &'static str, height: u64) -> Result<(), redb::Error> {
        self.meta.insert(what, height)?;
        Ok(())
    }

    /// Writes one accepted page.
    pub(super) fn put(&mut self, contract: &Address, page: &PageWrite, height: u64) -> Result<(), redb::Error> {
        let key = key(contract, &page.slot, page.page);
        self.pending.insert(&by_page(&key, height), &page.content)?;
        self.journal.insert(&by_height(height, &key), ())?;
        Ok(())
    }

    /// Writes one finalized page.
    pub(super) fn put_base(&mut self, key: &Key, content: &[u8; PAGE]) -> Result<(), redb::Error> {
        self.base.insert(key, content)?;
        Ok(())
    }

    /// Writes one accepted page, as [`PENDING`] has it.
    pub(super) fn put_pending(&mut self, dated: &Dated, content: &[u8; PAGE]) -> Result<(), redb::Error> {
        let (mut key, mut height) = ([0; KEY], [0; 8]);
        key.copy_from_slice(&dated[..KEY]);
        height.copy_from_slice(&dated[KEY..]);
        self.pending.insert(dated, content)?;
        self.journal.insert(&by_height(u64::from_be_bytes(height), &key), ())?;
        Ok(())
    }

    /// Moves accepted pages up to `height` to the base, in the order of their heights.
    pub(super) fn finalize(&mut self, height: u64) -> Result<(), redb::Error> {
        let Self { base, pending, journal, .. } = self;
        let last = by_height(height, &[0xff; KEY]);
        for entry in journal.extract_from_if::<&Dated, _>(..=&last, |_, ()| true)? {
            let (key, dated) = from_journal(entry?.0.value());
            let content = pending.remove(&dated)?.ok_or_else(|| torn(&key))?;
            base.insert(&key, content.value())?;
        }
        Ok(())
    }

    /// Removes accepted pages above `height`, which is below the highest accepted one.
    pub(super) fn remove_above(&mut self, height: u64) -> Result<(), redb::Error> {
        let Self { pending, journal, .. } = self;
        let first = by_height(height + 1, &[0; KEY]);
        for entry in journal.extract_from_if::<&Dated, _>(&first.., |_, ()| true)? {
            let (key, dated) = from_journal(entry?.0.value());
            pending.remove(&dated)?.ok_or_else(|| torn(&key))?;
        }
        Ok(())
    }
}

fn torn(key: &Key) -> redb::Error {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    redb::Error::Corrupted(format!("page {hex} is in the journal, but not among the accepted pages"))
}

/// What an error of the database means.
pub(super) fn failure(place: &str, doing: &'static str, error: impl Into<redb::Error>) -> LedgerError {
    let place = place.to_owned();
    match error.into() {
        redb::Error::Corrupted(what) => LedgerError::Damaged { place, what },
        redb::Error::Io(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            LedgerError::Damaged { place, what: error.to_string() }
        }
        redb::Error::DatabaseAlreadyOpen => LedgerError::Locked { place },
        redb::Error::RepairAborted => LedgerError::Damaged { place, what: "it could not be recovered".into() },
        redb::Error::UpgradeRequired(version) => {
            LedgerError::Damaged { place, what: format!("its file format is version {version}, which is not ours") }
        }
        error @ (redb::Error::TableTypeMismatch { .. } | redb::Error::TableDoesNotExist(_)) => {
            LedgerError::Damaged { place, what: error.to_string() }
        }
        error => LedgerError::Backend { place, doing, source: error.into() },
    }
}
