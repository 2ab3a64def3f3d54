//! A ledger in PostgreSQL, for nodes that keep their state in a database server. Feature `postgres`.
//!
//! The tables are those of the embedded ledger but for the journal, whose place an index takes. Keys and heights are byte strings,
//! big-endian: the server compares byte strings byte by byte, so that their order is that of storage.

use std::fmt;
use std::time::Instant;

use postgres::config::Host;
use postgres::{Client, Config, NoTls, Transaction};
use subvm_core::host::{HostError, State, Storage, page};
use subvm_core::state::EMPTY;
use subvm_core::{Address, RuleSets, SlotId};

use super::error::LAYOUT;
use super::page::{check_apply, check_prune, check_rollback, contents, key, number};
use super::rules::check as check_rules;
use super::{Applied, Heights, Ledger, LedgerError, told};

mod at;
mod dump;
mod statements;
mod tree;

use statements as sql;

/// The first half of the number of the lock that a ledger's user holds; the second half is the schema's.
const LOCK: i32 = 0x7375_6276;

/// A ledger in the current schema of a PostgreSQL database. Only one connection at a time can use it.
///
/// ```no_run
/// use subvm_ledger::{Ledger, PostgresLedger};
/// let mut ledger = PostgresLedger::connect("host=/run/postgresql user=subvm dbname=subvm")?;
/// println!("{:?}", ledger.heights()?);
/// # Ok::<(), subvm_ledger::LedgerError>(())
/// ```
pub struct PostgresLedger {
    place: String,
    client: Client,
    history: u64,
}

impl fmt::Debug for PostgresLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLedger").field("place", &self.place).finish_non_exhaustive()
    }
}

impl PostgresLedger {
    /// Connects to the database that `settings` describe (`host=.. user=.. dbname=..`, or an address), and creates the tables where they
    /// are missing. The connection is not encrypted: use a local socket, or a network that is.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] when another connection uses it, [`LedgerError::Layout`] when another version wrote it,
    /// [`LedgerError::Backend`] when the settings or the server are wrong.
    pub fn connect(settings: &str) -> Result<Self, LedgerError> {
        let mut ledger = Self::reach(settings)?;
        ledger.lock()?;
        ledger.change("creating", |change| {
            let new = !change.run(|transaction| transaction.query_one(sql::THERE, &[])?.try_get::<_, bool>(0))?;
            change.run(|transaction| transaction.batch_execute(sql::CREATE))?;
            if !new {
                return Ok(());
            }
            change.run(|transaction| transaction.batch_execute(sql::CREATE_2))?;
            change.put_root(0, &EMPTY)?;
            change.set("layout", LAYOUT)
        })?;
        ledger.of_layout()
    }

    /// As [`connect`](Self::connect), where there is a ledger already: none is made. One of an earlier layout is migrated.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and [`LedgerError::Refused`] where there is none; nothing is changed then.
    pub fn connect_to_existing(settings: &str) -> Result<Self, LedgerError> {
        let mut ledger = Self::reach(settings)?;
        ledger.lock()?;
        ledger.is_there()?;
        // What earlier releases lack.
        ledger.change("creating", |change| change.run(|transaction| transaction.batch_execute(sql::CREATE)))?;
        ledger.of_layout()
    }

    /// As [`connect`](Self::connect), to a ledger that must be there, to be read: the server is told that nothing may be written, and refuses what
    /// would. It is enough to be allowed to read the tables.
    ///
    /// ```no_run
    /// use subvm_ledger::{History, PostgresLedger};
    /// let mut ledger = PostgresLedger::connect_read_only("host=/run/postgresql user=auditor dbname=subvm")?;
    /// println!("{:?}", ledger.root(5)?);
    /// # Ok::<(), subvm_ledger::LedgerError>(())
    /// ```
    ///
    /// # Errors
    /// As [`connect`](Self::connect); [`LedgerError::Refused`] where there is none, or one of an earlier layout.
    pub fn connect_read_only(settings: &str) -> Result<Self, LedgerError> {
        let mut ledger = Self::reach(settings)?;
        let asked = ledger.client.batch_execute("SET default_transaction_read_only = on");
        asked.map_err(|error| failure(&ledger.place, "connecting", error))?;
        ledger.lock()?;
        ledger.is_there()?;
        match ledger.get("layout")? {
            LAYOUT => Ok(ledger),
            1 => {
                let why = "it is of layout 1, and to read it does not migrate it: start the node that it is of once, or prune it";
                Err(LedgerError::Refused { place: ledger.place, why })
            }
            found => Err(LedgerError::Layout { place: ledger.place, found }),
        }
    }

    /// A connection to where a ledger is or will be.
    fn reach(settings: &str) -> Result<Self, LedgerError> {
        let failed = |place: &str, error: postgres::Error| failure(place, "connecting", error);
        let settings: Config = settings.parse().map_err(|error| failed("PostgreSQL", error))?;
        let place = describe(&settings);
        let client = settings.connect(NoTls).map_err(|error| failed(&place, error))?;
        Ok(Self { place, client, history: 0 })
    }

    fn is_there(&mut self) -> Result<(), LedgerError> {
        if self.finds(sql::THERE, "looking for the tables")? {
            return Ok(());
        }
        let why = "there is no ledger in this schema: name the one that holds it (options='-c search_path=..' in the settings)";
        Err(LedgerError::Refused { place: self.place.clone(), why })
    }

    /// Whether there is what a query asks for.
    fn finds(&mut self, query: &str, doing: &'static str) -> Result<bool, LedgerError> {
        let found = self.client.query_one(query, &[]).and_then(|row| row.try_get(0));
        found.map_err(|error| failure(&self.place, doing, error))
    }

    /// Itself, of the layout of this release.
    fn of_layout(mut self) -> Result<Self, LedgerError> {
        match self.get("layout")? {
            LAYOUT => Ok(self),
            1 => self.migrate(),
            found => Err(LedgerError::Layout { place: self.place, found }),
        }
    }

    /// Keeps the states of so many blocks below the finalized one from the next finalization on; 0 where nothing is said.
    ///
    /// ```no_run
    /// use subvm_ledger::PostgresLedger;
    /// let ledger = PostgresLedger::connect("host=/run/postgresql user=subvm dbname=subvm")?.history(100_000);
    /// # Ok::<(), subvm_ledger::LedgerError>(())
    /// ```
    #[must_use]
    pub fn history(self, blocks: u64) -> Self {
        Self { history: blocks, ..self }
    }

    /// From layout 1, in one transaction: the tables are of the one layout or of the other.
    fn migrate(mut self) -> Result<Self, LedgerError> {
        let Heights { accepted, finalized } = self.heights()?;
        self.change("migrating from layout 1", |change| change.migrate(accepted, finalized))?;
        Ok(self)
    }

    /// Takes the ledger until the connection ends.
    fn lock(&mut self) -> Result<(), LedgerError> {
        let locked = self.client.query_one("SELECT pg_try_advisory_lock($1, hashtext(current_schema()))", &[&LOCK]);
        let locked = locked.and_then(|row| row.try_get(0)).map_err(|error| failure(&self.place, "locking", error))?;
        if locked { Ok(()) } else { Err(LedgerError::Locked { place: self.place.clone() }) }
    }

    /// Runs `change` in one transaction, which is durable when this returns.
    fn change(
        &mut self,
        doing: &'static str,
        change: impl FnOnce(&mut Change<'_, '_>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let Self { place, client, .. } = self;
        let failed = |error| failure(place, doing, error);
        let transaction = client.transaction().map_err(failed)?;
        let mut running = Change { transaction, place, doing };
        // Whatever the server's default is.
        running.run(|transaction| transaction.batch_execute("SET LOCAL synchronous_commit = on"))?;
        change(&mut running)?;
        running.transaction.commit().map_err(failed)
    }

    /// A number of the meta table; 0 where it was never set.
    fn get(&mut self, name: &str) -> Result<u64, LedgerError> {
        let row = self.client.query_opt(sql::GET, &[&name]);
        let row = row.map_err(|error| failure(&self.place, "reading the heights", error))?;
        let Some(row) = row else { return Ok(0) };
        let bytes: Option<[u8; 8]> = row.try_get::<_, &[u8]>(0).ok().and_then(|value| value.try_into().ok());
        bytes.map(u64::from_be_bytes).ok_or_else(|| self.damaged(&format!("{name} is no number")))
    }

    fn damaged(&self, what: &str) -> LedgerError {
        LedgerError::Damaged { place: self.place.clone(), what: what.into() }
    }
}

impl Storage for PostgresLedger {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        into.fill(0);
        let Some(pages) = page::range(index, into.len())? else {
            return Ok(());
        };
        let (first, last) = (key(contract, slot, *pages.start()), key(contract, slot, *pages.end()));
        let queries: &[&str] =
            if state == State::Finalized { &[sql::READ_BASE] } else { &[sql::READ_BASE, sql::READ_PENDING] };
        for query in queries {
            let rows = self.client.query(*query, &[&&first[..], &&last[..]]);
            // Pending pages come ascending by height: the newest is placed last.
            for row in rows.map_err(|error| failure(&self.place, "reading", error))? {
                let (key, content): (&[u8], &[u8]) = (row.try_get(0)?, row.try_get(1)?);
                let content: &[u8; page::BYTES] =
                    content.try_into().map_err(|_| self.damaged("a page has not 32 bytes"))?;
                page::place(into, index, number(key), content);
            }
        }
        Ok(())
    }
}

impl Ledger for PostgresLedger {
    fn heights(&mut self) -> Result<Heights, LedgerError> {
        Ok(Heights { accepted: self.get("accepted")?, finalized: self.get("finalized")? })
    }

    fn apply_block(&mut self, receipts: &[Applied<'_>], height: u64) -> Result<(), LedgerError> {
        let (heights, began) = (self.heights()?, Instant::now());
        check_apply(heights, receipts, height)?;
        let pages = contents(receipts);
        self.change("applying receipts", |change| {
            change.put(&pages, height)?;
            let root = change.grow(&pages)?;
            change.put_root(height, &root)?;
            change.set("accepted", height)
        })?;
        told("apply", began, Heights { accepted: height, ..heights });
        Ok(())
    }

    fn finalize(&mut self, height: u64) -> Result<(), LedgerError> {
        let (heights, began) = (self.heights()?, Instant::now());
        if height <= heights.finalized {
            return Ok(());
        }
        let lowest = self.get("lowest")?.max(height.saturating_sub(self.history));
        self.change("finalizing", |change| {
            change.finalize(height, lowest)?;
            change.set("finalized", height)?;
            change.set("accepted", height.max(heights.accepted))
        })?;
        told("finalize", began, Heights { accepted: height.max(heights.accepted), finalized: height });
        Ok(())
    }

    fn rollback(&mut self, height: u64) -> Result<(), LedgerError> {
        let (heights, began) = (self.heights()?, Instant::now());
        if !check_rollback(heights, height)? {
            return Ok(());
        }
        self.change("rolling back", |change| {
            change.remove_above(height)?;
            change.set("accepted", height)
        })?;
        told("rollback", began, Heights { accepted: height, ..heights });
        Ok(())
    }

    fn prune(&mut self, height: u64) -> Result<(), LedgerError> {
        let (heights, began) = (self.heights()?, Instant::now());
        let lowest = self.get("lowest")?;
        if check_prune(&self.place, heights, lowest, height)? {
            self.change("pruning", |change| change.prune(height))?;
            told("prune", began, heights);
        }
        Ok(())
    }

    fn rules(&mut self) -> Result<Option<RuleSets>, LedgerError> {
        // A ledger of an earlier release that is only read has no such table.
        if !self.finds(sql::RULES_THERE, "reading the rules")? {
            return Ok(None);
        }
        let row = self.client.query_opt(sql::RULES, &[]);
        let row = row.map_err(|error| failure(&self.place, "reading the rules", error))?;
        let Some(row) = row else { return Ok(None) };
        let bytes = row.try_get::<_, &[u8]>(0).map_err(|_| self.damaged("its rules are no bytes"))?;
        super::rules::read(&self.place, bytes).map(Some)
    }

    fn set_rules(&mut self, rules: &RuleSets) -> Result<(), LedgerError> {
        let (heights, lowest, kept) = (self.heights()?, self.get("lowest")?, self.rules()?);
        if check_rules(&self.place, kept.as_ref(), rules, lowest, heights)? {
            let bytes = rules.to_bytes();
            self.change("keeping the rules", |change| {
                change.run(|transaction| transaction.execute(sql::PUT_RULES, &[&bytes]).map(drop))
            })?;
        }
        Ok(())
    }
}

/// A transaction of the database, and what it is for.
struct Change<'c, 'p> {
    transaction: Transaction<'c>,
    place: &'p str,
    doing: &'static str,
}

impl<'c> Change<'c, '_> {
    fn run<T>(
        &mut self,
        statement: impl FnOnce(&mut Transaction<'c>) -> Result<T, postgres::Error>,
    ) -> Result<T, LedgerError> {
        statement(&mut self.transaction).map_err(|error| failure(self.place, self.doing, error))
    }

    fn set(&mut self, name: &str, value: u64) -> Result<(), LedgerError> {
        self.run(|transaction| transaction.execute(sql::SET, &[&name, &&value.to_be_bytes()[..]]).map(drop))
    }

    fn damaged(&self, what: String) -> LedgerError {
        LedgerError::Damaged { place: self.place.to_owned(), what }
    }
}

/// Where a database is, without what is secret about the way there.
fn describe(settings: &Config) -> String {
    let host = settings.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let name = settings.get_dbname().or(settings.get_user()).unwrap_or_default();
    format!("PostgreSQL {}/{name}", host.unwrap_or_default())
}

fn failure(place: &str, doing: &'static str, error: postgres::Error) -> LedgerError {
    let corrupted = [postgres::error::SqlState::DATA_CORRUPTED, postgres::error::SqlState::INDEX_CORRUPTED];
    let place = place.to_owned();
    match error.code() {
        Some(code) if corrupted.contains(code) => LedgerError::Damaged { place, what: error.to_string() },
        _ => LedgerError::Backend { place, doing, source: error.into() },
    }
}
