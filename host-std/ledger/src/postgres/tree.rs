//! What changes the tables, in one transaction.

use std::collections::BTreeMap;

use postgres::{GenericClient, Row};
use subvm_core::host::page::BYTES;
use subvm_core::state::{Digest, EMPTY};

use super::statements as sql;
use super::{Change, failure};
use crate::LedgerError;
use crate::error::LAYOUT;
use crate::page::Key;
use crate::trie::{self, Path, Store, TrieError};

/// Pages and what they hold, or are to hold.
pub(super) type Contents = BTreeMap<Key, [u8; BYTES]>;

/// The rows of the tree of digests.
pub(super) struct Nodes<'n, C>(pub(super) &'n mut C);

impl<C: GenericClient> Store for Nodes<'_, C> {
    type Error = postgres::Error;

    fn rows(&mut self, paths: &[Path]) -> Result<Vec<Option<Vec<u8>>>, postgres::Error> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<&[u8]> = paths.iter().map(|path| &path[..]).collect();
        let mut found: BTreeMap<Path, Vec<u8>> = BTreeMap::new();
        for row in self.0.query(sql::ROWS, &[&wanted])? {
            found.insert(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(paths.iter().map(|path| found.remove(path)).collect())
    }
}

/// What is wrong with a tree of digests.
pub(super) fn broken(place: &str, doing: &'static str, error: TrieError<postgres::Error>) -> LedgerError {
    match error {
        TrieError::Store(error) => failure(place, doing, error),
        TrieError::Torn { .. } => LedgerError::Damaged { place: place.to_owned(), what: error.to_string() },
    }
}

/// The pages of a height do not have the root that was written for it.
pub(super) fn other_root(place: &str, height: u64) -> LedgerError {
    let what = format!("the pages of height {height} do not have the root that was kept for it");
    LedgerError::Damaged { place: place.to_owned(), what }
}

/// A page, and what it holds; zeros where it holds nothing.
pub(super) fn page(place: &str, row: &Row) -> Result<(Key, [u8; BYTES]), LedgerError> {
    let key = row.try_get::<_, &[u8]>(0).ok().and_then(|key| key.try_into().ok());
    let content = row.try_get::<_, Option<&[u8]>>(1).ok().map(|content| content.unwrap_or(&EMPTY));
    let page = key.zip(content.and_then(|content| content.try_into().ok()));
    page.ok_or_else(|| LedgerError::Damaged { place: place.to_owned(), what: "a row is no page".into() })
}

/// The root of a height.
pub(super) fn root(client: &mut impl GenericClient, place: &str, height: u64) -> Result<Digest, LedgerError> {
    let row = client.query_opt(sql::ROOT, &[&&height.to_be_bytes()[..]]);
    let row = row.map_err(|error| failure(place, "reading a root", error))?;
    let root = row.and_then(|row| row.try_get::<_, &[u8]>(0).ok()?.try_into().ok());
    root.ok_or_else(|| other_root(place, height))
}

impl Change<'_, '_> {
    /// Writes what a block wrote.
    pub(super) fn put(&mut self, pages: &Contents, height: u64) -> Result<(), LedgerError> {
        let keys: Vec<&[u8]> = pages.keys().map(|key| &key[..]).collect();
        let contents: Vec<&[u8]> = pages.values().map(|content| &content[..]).collect();
        let height = height.to_be_bytes();
        self.run(|transaction| transaction.execute(sql::PUT, &[&keys, &contents, &&height[..]]).map(drop))
    }

    /// Changes the tree of digests; its root then.
    pub(super) fn grow(&mut self, pages: &Contents) -> Result<Digest, LedgerError> {
        let change = trie::apply(&mut Nodes(&mut self.transaction), pages);
        let change = change.map_err(|error| broken(self.place, self.doing, error))?;
        let (mut paths, mut rows, mut gone) = (Vec::<&[u8]>::new(), Vec::<&[u8]>::new(), Vec::<&[u8]>::new());
        for (path, row) in &change.rows {
            match row {
                Some(row) => {
                    paths.push(path);
                    rows.push(row);
                }
                None => gone.push(path),
            }
        }
        self.run(|transaction| {
            if !paths.is_empty() {
                transaction.execute(sql::PUT_ROWS, &[&paths, &rows])?;
            }
            if !gone.is_empty() {
                transaction.execute(sql::REMOVE_ROWS, &[&gone])?;
            }
            Ok(())
        })?;
        Ok(change.root)
    }

    pub(super) fn put_root(&mut self, height: u64, root: &Digest) -> Result<(), LedgerError> {
        let height = height.to_be_bytes();
        self.run(|transaction| transaction.execute(sql::PUT_ROOT, &[&&height[..], &&root[..]]).map(drop))
    }

    /// Makes accepted pages up to `height` final. What they replace is kept from `lowest` on.
    pub(super) fn finalize(&mut self, height: u64, lowest: u64) -> Result<(), LedgerError> {
        let (up_to, from) = (height.to_be_bytes(), lowest.to_be_bytes());
        self.run(|transaction| {
            if height > lowest {
                transaction.execute(sql::KEEP, &[&&up_to[..], &&from[..], &&EMPTY[..]])?;
            }
            transaction.execute(sql::FINALIZE, &[&&up_to[..]])?;
            transaction.execute(sql::FORGET_UP_TO, &[&&up_to[..]])
        })?;
        self.prune(lowest)
    }

    /// Forgets the states below `lowest`.
    pub(super) fn prune(&mut self, lowest: u64) -> Result<(), LedgerError> {
        let up_to = lowest.to_be_bytes();
        self.run(|transaction| {
            transaction.execute(sql::FORGET_PAST, &[&&up_to[..]])?;
            transaction.execute(sql::FORGET_ROOTS, &[&&up_to[..]])
        })?;
        self.set("lowest", lowest)
    }

    /// Removes accepted pages above `height`, and makes the tree what it was there.
    pub(super) fn remove_above(&mut self, height: u64) -> Result<(), LedgerError> {
        let above = height.to_be_bytes();
        let gone = self.run(|transaction| {
            transaction.execute(sql::FORGET_ROOTS_ABOVE, &[&&above[..]])?;
            transaction.query(sql::FORGET_ABOVE, &[&&above[..]])
        })?;
        let gone: Result<Vec<Vec<u8>>, _> = gone.iter().map(|row| row.try_get(0)).collect();
        let mut gone = gone.map_err(|error| failure(self.place, self.doing, error))?;
        gone.sort_unstable();
        gone.dedup();
        let rows = self.run(|transaction| transaction.query(sql::NEWEST, &[&gone]))?;
        let pages = self.pages(&rows)?;
        let (found, kept) = (self.grow(&pages)?, root(&mut self.transaction, self.place, height)?);
        if found == kept { Ok(()) } else { Err(other_root(self.place, height)) }
    }

    /// Makes tables of layout 1, which had no digests, tables of layout 2: accepted pages and heights are as they were.
    pub(super) fn migrate(&mut self, accepted: u64, finalized: u64) -> Result<(), LedgerError> {
        // As many pages at once as take little memory.
        const AT_ONCE: i64 = 1 << 15;
        self.run(|transaction| transaction.batch_execute(sql::CREATE_2))?;
        let (mut root, mut after) = (EMPTY, Vec::new());
        loop {
            let rows = self.run(|transaction| transaction.query(sql::SOME_BASE, &[&after, &AT_ONCE]))?;
            let pages = self.pages(&rows)?;
            let Some((last, _)) = pages.last_key_value() else { break };
            after = last.to_vec();
            root = self.grow(&pages)?;
        }
        self.put_root(finalized, &root)?;
        // Nothing is pending at height 0.
        let mut height = 0_u64;
        while height < accepted {
            let rows = self.run(|transaction| transaction.query(sql::NEXT_PENDING, &[&&height.to_be_bytes()[..]]))?;
            let Some(first) = rows.first() else { break };
            let next = first.try_get::<_, &[u8]>(2).ok().and_then(|height| height.try_into().ok());
            height = next.map(u64::from_be_bytes).ok_or_else(|| self.damaged("a height is no number".into()))?;
            let pages = self.pages(&rows)?;
            let root = self.grow(&pages)?;
            self.put_root(height, &root)?;
        }
        self.set("lowest", finalized)?;
        self.set("layout", LAYOUT)
    }

    fn pages(&self, rows: &[Row]) -> Result<Contents, LedgerError> {
        rows.iter().map(|row| page(self.place, row)).collect()
    }
}
