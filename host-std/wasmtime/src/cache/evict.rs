//! Keeping the directory small.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{ENDING, PART};

/// A file that has been in the making for so long belongs to a process that is gone.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A module's file.
struct Kept {
    used: SystemTime,
    bytes: u64,
    path: PathBuf,
}

/// Removes what was not used for longest, until the rest has at most `bytes` bytes, and what was left half-written.
///
/// Others may do the same at the same time: a file that is gone already is as good as removed, and one that somebody is
/// reading stays readable to them. At worst more is compiled again than needed.
pub(super) fn evict(dir: &Path, bytes: u64) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut kept: Vec<Kept> = entries.flatten().filter_map(|entry| look(&entry)).collect();
    let mut total: u64 = kept.iter().map(|kept| kept.bytes).sum();
    kept.sort_by_key(|kept| kept.used);
    for oldest in kept {
        if total <= bytes {
            return;
        }
        let _ = fs::remove_file(&oldest.path);
        total -= oldest.bytes;
    }
}

/// A module's file; anything else is none of ours, but for what was abandoned.
fn look(entry: &DirEntry) -> Option<Kept> {
    let path = entry.path();
    // Of a link this is the link's own.
    let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
    let used = metadata.modified().ok()?;
    match path.extension().and_then(OsStr::to_str) {
        Some(ENDING) => Some(Kept { used, bytes: metadata.len(), path }),
        Some(PART) if used.elapsed().is_ok_and(|age| age > ABANDONED) => {
            let _ = fs::remove_file(&path);
            None
        }
        _ => None,
    }
}
