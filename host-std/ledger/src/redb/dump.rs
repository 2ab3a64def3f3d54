//! A state as a file of pages, for another ledger of any kind: written out of a snapshot, and read into a new ledger, which has the same root.

use std::io::{self, Read, Write};
use std::path::Path;

use redb::{Database, ReadableTableMetadata};
use subvm_core::host::page::PAGES;
use subvm_core::state::{Digest, EMPTY};

use super::file;
use super::tables::{ACCEPTED, Contents, FINALIZED, LOWEST, META_LAYOUT, Nodes, Tables, broken, failure};
use super::view::Snapshot;
use super::{RedbLedger, RedbOptions};
use crate::LedgerError;
use crate::error::LAYOUT;
use crate::page::{KEY, Key, number};
use crate::trie::{Verified, Verifier};

const MAGIC: &[u8; 12] = b"subvm state\x01";
/// What stands before each page, and in the end.
const PAGE: u8 = 1;
const END: u8 = 0;

/// A state that was exported or imported.
///
/// ```
/// use subvm_core::{Address, PageWrite, SlotId};
/// use subvm_ledger::{Dump, History, Ledger, RedbLedger};
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// let mut ledger = RedbLedger::in_memory()?;
/// ledger.apply(&Address([7; 20]), &[PageWrite { slot: SlotId([0; 32]), page: 0, content: [1; 32] }], 5)?;
/// let mut file = Vec::new();
/// let dump = ledger.snapshot()?.export(5, &mut file)?;
/// assert_eq!(dump, Dump { height: 5, root: ledger.root(5)?, pages: 1 });
/// // Whoever trusts the root need not trust the file.
/// assert_eq!(RedbLedger::import(dir, &mut &file[..], Some(&dump.root))?, dump);
/// assert_eq!(RedbLedger::open(dir)?.root(5)?, dump.root);
/// # Ok::<(), subvm_ledger::LedgerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dump {
    /// Its height.
    pub height: u64,
    /// Its root.
    pub root: Digest,
    /// How many pages it has that hold something.
    pub pages: u64,
}

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
        let mut pages = 0_u64;
        let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(|error| redb::Error::Io(io::Error::other(error)));
        let head = [&MAGIC[..], &height.to_be_bytes(), &root].concat();
        let wrote = write(&head).and_then(|()| {
            self.pages_at(height, |key, content| {
                if *content == EMPTY {
                    return Ok(());
                }
                pages += 1;
                write(&[&[PAGE], &key[..], content].concat())
            })
        });
        let wrote = wrote.and_then(|()| write(&[&[END], &pages.to_be_bytes()[..]].concat()));
        wrote.map_err(|error| failure(&self.place, "exporting", error))?;
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
    /// Makes a ledger in `dir` of a state that was exported. Its height is final there, and the lowest. The file of the ledger appears when
    /// all of it was read, and has the root that it says, or `expected` where that is said.
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
        let (height, root) = head(from).map_err(refused)?;
        if expected.is_some_and(|expected| *expected != root) {
            return Err(refused("the file is of another root than the one that is expected: export that height anew"));
        }
        let mut pages = 0;
        file::create_with(&path, RedbOptions::default().builder(), |database| {
            pages = fill(&database, from, (height, &root)).map_err(|error| match error {
                Failed::File(why) => refused(why),
                Failed::Database(error) => failure(&place, "importing", error),
            })?;
            Ok(())
        })?;
        Ok(Dump { height, root, pages })
    }
}

const CUT: &str = "the file ends too early: export it anew";

enum Failed {
    File(&'static str),
    Database(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

fn head(from: &mut dyn Read) -> Result<(u64, Digest), &'static str> {
    let (mut magic, mut height, mut root) = ([0; MAGIC.len()], [0; 8], [0; 32]);
    from.read_exact(&mut magic).map_err(|_| CUT)?;
    if magic != *MAGIC {
        return Err("the file is no exported state of version 1: use one that `subvm ledger export` wrote");
    }
    from.read_exact(&mut height).and_then(|()| from.read_exact(&mut root)).map_err(|_| CUT)?;
    Ok((u64::from_be_bytes(height), root))
}

/// Reads all pages into a new database; how many.
fn fill(database: &Database, from: &mut dyn Read, (height, root): (u64, &Digest)) -> Result<u64, Failed> {
    // As many pages at once as take little memory.
    const AT_ONCE: usize = 1 << 15;
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    let mut pages = 0_u64;
    {
        let mut tables = Tables::open(&transaction)?;
        let mut last: Option<Key> = None;
        let (mut found, mut ended) = (EMPTY, false);
        while !ended {
            let mut some = Contents::new();
            while some.len() < AT_ONCE && !ended {
                match entry(from, last.as_ref()).map_err(Failed::File)? {
                    Some((key, content)) => {
                        tables.put_base(&key, &content)?;
                        some.insert(key, content);
                        last = Some(key);
                        pages += 1;
                    }
                    None => ended = true,
                }
            }
            found = if some.is_empty() { found } else { tables.grow(&some)? };
        }
        let mut count = [0; 8];
        from.read_exact(&mut count).map_err(|_| Failed::File(CUT))?;
        if u64::from_be_bytes(count) != pages {
            return Err(Failed::File("the file has not as many pages as it says: export it anew"));
        }
        if from.read(&mut [0]).map_err(|_| Failed::File(CUT))? != 0 {
            return Err(Failed::File("something follows the state in the file: export it anew"));
        }
        if found != *root {
            return Err(Failed::File("the pages of the file do not have the root that it says: do not trust it"));
        }
        tables.put_root(height, root)?;
        for name in [ACCEPTED, FINALIZED, LOWEST] {
            tables.set(name, height)?;
        }
        tables.set(META_LAYOUT, LAYOUT)?;
    }
    transaction.commit()?;
    Ok(pages)
}

/// The next page, which comes after `last`; nothing at the end.
fn entry(from: &mut dyn Read, last: Option<&Key>) -> Result<Option<(Key, Digest)>, &'static str> {
    let (mut kind, mut key, mut content) = ([0], [0; KEY], [0; 32]);
    from.read_exact(&mut kind).map_err(|_| CUT)?;
    match kind[0] {
        END => return Ok(None),
        PAGE => {}
        _ => return Err("the file is damaged: export it anew"),
    }
    from.read_exact(&mut key).and_then(|()| from.read_exact(&mut content)).map_err(|_| CUT)?;
    let in_order = last.is_none_or(|last| *last < key);
    if !in_order || content == EMPTY || number(&key) >= PAGES {
        return Err("the pages of the file are not in order, or are none: export it anew");
    }
    Ok(Some((key, content)))
}
