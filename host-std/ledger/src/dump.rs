//! A state as a file of pages, which goes from a ledger of any kind to one of any kind, and keeps its root: `docs/ledger.md`, *The file of a state*.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use subvm_core::host::page::PAGES;
use subvm_core::state::{Digest, EMPTY};

use crate::page::{KEY, Key, number};

const MAGIC: &[u8; 12] = b"subvm state\x01";
/// What stands before each page, and in the end.
const PAGE: u8 = 1;
const END: u8 = 0;
/// As many pages at once as take little memory.
pub(crate) const AT_ONCE: usize = 1 << 15;

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

/// Writes a state.
pub(crate) struct Writer<'o> {
    out: &'o mut dyn Write,
    pages: u64,
}

impl<'o> Writer<'o> {
    /// Begins the file.
    pub(crate) fn new(out: &'o mut dyn Write, height: u64, root: &Digest) -> io::Result<Self> {
        out.write_all(&[&MAGIC[..], &height.to_be_bytes(), root].concat())?;
        Ok(Self { out, pages: 0 })
    }

    /// Writes the next page, ascending; one of zeros is as one that was never written.
    pub(crate) fn page(&mut self, key: &Key, content: &Digest) -> io::Result<()> {
        if *content == EMPTY {
            return Ok(());
        }
        self.pages += 1;
        self.out.write_all(&[&[PAGE], &key[..], content].concat())
    }

    /// Ends the file; how many pages it has.
    pub(crate) fn finish(self) -> io::Result<u64> {
        self.out.write_all(&[&[END], &self.pages.to_be_bytes()[..]].concat())?;
        Ok(self.pages)
    }
}

const CUT: &str = "the file ends too early: export it anew";

/// Reads a state, and says what is wrong with it and what to do.
pub(crate) struct Reader<'f> {
    from: &'f mut dyn Read,
    /// What the file says of itself.
    pub(crate) height: u64,
    pub(crate) root: Digest,
    /// Pages that were read.
    pub(crate) pages: u64,
    last: Option<Key>,
    ended: bool,
}

impl<'f> Reader<'f> {
    /// Reads the head, which has to have the root that is expected, where one is.
    pub(crate) fn new(from: &'f mut dyn Read, expected: Option<&Digest>) -> Result<Self, &'static str> {
        let (mut magic, mut height, mut root) = ([0; MAGIC.len()], [0; 8], [0; 32]);
        from.read_exact(&mut magic).map_err(|_| CUT)?;
        if magic != *MAGIC {
            return Err("the file is no exported state of version 1: use one that `subvm ledger export` wrote");
        }
        from.read_exact(&mut height).and_then(|()| from.read_exact(&mut root)).map_err(|_| CUT)?;
        if expected.is_some_and(|expected| *expected != root) {
            return Err("the file is of another root than the one that is expected: export that height anew");
        }
        Ok(Self { from, height: u64::from_be_bytes(height), root, pages: 0, last: None, ended: false })
    }

    /// The next pages, some at once; none where the file has ended as it should.
    pub(crate) fn some(&mut self) -> Result<BTreeMap<Key, Digest>, &'static str> {
        let mut some = BTreeMap::new();
        while some.len() < AT_ONCE && !self.ended {
            match self.entry()? {
                Some((key, content)) => {
                    some.insert(key, content);
                    self.last = Some(key);
                    self.pages += 1;
                }
                None => {
                    self.ends()?;
                    self.ended = true;
                }
            }
        }
        Ok(some)
    }

    /// Whether the pages that were read have the root that the file says.
    pub(crate) fn check(&self, found: &Digest) -> Result<(), &'static str> {
        if *found == self.root {
            return Ok(());
        }
        Err("the pages of the file do not have the root that it says: do not trust it")
    }

    /// The next page, which comes after the last; nothing at the end.
    fn entry(&mut self) -> Result<Option<(Key, Digest)>, &'static str> {
        let (mut kind, mut key, mut content) = ([0], [0; KEY], [0; 32]);
        self.from.read_exact(&mut kind).map_err(|_| CUT)?;
        match kind[0] {
            END => return Ok(None),
            PAGE => {}
            _ => return Err("the file is damaged: export it anew"),
        }
        self.from.read_exact(&mut key).and_then(|()| self.from.read_exact(&mut content)).map_err(|_| CUT)?;
        let in_order = self.last.is_none_or(|last| last < key);
        if !in_order || content == EMPTY || number(&key) >= PAGES {
            return Err("the pages of the file are not in order, or are none: export it anew");
        }
        Ok(Some((key, content)))
    }

    fn ends(&mut self) -> Result<(), &'static str> {
        let mut count = [0; 8];
        self.from.read_exact(&mut count).map_err(|_| CUT)?;
        if u64::from_be_bytes(count) != self.pages {
            return Err("the file has not as many pages as it says: export it anew");
        }
        if self.from.read(&mut [0]).map_err(|_| CUT)? != 0 {
            return Err("something follows the state in the file: export it anew");
        }
        Ok(())
    }
}
