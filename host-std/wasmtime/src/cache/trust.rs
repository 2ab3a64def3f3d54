//! Whether nobody else can put files into a directory.

use std::path::Path;

use super::CacheError;

/// Checks a directory and all above it, from the root down: each belongs to this user or to the administrator, and nobody
/// else may write to it, save where only owners may remove entries (as in `/tmp`). The directory itself belongs to this user.
///
/// What was checked can only be changed by those two, so what comes later is safe from being exchanged. `dir` is absolute,
/// and free of links when it was looked up; one that came since is refused.
///
/// # Errors
/// [`CacheError`] that names the directory at fault.
#[cfg(unix)]
pub(super) fn check(dir: &Path) -> Result<(), CacheError> {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    const PERMISSIONS: u32 = 0o7777;

    let failed = |source| CacheError::Unusable { dir: dir.to_owned(), source };
    let user = user(dir).map_err(failed)?;
    let above: Vec<&Path> = dir.ancestors().collect();
    for path in above.into_iter().rev() {
        let metadata = fs::symlink_metadata(path).map_err(failed)?;
        let (owner, mode) = (metadata.uid(), metadata.mode() & PERMISSIONS);
        let itself = path == dir;
        let owned = owner == user || owner == 0 && !itself;
        let closed = mode & OTHERS_WRITE == 0 || mode & STICKY != 0 && !itself;
        if !(metadata.is_dir() && owned && closed) {
            return Err(CacheError::Untrusted { dir: dir.to_owned(), path: path.to_owned(), owner, mode });
        }
    }
    Ok(())
}

/// The user as whom this process makes files: the owner of one that it makes.
#[cfg(unix)]
fn user(dir: &Path) -> std::io::Result<u32> {
    use std::os::unix::fs::MetadataExt;

    let probe = super::part(dir);
    let owner = super::create(&probe).and_then(|file| file.metadata()).map(|metadata| metadata.uid());
    let _ = std::fs::remove_file(&probe);
    owner
}

/// Here the system's own defaults keep a user's directories from others.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as elsewhere")]
pub(super) fn check(_: &Path) -> Result<(), CacheError> {
    Ok(())
}
