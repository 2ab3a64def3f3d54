//! Snapshots of the whole chain, by height, on disk: what this node begins with when it starts, and what others begin with that are new.
//!
//! A file has the BLAKE3 of what follows, the digest of the state, and the chain's own bytes. Its name is its height.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eyre::{Context, bail};
use subvm_chain::Chain;

use crate::config;

/// Bytes that are handed to others at once.
pub(crate) const PART: u64 = 1 << 20;
/// Bytes before the chain's own.
const HEAD: usize = 64;

/// They.
pub(crate) struct Snapshots {
    dir: PathBuf,
    config: config::Snapshots,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Bytes of each, by height.
    kept: BTreeMap<u64, u64>,
    /// Whether one is being written.
    busy: bool,
}

impl Snapshots {
    /// In this directory, which is made where it is not there.
    pub(crate) fn open(dir: PathBuf, config: config::Snapshots) -> eyre::Result<Self> {
        fs::create_dir_all(&dir).wrap_err_with(|| format!("cannot make {}", dir.display()))?;
        let mut kept = BTreeMap::new();
        for entry in fs::read_dir(&dir).wrap_err_with(|| format!("cannot read {}", dir.display()))? {
            let entry = entry?;
            let path = entry.path();
            match height_of(&path) {
                Some(height) => drop(kept.insert(height, entry.metadata()?.len())),
                // A process before this one began it, and was killed.
                None if path.extension().is_some_and(|end| end == "part") => fs::remove_file(&path)?,
                None => {}
            }
        }
        Ok(Self { dir, config, state: Mutex::new(State { kept, busy: false }) })
    }

    /// Writes one down, where this height is due for one; in a thread of its own, so that nothing waits for it.
    pub(crate) fn follow(self: &Arc<Self>, chain: &Chain) {
        let due = self.config.every > 0 && chain.height().is_multiple_of(self.config.every);
        if !due || std::mem::replace(&mut self.state().busy, true) {
            return;
        }
        let (all, chain) = (Arc::clone(self), chain.clone());
        let write = move || {
            let began = std::time::Instant::now();
            match all.write(&chain.snapshot(), &chain.root(), chain.height()) {
                Ok(bytes) => {
                    metrics::gauge!("node_snapshot_height").set(chain.height() as f64);
                    tracing::info!(height = chain.height(), bytes, took = ?began.elapsed(), "a snapshot is taken");
                }
                // A node goes on without: it begins with an older one, or with all blocks.
                Err(error) => tracing::warn!(height = chain.height(), %error, "a snapshot could not be taken"),
            }
            all.state().busy = false;
        };
        if let Err(error) = std::thread::Builder::new().name("snapshot".into()).spawn(write) {
            self.state().busy = false;
            tracing::warn!(%error, "there is no thread for a snapshot");
        }
    }

    /// Writes one down: all of it is there afterwards, or nothing. Removes those that are too many. Gives its bytes.
    pub(crate) fn write(&self, chain: &[u8], root: &[u8; 32], height: u64) -> eyre::Result<u64> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(root).update(chain);
        let mut part = tempfile::Builder::new().suffix(".part").tempfile_in(&self.dir)?;
        part.write_all(hasher.finalize().as_bytes())?;
        part.write_all(root)?;
        part.write_all(chain)?;
        part.as_file().sync_all()?;
        part.persist(self.path(height))?;
        fs::File::open(&self.dir)?.sync_all()?;
        let (bytes, mut old) = ((HEAD + chain.len()) as u64, Vec::new());
        let mut state = self.state();
        state.kept.insert(height, bytes);
        while state.kept.len() > self.config.keep.get() {
            old.extend(state.kept.pop_first().map(|(height, _)| height));
        }
        drop(state);
        for height in old {
            fs::remove_file(self.path(height))?;
        }
        Ok(bytes)
    }

    /// Heights and bytes of those that there are, ascending.
    pub(crate) fn kept(&self) -> Vec<(u64, u64)> {
        self.state().kept.iter().map(|(height, bytes)| (*height, *bytes)).collect()
    }

    /// The height of the lowest.
    pub(crate) fn lowest(&self) -> Option<u64> {
        self.state().kept.keys().next().copied()
    }

    /// The chain's bytes and the digest of its state.
    pub(crate) fn read(&self, height: u64) -> eyre::Result<([u8; 32], Vec<u8>)> {
        let path = self.path(height);
        let bytes = fs::read(&path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
        let (root, chain) = whole(&bytes).wrap_err_with(|| path.display().to_string())?;
        Ok((root, chain.to_vec()))
    }

    /// A part of the file: nothing where it has no such part.
    pub(crate) fn part(&self, height: u64, number: u64) -> eyre::Result<Option<Vec<u8>>> {
        let Some(bytes) = self.state().kept.get(&height).copied() else { return Ok(None) };
        let Some(from) = number.checked_mul(PART).filter(|from| *from < bytes) else { return Ok(None) };
        let mut file = match fs::File::open(self.path(height)) {
            // It was removed meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        file.seek(SeekFrom::Start(from))?;
        let mut part = Vec::new();
        file.take(PART).read_to_end(&mut part)?;
        Ok(Some(part))
    }

    fn path(&self, height: u64) -> PathBuf {
        self.dir.join(format!("{height:012}.snapshot"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a file has: the digest of the state, and the chain's bytes.
pub(crate) fn whole(bytes: &[u8]) -> eyre::Result<([u8; 32], &[u8])> {
    let Some((digest, rest)) = bytes.split_first_chunk::<32>() else { bail!("it is cut: take another") };
    let Some((root, chain)) = rest.split_first_chunk::<32>() else { bail!("it is cut: take another") };
    if blake3::hash(rest) != *digest {
        bail!("it is damaged: take another");
    }
    Ok((*root, chain))
}

fn height_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".snapshot")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use subvm_chain::sample;

    use super::*;
    use crate::shared::tests::chain;

    #[test]
    fn snapshots_come_back_as_they_were_and_old_ones_go() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("x.part"), b"of a process that was killed").expect("writes");
        let config = config::Snapshots { every: 2, keep: NonZeroUsize::new(2).expect("above 0") };
        let open = || Arc::new(Snapshots::open(dir.path().to_owned(), config).expect("opens"));
        let snapshots = open();
        let mut chain = chain();
        for _ in 0..8 {
            chain.apply(&chain.propose(sample::validator(0), None, [], vec![])).expect("follows");
            snapshots.follow(&chain);
            while snapshots.state().busy {
                std::thread::yield_now();
            }
        }
        drop(snapshots);
        let snapshots = open();
        let heights: Vec<u64> = snapshots.kept().iter().map(|(height, _)| *height).collect();
        assert_eq!((heights, snapshots.lowest()), (vec![6, 8], Some(6)));
        assert_eq!(fs::read_dir(dir.path()).expect("reads").count(), 2, "nothing else is there");
        let (root, bytes) = snapshots.read(8).expect("is whole");
        assert_eq!((root, &bytes), (chain.root(), &chain.snapshot()));
        // In parts, as others ask for it.
        let whole = fs::read(snapshots.path(8)).expect("reads");
        assert_eq!(snapshots.part(8, 0).expect("reads"), Some(whole.clone()));
        for (height, number) in [(8, 1), (7, 0), (8, u64::MAX)] {
            assert_eq!(snapshots.part(height, number).expect("reads"), None);
        }
        for at in [0, 40, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(super::whole(&damaged).is_err(), "byte {at}");
            assert!(super::whole(&whole[..at]).is_err(), "cut at {at}");
        }
    }
}
