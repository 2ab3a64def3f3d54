//! Why there is no cache.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a directory cannot hold compiled modules.
///
/// ```
/// use subvm_wasmtime::cache::{CacheError, ModuleCache};
/// # let dir = tempfile::tempdir()?;
/// let file = dir.path().join("a file");
/// std::fs::write(&file, "")?;
/// assert!(matches!(ModuleCache::open(&file, ModuleCache::BYTES), Err(CacheError::Unusable { .. })));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CacheError {
    /// It cannot be made, read or written.
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others than this user and the system's administrator could put code there.
    Untrusted {
        /// The directory.
        dir: PathBuf,
        /// It, or the directory above it, that others may write to or own.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable { dir, source } => {
                write!(f, "the module cache {}: {source}; name another directory", dir.display())
            }
            Self::Untrusted { dir, path, owner, mode } => write!(
                f,
                "the module cache {} holds machine code, and others could replace it: {} belongs to user {owner} and has \
                 permissions {mode:04o}; take them from group and others, or name another directory",
                dir.display(),
                path.display(),
            ),
        }
    }
}

impl std::error::Error for CacheError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unusable { source, .. } => Some(source),
            Self::Untrusted { .. } => None,
        }
    }
}
