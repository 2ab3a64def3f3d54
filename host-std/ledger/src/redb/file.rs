//! A ledger's directory: who may use it, and how its file comes into being.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database};

use super::tables::failure;
use crate::LedgerError;

/// Takes the directory `dir` for this process, creating it where it is missing, until the file that this returns is dropped.
pub(super) fn lock(dir: &Path) -> Result<File, LedgerError> {
    fs::create_dir_all(dir).map_err(|error| failed(dir, "creating the directory", error))?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("ledger.lock"));
    let file = file.map_err(|error| failed(dir, "opening the lock file", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::Locked { place: dir.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(dir, "locking", error)),
    }
}

/// Whether there is something at `path`.
pub(super) fn exists(path: &Path) -> Result<bool, LedgerError> {
    path.try_exists().map_err(|error| failed(path, "looking for the file", error))
}

/// Makes the database at `path`: it appears there once `initialize` is done, or not at all.
pub(super) fn create(
    path: &Path,
    initialize: impl FnOnce(Database) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    create_with(path, Builder::new(), initialize)
}

/// As [`create`], with a builder of one's own.
pub(super) fn create_with(
    path: &Path,
    builder: Builder,
    initialize: impl FnOnce(Database) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed(&new, "removing an unfinished file", error));
        }
        _ => {}
    }
    let database = builder.create(&new);
    initialize(database.map_err(|error| failure(&new.display().to_string(), "creating", error))?)?;
    fs::rename(&new, path).map_err(|error| failed(path, "renaming the new file", error))?;
    sync_parent(path).map_err(|error| failed(path, "flushing the directory", error))
}

/// Runs `work` on a file that may be damaged, which makes the database panic at times rather than say so.
pub(super) fn unpanicking<T>(place: &str, work: impl FnOnce() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
    // What `work` was changing is dropped when it panics: nobody sees it half done.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(LedgerError::Damaged { place: place.to_owned(), what: "the database could not make sense of it".into() })
    })
}

/// Makes a new name durable, where the operating system lets directories be flushed.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(dir) if cfg!(unix) => File::open(dir)?.sync_all(),
        _ => Ok(()),
    }
}

pub(super) fn failed(place: &Path, doing: &'static str, error: io::Error) -> LedgerError {
    LedgerError::Backend { place: place.display().to_string(), doing, source: error.into() }
}
