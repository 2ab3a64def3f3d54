//! Snapshots of the whole chain, by height, on disk: what this node begins with when it starts, and what others begin with that are new.
//!
//! A file has the BLAKE3 of what follows, the digest of the state, and the chain's own bytes. Its name is its height.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eyre::{Context, bail};
use subvm_chain::Chain;
use tempfile::NamedTempFile;

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
            match all.write(&chain) {
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
    pub(crate) fn write(&self, chain: &Chain) -> eyre::Result<u64> {
        let mut part = tempfile::Builder::new().suffix(".part").tempfile_in(&self.dir)?;
        part.write_all(&[0; 32])?;
        let mut hashed = Hashed { to: BufWriter::new(part.as_file_mut()), hasher: blake3::Hasher::new() };
        hashed.write_all(&chain.root())?;
        chain.snapshot_to(&mut hashed)?;
        hashed.flush()?;
        let digest = hashed.hasher.finalize();
        drop(hashed);
        part.as_file_mut().seek(SeekFrom::Start(0))?;
        part.write_all(digest.as_bytes())?;
        self.adopt(part, chain.height())
    }

    /// Takes in a file that is whole. Gives its bytes.
    pub(crate) fn adopt(&self, part: NamedTempFile, height: u64) -> eyre::Result<u64> {
        part.as_file().sync_all()?;
        let bytes = part.as_file().metadata()?.len();
        part.persist(self.path(height))?;
        fs::File::open(&self.dir)?.sync_all()?;
        let mut old = Vec::new();
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

    /// The digest of its state, and the chain's bytes.
    pub(crate) fn read(&self, height: u64) -> eyre::Result<([u8; 32], impl Read + use<>)> {
        let path = self.path(height);
        let mut file = fs::File::open(&path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
        let root = whole(&mut file).wrap_err_with(|| path.display().to_string())?;
        Ok((root, BufReader::new(file)))
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

/// Looks at a whole file. Gives the digest of the state; the chain's bytes are what comes next.
pub(crate) fn whole(file: &mut (impl Read + Seek)) -> eyre::Result<[u8; 32]> {
    let mut head = [0; HEAD];
    file.seek(SeekFrom::Start(0))?;
    if let Err(error) = file.read_exact(&mut head) {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => bail!("it is cut: take another"),
            _ => Err(error.into()),
        };
    }
    let (digest, root) = head.split_at(32);
    let mut hashed = Hashed { to: io::sink(), hasher: blake3::Hasher::new() };
    hashed.write_all(root)?;
    io::copy(file, &mut hashed)?;
    if hashed.hasher.finalize().as_bytes() != digest {
        bail!("it is damaged: take another");
    }
    file.seek(SeekFrom::Start(HEAD as u64))?;
    Ok(root.try_into()?)
}

/// Hashes what goes through.
struct Hashed<W> {
    to: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
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
        let (root, mut from) = snapshots.read(8).expect("is whole");
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("reads");
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
            assert!(super::whole(&mut io::Cursor::new(damaged)).is_err(), "byte {at}");
            assert!(super::whole(&mut io::Cursor::new(&whole[..at])).is_err(), "cut at {at}");
        }
    }
}
