//! A state as a file of pages, and whether what is there is whole.

use std::io::{self, Read, Write};

use postgres::types::ToSql;
use subvm_core::state::{Digest, EMPTY};

use super::statements as sql;
use super::tree::{Nodes, broken, other_root, page, root};
use super::{PostgresLedger, failure};
use crate::dump::{AT_ONCE, Dump, Reader, Writer};
use crate::page::{Key, Pages};
use crate::trie::{Verified, Verifier};
use crate::{Heights, Ledger, LedgerError};

impl PostgresLedger {
    /// Writes the state of a height, for a ledger of any kind: `docs/ledger.md`, *The file of a state*.
    ///
    /// # Errors
    /// [`LedgerError::NoState`]; [`LedgerError::Backend`], also where `out` fails, or [`LedgerError::Damaged`].
    ///
    /// # Cost
    /// All pages are read, 32,768 at once.
    pub fn export(&mut self, height: u64, out: &mut dyn Write) -> Result<Dump, LedgerError> {
        self.of(height)?;
        let root = root(&mut self.client, &self.place, height)?;
        let place = self.place.clone();
        let unwritten =
            |error: io::Error| LedgerError::Backend { place: place.clone(), doing: "exporting", source: error.into() };
        let mut writer = Writer::new(out, height, &root).map_err(unwritten)?;
        self.each_page(height, |_, key, content| writer.page(key, content).map_err(unwritten))?;
        let pages = writer.finish().map_err(unwritten)?;
        Ok(Dump { height, root, pages })
    }

    /// Makes a ledger of a state that was exported, by this ledger or by one of another kind, in a schema that holds none, or an empty one.
    /// Its height is final there, and the lowest. It is one transaction: all of it is there, with the root that the file says, or `expected`
    /// where that is said, or the ledger is empty.
    ///
    /// ```no_run
    /// use subvm_ledger::PostgresLedger;
    /// let mut file = std::io::BufReader::new(std::fs::File::open("state.subvm")?);
    /// PostgresLedger::import("host=/run/postgresql user=subvm dbname=subvm", &mut file, None)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where there is a state already, or the file is none, is cut, or has another root; those of
    /// [`connect`](Self::connect).
    ///
    /// # Cost
    /// All of it is read, written and hashed.
    pub fn import(settings: &str, from: &mut dyn Read, expected: Option<&Digest>) -> Result<Dump, LedgerError> {
        let mut ledger = Self::connect(settings)?;
        let place = ledger.place.clone();
        let refused = |why| LedgerError::Refused { place: place.clone(), why };
        if ledger.heights()? != Heights::default() || ledger.pages()? != (Pages { finalized: 0, accepted: 0, past: 0 })
        {
            return Err(refused("there is a ledger already: choose a schema without one"));
        }
        let mut reader = Reader::new(from, expected).map_err(refused)?;
        ledger.change("importing", |change| {
            let mut found = EMPTY;
            loop {
                let some = reader.some().map_err(refused)?;
                if some.is_empty() {
                    break;
                }
                let keys: Vec<&[u8]> = some.keys().map(|key| &key[..]).collect();
                let contents: Vec<&[u8]> = some.values().map(|content| &content[..]).collect();
                change.run(|transaction| transaction.execute(sql::PUT_BASE, &[&keys, &contents]).map(drop))?;
                found = change.grow(&some)?;
            }
            reader.check(&found).map_err(refused)?;
            change.put_root(reader.height, &reader.root)?;
            ["accepted", "finalized", "lowest"].into_iter().try_for_each(|name| change.set(name, reader.height))
        })?;
        Ok(Dump { height: reader.height, root: reader.root, pages: reader.pages })
    }

    /// Compares the newest state with the tree of digests, page by page and row by row, and its root with the one that was kept.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] where they do not belong together; [`LedgerError::Backend`].
    ///
    /// # Cost
    /// All pages are read, and for each the rows on the way to it are asked for: minutes for a million. A server that keeps checksums of its
    /// pages (`initdb --data-checksums`) says sooner what a disk lost.
    pub fn verify(&mut self) -> Result<Verified, LedgerError> {
        const DOING: &str = "verifying";
        let height = self.heights()?.accepted;
        let (mut verifier, place) = (Verifier::default(), self.place.clone());
        self.each_page(height, |ledger, key, content| {
            let verified = verifier.page(&mut Nodes(&mut ledger.client), key, content);
            verified.map_err(|error| broken(&place, DOING, error))
        })?;
        let verified = verifier.finish(&mut Nodes(&mut self.client));
        let verified = verified.map_err(|error| broken(&self.place, DOING, error))?;
        if verified.rows != self.count(sql::COUNT_ROWS)? {
            return Err(self.damaged("there are rows that belong to no tree of digests"));
        }
        if verified.root != root(&mut self.client, &self.place, height)? {
            return Err(other_root(&self.place, height));
        }
        Ok(verified)
    }

    /// How many pages it holds.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    ///
    /// # Cost
    /// The server counts them.
    pub fn pages(&mut self) -> Result<Pages, LedgerError> {
        let [finalized, accepted, past] = [sql::COUNT_BASE, sql::COUNT_PENDING, sql::COUNT_PAST];
        Ok(Pages { finalized: self.count(finalized)?, accepted: self.count(accepted)?, past: self.count(past)? })
    }

    fn count(&mut self, query: &str) -> Result<u64, LedgerError> {
        let counted = self.client.query_one(query, &[]).and_then(|row| row.try_get::<_, i64>(0));
        counted.map(i64::unsigned_abs).map_err(|error| failure(&self.place, "counting", error))
    }

    /// All pages of a height that there is, ascending, as they were there.
    fn each_page(
        &mut self,
        height: u64,
        mut each: impl FnMut(&mut Self, &Key, &Digest) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let query = if height >= self.heights()?.finalized { sql::SOME_PENDING_AT } else { sql::SOME_PAST_AT };
        let (at, some) = (height.to_be_bytes(), AT_ONCE as i64);
        let mut after: Vec<u8> = Vec::new();
        loop {
            let asked: [&(dyn ToSql + Sync); 3] = [&after, &&at[..], &some];
            let rows = self.client.query(query, &asked);
            let rows = rows.map_err(|error| failure(&self.place, "reading", error))?;
            for row in &rows {
                let (key, content) = page(&self.place, row)?;
                each(self, &key, &content)?;
                after = key.to_vec();
            }
            if rows.len() < AT_ONCE {
                return Ok(());
            }
        }
    }
}
