//! A state as a file of pages: written out of a snapshot, and read into a new ledger.

use std::io::{self, Read, Write};
use std::path::Path;

use redb::{Database, ReadableTableMetadata};
use subvm_core::state::{Digest, EMPTY};

use super::file;
use super::tables::{ACCEPTED, FINALIZED, LOWEST, META_LAYOUT, Nodes, Tables, broken, failure};
use super::view::Snapshot;
use super::{RedbLedger, RedbOptions};
use crate::LedgerError;
use crate::dump::{Dump, Reader, Writer};
use crate::error::LAYOUT;
use crate::trie::{Verified, Verifier};

impl Snapshot {
    /// Writes the state of a height: `docs/ledger.md`, *The file of a state*.
    ///
    /// # Errors
    /// [`LedgerError::NoState`]; [`LedgerError::Backend`], also where `out` fails, or [`LedgerError::Damaged`].
    ///
    /// # Cost
    /// All pages are read.
    pub fn export(&self, height: u64, out: &mut dyn Write) -> Result<Dump, LedgerError> {
        let root = self.known_root(height)?;
        let unwritten = |error: io::Error| redb::Error::Io(io::Error::other(error));
        let wrote = Writer::new(out, height, &root).map_err(unwritten).and_then(|mut writer| {
            self.pages_at(height, |key, content| writer.page(key, content).map_err(unwritten))?;
            writer.finish().map_err(unwritten)
        });
        let pages = wrote.map_err(|error| failure(&self.place, "exporting", error))?;
        Ok(Dump { height, root, pages })
    }

    /// Compares the newest state with the tree of digests, page by page and row by row, and its root with the one that was kept.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] where they do not belong together; [`LedgerError::Backend`].
    ///
    /// # Cost
    /// All pages and rows are read, those on the way to each page anew.
    pub fn verify(&self) -> Result<Verified, LedgerError> {
        let height = self.heights()?.accepted;
        let (mut nodes, mut verifier) = (Nodes(&self.nodes), Verifier::default());
        let whole = self
            .pages_at(height, |key, content| verifier.page(&mut nodes, key, content).map_err(broken))
            .and_then(|()| Ok((verifier.finish(&mut Nodes(&self.nodes)).map_err(broken)?, self.nodes.len()?)));
        let (verified, rows) = whole.map_err(|error| failure(&self.place, "verifying", error))?;
        let damaged = |what: &str| Err(LedgerError::Damaged { place: self.place.clone(), what: what.into() });
        if verified.rows != rows {
            return damaged("there are rows that belong to no tree of digests");
        }
        if verified.root != self.known_root(height)? {
            return damaged("the newest state does not have the root that was kept for it");
        }
        Ok(verified)
    }
}

impl RedbLedger {
    /// Makes a ledger in `dir` of a state that was exported, by this ledger or by one of another kind. Its height is final there, and the lowest.
    /// The file of the ledger appears when all of it was read, and has the root that it says, or `expected` where that is said.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where there is a ledger already, or the file is none, is cut, or has another root; [`LedgerError::Locked`];
    /// [`LedgerError::Backend`].
    ///
    /// # Cost
    /// All of it is read, written and hashed.
    pub fn import(dir: &Path, from: &mut dyn Read, expected: Option<&Digest>) -> Result<Dump, LedgerError> {
        let _lock = file::lock(dir)?;
        let path = dir.join(Self::FILE);
        let place = path.display().to_string();
        let refused = |why| LedgerError::Refused { place: place.clone(), why };
        if file::exists(&path)? {
            return Err(refused("there is a ledger already: choose a directory without one, or move it away"));
        }
        let mut reader = Reader::new(from, expected).map_err(refused)?;
        file::create_with(&path, RedbOptions::default().builder(), |database| {
            fill(&database, &mut reader).map_err(|error| match error {
                Failed::File(why) => refused(why),
                Failed::Database(error) => failure(&place, "importing", error),
            })
        })?;
        Ok(Dump { height: reader.height, root: reader.root, pages: reader.pages })
    }
}

enum Failed {
    File(&'static str),
    Database(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

/// Reads all pages into a new database.
fn fill(database: &Database, reader: &mut Reader<'_>) -> Result<(), Failed> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    {
        let mut tables = Tables::open(&transaction)?;
        let mut found = EMPTY;
        loop {
            let some = reader.some().map_err(Failed::File)?;
            if some.is_empty() {
                break;
            }
            for (key, content) in &some {
                tables.put_base(key, content)?;
            }
            found = tables.grow(&some)?;
        }
        reader.check(&found).map_err(Failed::File)?;
        tables.put_root(reader.height, &reader.root)?;
        for name in [ACCEPTED, FINALIZED, LOWEST] {
            tables.set(name, reader.height)?;
        }
        tables.set(META_LAYOUT, LAYOUT)?;
    }
    transaction.commit()?;
    Ok(())
}
