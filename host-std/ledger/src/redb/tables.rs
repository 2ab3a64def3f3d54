//! The tables of a ledger's file, and what changes them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Bound;

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use subvm_core::host::page::BYTES as PAGE;
use subvm_core::state::Digest;

use crate::LedgerError;
use crate::error::LAYOUT;
use crate::page::{KEY, Key};
use crate::trie::{self, Path, Store, TrieError};

/// A page's key and the height of the block that wrote it, in the one order or the other.
pub(super) type Dated = [u8; KEY + 8];

/// What is known of the whole: its layout and its heights.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The finalized state: page to content.
pub(super) const BASE: TableDefinition<'_, &Key, &[u8; PAGE]> = TableDefinition::new("base");
/// Accepted pages above it: page ++ height to content.
pub(super) const PENDING: TableDefinition<'_, &Dated, &[u8; PAGE]> = TableDefinition::new("pending");
/// Which pages those are, by height: height ++ page.
pub(super) const JOURNAL: TableDefinition<'_, &Dated, ()> = TableDefinition::new("journal");
/// What finalized pages held before a block wrote them: page ++ height to content.
pub(super) const PAST: TableDefinition<'_, &Dated, &[u8; PAGE]> = TableDefinition::new("past");
/// Which pages those are, by height: height ++ page.
pub(super) const PAST_JOURNAL: TableDefinition<'_, &Dated, ()> = TableDefinition::new("past_journal");
/// The root of the state of a height; one that is not there has that of the next lower one.
pub(super) const ROOTS: TableDefinition<'_, u64, &Digest> = TableDefinition::new("roots");
/// The tree that the newest root is of.
pub(super) const NODES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("nodes");
/// The rules by height, where they were given: [`RuleSets::to_bytes`](subvm_core::RuleSets::to_bytes). Files of earlier releases lack it.
pub(super) const RULES: TableDefinition<'_, (), &[u8]> = TableDefinition::new("rules");

/// The version of these tables, in [`META`].
pub(super) const META_LAYOUT: &str = "layout";
/// The highest accepted height, in [`META`].
pub(super) const ACCEPTED: &str = "accepted";
/// The highest finalized height, in [`META`].
pub(super) const FINALIZED: &str = "finalized";
/// The lowest height whose state can be read, in [`META`].
pub(super) const LOWEST: &str = "lowest";

/// A key of [`PENDING`] or [`PAST`].
pub(super) fn by_page(key: &Key, height: u64) -> Dated {
    let mut dated = [0; KEY + 8];
    dated[..KEY].copy_from_slice(key);
    dated[KEY..].copy_from_slice(&height.to_be_bytes());
    dated
}

/// A key of [`JOURNAL`] or [`PAST_JOURNAL`].
pub(super) fn by_height(height: u64, key: &Key) -> Dated {
    let mut dated = [0; KEY + 8];
    dated[..8].copy_from_slice(&height.to_be_bytes());
    dated[8..].copy_from_slice(key);
    dated
}

/// The height and the page of an entry of a journal.
pub(super) fn from_journal(entry: &Dated) -> (u64, Key) {
    let (mut key, mut height) = ([0; KEY], [0; 8]);
    height.copy_from_slice(&entry[..8]);
    key.copy_from_slice(&entry[8..]);
    (u64::from_be_bytes(height), key)
}

/// The page and the height of a key of [`PENDING`] or [`PAST`].
pub(super) fn from_dated(dated: &Dated) -> (Key, u64) {
    let (mut key, mut height) = ([0; KEY], [0; 8]);
    key.copy_from_slice(&dated[..KEY]);
    height.copy_from_slice(&dated[KEY..]);
    (key, u64::from_be_bytes(height))
}

/// All tables, open in one transaction.
pub(super) struct Tables<'t> {
    pub(super) meta: Table<'t, &'static str, u64>,
    base: Table<'t, &'static Key, &'static [u8; PAGE]>,
    pending: Table<'t, &'static Dated, &'static [u8; PAGE]>,
    journal: Table<'t, &'static Dated, ()>,
    past: Table<'t, &'static Dated, &'static [u8; PAGE]>,
    past_journal: Table<'t, &'static Dated, ()>,
    roots: Table<'t, u64, &'static Digest>,
    nodes: Table<'t, &'static [u8], &'static [u8]>,
    rules: Table<'t, (), &'static [u8]>,
}

/// Pages and what they hold, or are to hold.
pub(super) type Contents = BTreeMap<Key, [u8; PAGE]>;

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            base: transaction.open_table(BASE)?,
            pending: transaction.open_table(PENDING)?,
            journal: transaction.open_table(JOURNAL)?,
            past: transaction.open_table(PAST)?,
            past_journal: transaction.open_table(PAST_JOURNAL)?,
            roots: transaction.open_table(ROOTS)?,
            nodes: transaction.open_table(NODES)?,
            rules: transaction.open_table(RULES)?,
        })
    }

    /// Keeps the bytes of rules.
    pub(super) fn put_rules(&mut self, rules: &[u8]) -> Result<(), redb::Error> {
        self.rules.insert((), rules)?;
        Ok(())
    }

    pub(super) fn set(&mut self, what: &'static str, height: u64) -> Result<(), redb::Error> {
        self.meta.insert(what, height)?;
        Ok(())
    }

    /// Writes what a block wrote.
    pub(super) fn apply(&mut self, pages: &Contents, height: u64) -> Result<(), redb::Error> {
        for (key, content) in pages {
            self.put_pending(&by_page(key, height), content)?;
        }
        let root = self.grow(pages)?;
        self.put_root(height, &root)
    }

    /// Changes the tree of digests; its root then.
    pub(super) fn grow(&mut self, pages: &Contents) -> Result<Digest, redb::Error> {
        let change = trie::apply(&mut Nodes(&self.nodes), pages).map_err(broken)?;
        for (path, row) in change.rows {
            match row {
                Some(row) => drop(self.nodes.insert(&path[..], &row[..])?),
                None => drop(self.nodes.remove(&path[..])?),
            }
        }
        Ok(change.root)
    }

    pub(super) fn put_root(&mut self, height: u64, root: &Digest) -> Result<(), redb::Error> {
        self.roots.insert(height, root)?;
        Ok(())
    }

    pub(super) fn put_node(&mut self, path: &[u8], row: &[u8]) -> Result<(), redb::Error> {
        self.nodes.insert(path, row)?;
        Ok(())
    }

    /// Writes one finalized page.
    pub(super) fn put_base(&mut self, key: &Key, content: &[u8; PAGE]) -> Result<(), redb::Error> {
        self.base.insert(key, content)?;
        Ok(())
    }

    /// Writes one accepted page.
    pub(super) fn put_pending(&mut self, dated: &Dated, content: &[u8; PAGE]) -> Result<(), redb::Error> {
        let (key, height) = from_dated(dated);
        self.pending.insert(dated, content)?;
        self.journal.insert(&by_height(height, &key), ())?;
        Ok(())
    }

    /// Writes what a page held before a block.
    pub(super) fn put_past(&mut self, dated: &Dated, content: &[u8; PAGE]) -> Result<(), redb::Error> {
        let (key, height) = from_dated(dated);
        self.past.insert(dated, content)?;
        self.past_journal.insert(&by_height(height, &key), ())?;
        Ok(())
    }

    /// Moves accepted pages up to `height` to the base, in the order of their heights. What they held before is kept from `lowest` on.
    pub(super) fn finalize(&mut self, height: u64, lowest: u64) -> Result<(), redb::Error> {
        let Self { base, pending, journal, past, past_journal, .. } = self;
        let last = by_height(height, &[0xff; KEY]);
        for entry in journal.extract_from_if::<&Dated, _>(..=&last, |_, ()| true)? {
            let (at, key) = from_journal(entry?.0.value());
            let dated = by_page(&key, at);
            let content = pending.remove(&dated)?.ok_or_else(|| torn(&key))?;
            let before = base.insert(&key, content.value())?;
            if at > lowest {
                past.insert(&dated, &before.map_or([0; PAGE], |before| *before.value()))?;
                past_journal.insert(&by_height(at, &key), ())?;
            }
        }
        self.prune(lowest)
    }

    /// Forgets the states below `lowest`.
    pub(super) fn prune(&mut self, lowest: u64) -> Result<(), redb::Error> {
        let Self { past, past_journal, roots, meta, .. } = self;
        let last = by_height(lowest, &[0xff; KEY]);
        for entry in past_journal.extract_from_if::<&Dated, _>(..=&last, |_, ()| true)? {
            let (at, key) = from_journal(entry?.0.value());
            past.remove(&by_page(&key, at))?.ok_or_else(|| torn(&key))?;
        }
        // The newest root up to there is that of `lowest`.
        let newest = roots.range(..=lowest)?.next_back().transpose()?.map(|(height, _)| height.value());
        roots.retain_in(..newest.unwrap_or(0), |_, _| false)?;
        meta.insert(LOWEST, lowest)?;
        Ok(())
    }

    /// Removes accepted pages above `height`, which is below the highest accepted one, and makes the tree what it was there.
    pub(super) fn remove_above(&mut self, height: u64) -> Result<(), redb::Error> {
        let Self { base, pending, journal, roots, .. } = self;
        let first = by_height(height + 1, &[0; KEY]);
        let mut pages = Contents::new();
        for entry in journal.extract_from_if::<&Dated, _>(&first.., |_, ()| true)? {
            let (at, key) = from_journal(entry?.0.value());
            pending.remove(&by_page(&key, at))?.ok_or_else(|| torn(&key))?;
            pages.insert(key, [0; PAGE]);
        }
        for (key, content) in &mut pages {
            let newest =
                pending.range::<&Dated>(&by_page(key, 0)..=&by_page(key, u64::MAX))?.next_back().transpose()?;
            let newest = newest.map(|(_, content)| *content.value());
            let below = || Ok::<_, redb::Error>(base.get(key)?.map(|content| *content.value()));
            *content = match newest {
                Some(newest) => newest,
                None => below()?.unwrap_or_default(),
            };
        }
        roots.retain_in(height + 1.., |_, _| false)?;
        let root = self.grow(&pages)?;
        let expected = self.roots.last()?.map(|(_, root)| *root.value());
        if expected == Some(root) { Ok(()) } else { Err(other_root(height)) }
    }

    /// The lowest height from this one on whose block wrote something that is not final.
    fn next_height(&self, from: u64) -> Result<Option<u64>, redb::Error> {
        let entry = self.journal.range::<&Dated>(&by_height(from, &[0; KEY])..)?.next().transpose()?;
        Ok(entry.map(|(entry, _)| from_journal(entry.value()).0))
    }

    /// Makes tables of layout 1, which had no digests, tables of layout 2: accepted pages and heights are as they were.
    pub(super) fn migrate(&mut self, accepted: u64, finalized: u64) -> Result<(), redb::Error> {
        // As many pages at once as take little memory.
        const AT_ONCE: usize = 1 << 15;
        let (mut root, mut after) = (trie::root(&mut Nodes(&self.nodes)).map_err(broken)?, None::<Key>);
        loop {
            let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let entries = self.base.range::<&Key>((from, Bound::Unbounded))?.take(AT_ONCE);
            let pages = entries.map(|entry| entry.map(|(key, content)| (*key.value(), *content.value())));
            let pages: Contents = pages.collect::<Result<_, _>>()?;
            let Some((last, _)) = pages.last_key_value() else { break };
            after = Some(*last);
            root = self.grow(&pages)?;
        }
        self.put_root(finalized, &root)?;
        let mut next = 0;
        while let Some(height) = self.next_height(next)? {
            let mut pages = Contents::new();
            for entry in
                self.journal.range::<&Dated>(&by_height(height, &[0; KEY])..=&by_height(height, &[0xff; KEY]))?
            {
                let (_, key) = from_journal(entry?.0.value());
                let content = self.pending.get(&by_page(&key, height))?.ok_or_else(|| torn(&key))?;
                pages.insert(key, *content.value());
            }
            let root = self.grow(&pages)?;
            self.put_root(height, &root)?;
            let Some(after) = height.checked_add(1).filter(|after| *after <= accepted) else { break };
            next = after;
        }
        self.set(LOWEST, finalized)?;
        self.set(META_LAYOUT, LAYOUT)
    }
}

/// The rows of the tree of digests.
pub(super) struct Nodes<'n, T>(pub(super) &'n T);

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Store for Nodes<'_, T> {
    type Error = redb::Error;

    fn rows(&mut self, paths: &[Path]) -> Result<Vec<Option<Vec<u8>>>, redb::Error> {
        let row = |path: &Path| Ok(self.0.get(&path[..])?.map(|row| row.value().to_vec()));
        paths.iter().map(row).collect()
    }
}

/// What is wrong with a tree of digests, as the database says what is wrong with it.
pub(super) fn broken(error: TrieError<redb::Error>) -> redb::Error {
    match error {
        TrieError::Store(error) => error,
        TrieError::Torn { .. } => redb::Error::Corrupted(error.to_string()),
    }
}

/// The pages of a height do not have the root that was written for it.
pub(super) fn other_root(height: u64) -> redb::Error {
    redb::Error::Corrupted(format!("the pages of height {height} do not have the root that was kept for it"))
}

fn torn(key: &Key) -> redb::Error {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    redb::Error::Corrupted(format!("page {hex} is in the journal, but not among the accepted pages"))
}

/// What an error of the database means.
pub(super) fn failure(place: &str, doing: &'static str, error: impl Into<redb::Error>) -> LedgerError {
    let place = place.to_owned();
    match error.into() {
        redb::Error::Corrupted(what) => LedgerError::Damaged { place, what },
        redb::Error::Io(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            LedgerError::Damaged { place, what: error.to_string() }
        }
        redb::Error::DatabaseAlreadyOpen => LedgerError::Locked { place },
        redb::Error::RepairAborted => LedgerError::Damaged { place, what: "it could not be recovered".into() },
        redb::Error::UpgradeRequired(version) => {
            LedgerError::Damaged { place, what: format!("its file format is version {version}, which is not ours") }
        }
        error @ (redb::Error::TableTypeMismatch { .. } | redb::Error::TableDoesNotExist(_)) => {
            LedgerError::Damaged { place, what: error.to_string() }
        }
        error => LedgerError::Backend { place, doing, source: error.into() },
    }
}
