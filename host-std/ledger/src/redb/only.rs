//! Reading a ledger's file and writing nothing to it: what the database would write goes to memory.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use super::file::failed;
use crate::LedgerError;

/// Bytes of the file that are written to memory as one.
const BLOCK: usize = 4096;

/// A file as it is, and over it what was written since.
#[derive(Debug)]
pub(super) struct Over(Mutex<State>);

#[derive(Debug)]
struct State {
    file: File,
    /// Bytes of the file that count: what was cut off reads as zeros when it grows again.
    kept: u64,
    /// Bytes as the database sees them.
    len: u64,
    /// Blocks that were written.
    written: BTreeMap<u64, Box<[u8; BLOCK]>>,
}

impl Over {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self(Mutex::new(State { file, kept: len, len, written: BTreeMap::new() })))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().len == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked had changed nothing by half that is read again.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A block as it is now; beyond the end there are zeros.
    fn block(&mut self, number: u64) -> io::Result<Box<[u8; BLOCK]>> {
        if let Some(block) = self.written.get(&number) {
            return Ok(block.clone());
        }
        let mut block = Box::new([0; BLOCK]);
        let start = number * BLOCK as u64;
        let there = self.kept.saturating_sub(start).min(BLOCK as u64) as usize;
        self.file_at(start, &mut block[..there])?;
        Ok(block)
    }

    fn file_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        use io::{Read, Seek, SeekFrom};
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(into)
    }

    /// The parts of `len` bytes from `offset` on, block by block: its number, where in it, where in the bytes, how many.
    fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            if done == len {
                return None;
            }
            let at = offset + done as u64;
            let within = (at % BLOCK as u64) as usize;
            let part = (BLOCK - within).min(len - done);
            done += part;
            Some((at / BLOCK as u64, within, done - part, part))
        })
    }

    fn within(&self, offset: u64, len: usize) -> io::Result<()> {
        let end = offset.checked_add(len as u64);
        if end.is_some_and(|end| end <= self.len) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl StorageBackend for Over {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.within(offset, out.len())?;
        for (number, within, at, part) in State::parts(offset, out.len()) {
            let into = &mut out[at..at + part];
            let (start, kept) = (number * BLOCK as u64 + within as u64, state.kept);
            match state.written.get(&number) {
                Some(block) => into.copy_from_slice(&block[within..within + part]),
                None if start + part as u64 <= kept => state.file_at(start, into)?,
                None => into.copy_from_slice(&state.block(number)?[within..within + part]),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.lock();
        let (end, within) = (len / BLOCK as u64, (len % BLOCK as u64) as usize);
        // What is cut off is gone, also from the block that the end lies in.
        state.kept = state.kept.min(len);
        state.written.retain(|number, _| *number < end || (*number == end && within > 0));
        if let Some(block) = state.written.get_mut(&end) {
            block[within..].fill(0);
        }
        state.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.within(offset, data.len())?;
        for (number, within, at, part) in State::parts(offset, data.len()) {
            let mut block = state.block(number)?;
            block[within..within + part].copy_from_slice(&data[at..at + part]);
            state.written.insert(number, block);
        }
        Ok(())
    }
}

/// Sees to it that no process has the ledger of `dir` open to change it, until the file that this returns is dropped. Others may read it, too.
/// Where there is no lock file, nobody had the ledger open here, and none is made.
pub(super) fn lock(dir: &Path) -> Result<Option<File>, LedgerError> {
    let path = dir.join("ledger.lock");
    let file = match OpenOptions::new().read(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&path, "opening the lock file", error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(LedgerError::Locked { place: dir.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(dir, "locking", error)),
    }
}

/// Whether there is a file that is no directory.
pub(super) fn is_file(path: &Path) -> Result<bool, LedgerError> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path, "looking for the file", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_seen_and_the_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let bytes: Vec<u8> = (0..10_000_u32).map(|at| at as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let over = Over::new(&path).unwrap();
        let mut seen = bytes.clone();
        let read = |over: &Over, seen: &[u8]| {
            let mut found = vec![0xee; seen.len()];
            over.read(0, &mut found).unwrap();
            assert!(found == seen, "{:?}", found.iter().zip(seen).position(|(one, other)| one != other));
            assert_eq!(over.len().unwrap(), seen.len() as u64);
            assert!(over.read(1, &mut found).is_err(), "one byte beyond the end");
        };
        read(&over, &seen);
        over.write(4000, &[1; 5000]).unwrap();
        seen[4000..9000].fill(1);
        read(&over, &seen);
        assert!(over.write(9_999, &[1; 2]).is_err());
        // What is cut off does not come back.
        for (short, long) in [(5000, 20_000), (4096, 4097), (4096, 12_000), (100, 10_000), (0, 1)] {
            over.set_len(short).unwrap();
            seen.truncate(short as usize);
            read(&over, &seen);
            over.set_len(long).unwrap();
            seen.resize(long as usize, 0);
            read(&over, &seen);
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
