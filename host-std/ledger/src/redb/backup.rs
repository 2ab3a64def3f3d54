//! A ledger of its own out of a snapshot.

use std::path::Path;

use redb::{Database, ReadableTable};

use super::file;
use super::tables::{ACCEPTED, FINALIZED, LOWEST, META_LAYOUT, Tables, failure};
use super::view::Snapshot;
use super::{RedbLedger, RedbOptions};
use crate::error::LAYOUT;
use crate::{Heights, LedgerError};

impl Snapshot {
    /// Writes all that it sees as a ledger of its own into the directory `dir`, while the ledger that it is of may change. The file appears
    /// there when it is whole and on disk, or not at all, and is as small as it can be. To restore it is the same the other way round: open
    /// it, and back up its snapshot to where the ledger shall be.
    ///
    /// ```
    /// use subvm_core::Address;
    /// use subvm_ledger::{Ledger, LedgerError, RedbLedger};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let (dir, copy) = (dir.path().join("chain"), dir.path().join("copy"));
    /// let mut ledger = RedbLedger::open(&dir)?;
    /// ledger.apply(&Address([7; 20]), &[], 5)?;
    /// ledger.snapshot()?.backup(&copy)?;
    /// assert_eq!(RedbLedger::open(&copy)?.heights()?, ledger.heights()?);
    /// // Neither over another ledger, nor onto itself.
    /// assert!(matches!(ledger.snapshot()?.backup(&copy), Err(LedgerError::Refused { .. })));
    /// assert!(matches!(ledger.snapshot()?.backup(&dir), Err(LedgerError::Locked { .. })));
    /// # Ok::<(), LedgerError>(())
    /// ```
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where there is a ledger, [`LedgerError::Locked`] where one is in use; [`LedgerError::Backend`] or
    /// [`LedgerError::Damaged`], of either.
    ///
    /// # Cost
    /// All of it is read and written.
    pub fn backup(&self, dir: &Path) -> Result<(), LedgerError> {
        let _lock = file::lock(dir)?;
        let path = dir.join(RedbLedger::FILE);
        let place = path.display().to_string();
        if file::exists(&path)? {
            let why = "there is a ledger already: choose a directory without one, or move it away";
            return Err(LedgerError::Refused { place, why });
        }
        let (heights, lowest, rules) = (self.heights()?, self.lowest()?, self.rules_bytes()?);
        file::create_with(&path, RedbOptions::default().builder(), |mut database| {
            let copied = self.copy_into(&database, heights, lowest, rules.as_deref());
            copied.map_err(|error| failure(&place, "writing the backup", error))?;
            let compacted = database.compact().map_err(redb::Error::from);
            compacted.map(drop).map_err(|error| failure(&place, "compacting the backup", error))
        })
    }

    fn copy_into(
        &self,
        database: &Database,
        heights: Heights,
        lowest: u64,
        rules: Option<&[u8]>,
    ) -> Result<(), redb::Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(true);
        {
            let mut tables = Tables::open(&transaction)?;
            for entry in self.base.iter()? {
                let (key, content) = entry?;
                tables.put_base(key.value(), content.value())?;
            }
            for entry in self.pending.iter()? {
                let (dated, content) = entry?;
                tables.put_pending(dated.value(), content.value())?;
            }
            for entry in self.past.iter()? {
                let (dated, content) = entry?;
                tables.put_past(dated.value(), content.value())?;
            }
            for entry in self.roots.iter()? {
                let (height, root) = entry?;
                tables.put_root(height.value(), root.value())?;
            }
            for entry in self.nodes.iter()? {
                let (path, row) = entry?;
                tables.put_node(path.value(), row.value())?;
            }
            if let Some(rules) = rules {
                tables.put_rules(rules)?;
            }
            tables.set(META_LAYOUT, LAYOUT)?;
            tables.set(ACCEPTED, heights.accepted)?;
            tables.set(FINALIZED, heights.finalized)?;
            tables.set(LOWEST, lowest)?;
        }
        Ok(transaction.commit()?)
    }
}
