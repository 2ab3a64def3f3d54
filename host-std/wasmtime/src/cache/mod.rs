//! Compiled modules on disk.
//!
//! What is compiled once is found again by the next process: [`ModuleCache`] keeps files in a directory that nobody else may
//! write, each under a key of all that decides what is in it ([`Key`]), each with a digest of its content ([`mod@file`]). What does
//! not match is compiled anew. Source: `docs/spec/lowering.md`, *Engine notes*.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

mod error;
mod evict;
pub mod file;
mod key;
mod trust;

pub use error::CacheError;
pub(crate) use key::EngineId;
pub use key::Key;

/// A directory of compiled modules, bounded in bytes. Any number of processes may use one at once.
///
/// Whoever can write to the directory can have this process run code, since what is read from it is machine code: a digest
/// tells damage, not malice. So the directory is made for its owner alone, and [`open`](Self::open) refuses one that others
/// may write to.
///
/// ```
/// use subvm_wasmtime::{WasmtimeEngine, cache::ModuleCache};
///
/// let home = tempfile::tempdir()?;
/// let cache = ModuleCache::open(&home.path().join("modules"), ModuleCache::BYTES)?;
/// let engine = WasmtimeEngine::builder().cache(cache).build()?;
/// # drop(engine);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ModuleCache {
    dir: PathBuf,
    bytes: u64,
}

/// The ending of a module's file.
const ENDING: &str = "module";
/// The ending of a file that is being written.
const PART: &str = "part";

impl ModuleCache {
    /// Bytes that all files together may have, where nobody says otherwise: 1 GiB.
    pub const BYTES: u64 = 1 << 30;

    /// The cache in the directory `dir`, made when missing, which is kept below `bytes` bytes: what was not used for longest
    /// goes first.
    ///
    /// # Errors
    /// [`CacheError`] when the directory cannot be made or written to, or when others may write to it, or put another in its
    /// place.
    pub fn open(dir: &Path, bytes: u64) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Unusable { dir: dir.to_owned(), source };
        make(dir).map_err(failed)?;
        let dir = dir.canonicalize().map_err(failed)?;
        trust::check(&dir)?;
        Ok(Self { dir, bytes })
    }

    /// Where the user keeps what can be made again: `$XDG_CACHE_HOME/subvm`, or `~/.cache/subvm`. Nothing where neither is
    /// known.
    ///
    /// ```
    /// use subvm_wasmtime::cache::ModuleCache;
    /// if let Some(dir) = ModuleCache::default_dir() {
    ///     assert!(dir.is_absolute() && dir.ends_with("subvm"));
    /// }
    /// ```
    #[must_use]
    pub fn default_dir() -> Option<PathBuf> {
        // What is not absolute is to be ignored: XDG Base Directory Specification.
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        base.map(|base| base.join("subvm"))
    }

    /// Whether there is a file under a key, be it usable or not.
    pub(crate) fn has(&self, key: &Key) -> bool {
        fs::symlink_metadata(self.path(key)).is_ok_and(|metadata| metadata.is_file())
    }

    /// The bytes of a module's file, as they are: [`file::parse`] says whether they can be used.
    pub(crate) fn read(&self, key: &Key) -> Option<Vec<u8>> {
        let path = self.path(key);
        // Only a plain file is opened: not a link, nor a pipe that nobody writes to.
        let metadata = fs::symlink_metadata(&path).ok().filter(|metadata| metadata.is_file())?;
        if metadata.len() > self.bytes {
            return None;
        }
        let mut file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize::try_from(metadata.len()).ok()?.checked_add(1)?).ok()?;
        (&mut file).take(metadata.len() + 1).read_to_end(&mut bytes).ok()?;
        // Eviction goes by this time. A system that does not keep it only evicts less well.
        let _ = file.set_modified(SystemTime::now());
        Some(bytes)
    }

    /// Puts a module's file in place, whole or not at all, and makes room. One that is too large for the cache is not kept.
    ///
    /// # Errors
    /// What the operating system says. Nothing depends on it: the module will be compiled again.
    pub(crate) fn write(&self, key: &Key, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() as u64 > self.bytes {
            return Ok(());
        }
        let written = self.replace(key, bytes);
        evict::evict(&self.dir, self.bytes);
        written
    }

    /// No need to sync: after a crash the digest tells a file that was not written out.
    fn replace(&self, key: &Key, bytes: &[u8]) -> io::Result<()> {
        let part = part(&self.dir);
        let written = create(&part).and_then(|mut file| file.write_all(bytes));
        let replaced = written.and_then(|()| fs::rename(&part, self.path(key)));
        if replaced.is_err() {
            let _ = fs::remove_file(&part);
        }
        replaced
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.dir.join(format!("{key}.{ENDING}"))
    }
}

/// Makes a directory for its owner alone, and those above it.
fn make(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// A path for a file in the making that no other thread or process has.
fn part(dir: &Path) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let part = dir.join(format!("{}-{number}.{PART}", std::process::id()));
    // A file of this name was left behind by a process with the same number.
    let _ = fs::remove_file(&part);
    part
}

/// Makes a file, which must not be there, for its owner alone.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
