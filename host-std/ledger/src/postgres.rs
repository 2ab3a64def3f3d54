//! A ledger in PostgreSQL, for nodes that keep their state in a database server. Feature `postgres`.
//!
//! The tables are those of the embedded ledger but for the journal, whose place an index takes. Keys and heights are byte strings,
//! big-endian: the server compares byte strings byte by byte, so that their order is that of storage.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use postgres::config::Host;
use postgres::{Client, Config, NoTls, Transaction};
use subvm_core::host::{HostError, State, Storage, page};
use subvm_core::{Address, SlotId};

use super::error::LAYOUT;
use super::page::{check_apply, check_rollback, key, number};
use super::{Applied, Heights, Ledger, LedgerError, told};

const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS subvm_meta (name text PRIMARY KEY, value bytea NOT NULL CHECK (octet_length(value) = 8));
    CREATE TABLE IF NOT EXISTS subvm_base (
        key bytea PRIMARY KEY CHECK (octet_length(key) = 56),
        content bytea NOT NULL CHECK (octet_length(content) = 32));
    CREATE TABLE IF NOT EXISTS subvm_pending (
        key bytea CHECK (octet_length(key) = 56),
        height bytea CHECK (octet_length(height) = 8),
        content bytea NOT NULL CHECK (octet_length(content) = 32),
        PRIMARY KEY (key, height));
    CREATE INDEX IF NOT EXISTS subvm_pending_by_height ON subvm_pending (height);";

const READ_BASE: &str = "SELECT key, content FROM subvm_base WHERE key BETWEEN $1 AND $2";
const READ_PENDING: &str = "SELECT key, content FROM subvm_pending WHERE key BETWEEN $1 AND $2 ORDER BY key, height";
const PUT: &str = "INSERT INTO subvm_pending (key, content, height)
    SELECT page.key, page.content, $3 FROM unnest($1::bytea[], $2::bytea[]) AS page (key, content)
    ON CONFLICT (key, height) DO UPDATE SET content = EXCLUDED.content";
const FINALIZE: &str = "INSERT INTO subvm_base (key, content)
    SELECT DISTINCT ON (key) key, content FROM subvm_pending WHERE height <= $1 ORDER BY key, height DESC
    ON CONFLICT (key) DO UPDATE SET content = EXCLUDED.content";
const FORGET_UP_TO: &str = "DELETE FROM subvm_pending WHERE height <= $1";
const FORGET_ABOVE: &str = "DELETE FROM subvm_pending WHERE height > $1";
const GET: &str = "SELECT value FROM subvm_meta WHERE name = $1";
const SET: &str =
    "INSERT INTO subvm_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value";

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
        let failed = |place: &str, error: postgres::Error| failure(place, "connecting", error);
        let settings: Config = settings.parse().map_err(|error| failed("PostgreSQL", error))?;
        let place = describe(&settings);
        let client = settings.connect(NoTls).map_err(|error| failed(&place, error))?;
        let mut ledger = Self { place, client };
        ledger.lock()?;
        ledger.change("creating", |transaction| {
            transaction.batch_execute(CREATE)?;
            let new = transaction.query_opt(GET, &[&"layout"])?.is_none();
            if new { set(transaction, "layout", LAYOUT) } else { Ok(()) }
        })?;
        match ledger.get("layout")? {
            LAYOUT => Ok(ledger),
            found => Err(LedgerError::Layout { place: ledger.place, found }),
        }
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
        change: impl FnOnce(&mut Transaction<'_>) -> Result<(), postgres::Error>,
    ) -> Result<(), LedgerError> {
        let result = self.client.transaction().and_then(|mut transaction| {
            // Whatever the server's default is.
            transaction.batch_execute("SET LOCAL synchronous_commit = on")?;
            change(&mut transaction)?;
            transaction.commit()
        });
        result.map_err(|error| failure(&self.place, doing, error))
    }

    /// A number of the meta table; 0 where it was never set.
    fn get(&mut self, name: &str) -> Result<u64, LedgerError> {
        let row = self.client.query_opt(GET, &[&name]);
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
        let queries: &[&str] = if state == State::Finalized { &[READ_BASE] } else { &[READ_BASE, READ_PENDING] };
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
        // One statement cannot write a row twice: of repeated pages the last stays.
        let pages: BTreeMap<_, _> = receipts
            .iter()
            .flat_map(|Applied { contract, pages }| {
                pages.iter().map(|write| (key(contract, &write.slot, write.page), write.content))
            })
            .collect();
        let keys: Vec<&[u8]> = pages.keys().map(|key| &key[..]).collect();
        let contents: Vec<&[u8]> = pages.values().map(|content| &content[..]).collect();
        self.change("applying a receipt", |transaction| {
            transaction.execute(PUT, &[&keys, &contents, &&height.to_be_bytes()[..]])?;
            set(transaction, "accepted", height)
        })?;
        told("apply", began, Heights { accepted: height, ..heights });
        Ok(())
    }

    fn finalize(&mut self, height: u64) -> Result<(), LedgerError> {
        let (heights, began) = (self.heights()?, Instant::now());
        if height <= heights.finalized {
            return Ok(());
        }
        self.change("finalizing", |transaction| {
            transaction.execute(FINALIZE, &[&&height.to_be_bytes()[..]])?;
            transaction.execute(FORGET_UP_TO, &[&&height.to_be_bytes()[..]])?;
            set(transaction, "finalized", height)?;
            set(transaction, "accepted", height.max(heights.accepted))
        })?;
        told("finalize", began, Heights { accepted: height.max(heights.accepted), finalized: height });
        Ok(())
    }

    fn rollback(&mut self, height: u64) -> Result<(), LedgerError> {
        let (heights, began) = (self.heights()?, Instant::now());
        if !check_rollback(heights, height)? {
            return Ok(());
        }
        self.change("rolling back", |transaction| {
            transaction.execute(FORGET_ABOVE, &[&&height.to_be_bytes()[..]])?;
            set(transaction, "accepted", height)
        })?;
        told("rollback", began, Heights { accepted: height, ..heights });
        Ok(())
    }
}

fn set(transaction: &mut Transaction<'_>, name: &str, value: u64) -> Result<(), postgres::Error> {
    transaction.execute(SET, &[&name, &&value.to_be_bytes()[..]]).map(drop)
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
