//! How a ledger's file is opened.

use std::path::Path;

use redb::Builder;

use crate::LedgerError;

/// How a [`RedbLedger`](crate::RedbLedger) is opened. None of it changes what is in it.
///
/// ```
/// use subvm_ledger::{RedbLedger, RedbOptions};
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// let ledger = RedbLedger::open_with(dir, RedbOptions { cache: 64 << 20, ..RedbOptions::default() })?;
/// # drop(ledger);
/// let error = RedbLedger::open_with(dir, RedbOptions { cache: 0, ..RedbOptions::default() }).unwrap_err();
/// assert!(error.to_string().contains("a cache of less than 1 MiB"));
/// # Ok::<(), subvm_ledger::LedgerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedbOptions {
    /// Bytes of the file that are kept in memory.
    pub cache: usize,
    /// Whether all of the file is read and verified first.
    pub verify: bool,
    /// Blocks below the finalized height whose states can still be read: what they replaced is kept, 200 bytes or so for each page that a
    /// block writes. It is in force from the next finalization on; less than before forgets what is beyond it then.
    pub history: u64,
}

impl Default for RedbOptions {
    /// 1 GiB, verified, and no history below what is finalized.
    fn default() -> Self {
        Self { cache: 1 << 30, verify: true, history: 0 }
    }
}

impl RedbOptions {
    pub(super) fn check(self, dir: &Path) -> Result<(), LedgerError> {
        if self.cache < 1 << 20 {
            let why =
                "a cache of less than 1 MiB does not hold what one change needs: give it more (RedbOptions::cache)";
            return Err(LedgerError::Refused { place: dir.display().to_string(), why });
        }
        Ok(())
    }

    pub(super) fn builder(self) -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache);
        builder
    }
}
