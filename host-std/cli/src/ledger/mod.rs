//! `subvm ledger`: what an operator does to a store.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use subvm_core::state::Digest;

use super::report::hex;
use super::{Failure, terminal};
use place::{Opened, Place, open, read};
use subvm_core::RuleSets;
use subvm_host_std::config;
use subvm_host_std::ledger::{Dump, Heights, History as _, Ledger as _, LedgerError, RedbLedger, RedbOptions};
use subvm_host_std::observe;

mod place;
mod proof;

#[derive(Debug, Subcommand)]
pub(super) enum Ledger {
    /// Show how far a ledger is, what it holds, and its roots
    #[command(after_help = "Examples:
  subvm ledger info chain
  subvm ledger info --json chain")]
    Info(Store),
    /// Read all of a ledger, and compare its pages with its digests
    #[command(after_help = "Examples:
  subvm ledger verify chain")]
    Verify(Store),
    /// Copy a ledger, which no process may have open; a node makes backups while it runs by `Snapshot::backup`
    #[command(after_help = "Examples:
  subvm ledger backup chain backups/monday")]
    Backup(Copy),
    /// Copy a backup to where there is no ledger
    #[command(after_help = "Examples:
  mv chain chain.broken && subvm ledger restore backups/monday chain")]
    Restore(Copy),
    /// Make the file as small as what it holds allows
    #[command(after_help = "Examples:
  subvm ledger compact chain")]
    Compact(Store),
    /// Write the pages of one height to a file, for a ledger of any kind
    #[command(after_help = "Examples:
  subvm ledger export chain state.subvm
  subvm ledger export --height 1200 chain state.subvm")]
    Export {
        #[command(flatten)]
        store: Store,
        /// The file to write, which is not there yet
        file: PathBuf,
        /// The height [default: the newest that is final]
        #[arg(long, value_name = "N")]
        height: Option<u64>,
    },
    /// Make a ledger of a file that was exported
    #[command(after_help = "Examples:
  subvm ledger import --root 3a7f.. state.subvm chain")]
    Import {
        /// The file
        file: PathBuf,
        /// The directory of the new ledger, where there is none; or @FILE, settings of an empty one in PostgreSQL
        ledger: PathBuf,
        /// The root that it must have, from whom you trust
        #[arg(long, value_name = "HEX", value_parser = digest)]
        root: Option<Digest>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Forget the states of heights below one
    #[command(after_help = "Examples:
  subvm ledger prune --below 1000 chain
  subvm ledger prune chain")]
    Prune {
        #[command(flatten)]
        store: Store,
        /// The lowest height whose state is kept [default: the newest that is final]
        #[arg(long, value_name = "N")]
        below: Option<u64>,
    },
    /// Show the rules by height that a ledger keeps, or have it keep those of a configuration
    #[command(after_help = "Examples:
  subvm ledger rules chain
  subvm ledger rules --set node.toml chain")]
    Rules {
        #[command(flatten)]
        store: Store,
        /// The configuration whose section `consensus` it is to keep: those of blocks that are there stay
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
    },
    /// Prove what a page holds at a height, or check such a proof
    Proof(Box<proof::Proof>),
}

#[derive(Debug, Args)]
pub(super) struct Store {
    /// The ledger's directory; or @FILE, settings of one in PostgreSQL
    ledger: PathBuf,
    /// Bytes of the file that are kept in memory
    #[arg(long, value_name = "BYTES", default_value_t = RedbOptions::default().cache)]
    cache: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Copy {
    /// The directory that is copied
    from: PathBuf,
    /// The directory that it is copied to, where there is no ledger
    to: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Ledger {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        match self {
            Self::Info(store) => info(&store),
            Self::Verify(store) => verify(&store),
            Self::Backup(copy) => copy.execute("backup"),
            Self::Restore(copy) => copy.execute("restore"),
            Self::Compact(store) => compact(&store),
            Self::Export { store, file, height } => export(&store, &file, height),
            Self::Import { file, ledger, root, json } => import(&file, &ledger, root.as_ref(), json),
            Self::Prune { store, below } => prune(&store, below),
            Self::Rules { store, set } => rules(&store, set.as_deref()),
            Self::Proof(proof) => proof.execute(),
        }
    }
}

impl Store {
    /// Opens a ledger that is there. One of an earlier layout is migrated.
    fn open(&self, verify: bool) -> Result<Opened, Failure> {
        Place::of(&self.ledger).open(self.options(verify))
    }

    /// Opens a ledger that is there to read it.
    fn read(&self, verify: bool) -> Result<Opened, Failure> {
        Place::of(&self.ledger).read(self.options(verify))
    }

    fn options(&self, verify: bool) -> RedbOptions {
        RedbOptions { cache: self.cache, verify, ..RedbOptions::default() }
    }
}

/// Bytes of the file of a directory's ledger.
fn size(directory: &Path) -> Result<u64, Failure> {
    let file = directory.join(RedbLedger::FILE);
    let size = fs::metadata(&file).map(|file| file.len());
    size.map_err(|error| Failure::usage(format_args!("cannot look at {}", file.display()), error))
}

/// What the operator can mend, and what failed below.
pub(crate) fn unusable(error: LedgerError) -> Failure {
    match error {
        LedgerError::Backend { .. } => Failure::Internal(observe::chain(&error)),
        error => Failure::Usage(error.to_string()),
    }
}

/// Prints the lines for people, or the object.
fn told(json: bool, object: &Json, lines: &[String]) -> Result<u8, Failure> {
    if json {
        terminal::json(object)?
    } else {
        terminal::lines(lines)?
    };
    Ok(0)
}

fn info(store: &Store) -> Result<u8, Failure> {
    let mut opened = store.read(false)?;
    let ledger = opened.ledger();
    let Heights { accepted, finalized } = ledger.heights().map_err(unusable)?;
    let lowest = ledger.lowest().map_err(unusable)?;
    let root = ledger.root(accepted).map_err(unusable)?;
    let final_root = ledger.root(finalized).map_err(unusable)?;
    let rules = ledger.rules().map_err(unusable)?.map(|rules| hex(&rules.digest()));
    let pages = opened.pages()?;
    // A server's tables have sizes of its own.
    let bytes = match Place::of(&store.ledger) {
        Place::Directory(directory) => Some(size(directory)?),
        Place::Settings(_) => None,
    };
    let object = json!({
        "layout": RedbLedger::LAYOUT,
        "accepted": accepted,
        "finalized": finalized,
        "lowest": lowest,
        "root": hex(&root),
        "finalized_root": hex(&final_root),
        "pages": { "finalized": pages.finalized, "accepted": pages.accepted, "past": pages.past },
        "bytes": bytes,
        "rules": rules,
    });
    let mut lines = vec![
        format!("layout     {}", RedbLedger::LAYOUT),
        format!("accepted   {accepted}, root {}", hex(&root)),
        format!("finalized  {finalized}, root {}", hex(&final_root)),
        format!("lowest     {lowest}: states of lower heights are not kept"),
        format!("pages      {} final, {} above, {} of the past", pages.finalized, pages.accepted, pages.past),
    ];
    lines.extend(rules.map(|rules| format!("rules      {rules}")));
    lines.extend(bytes.map(|bytes| format!("file       {bytes} bytes")));
    told(store.json, &object, &lines)
}

fn verify(store: &Store) -> Result<u8, Failure> {
    let verified = store.read(true)?.verify()?;
    let root = hex(&verified.root);
    let (contracts, pages, rows) = (verified.contracts, verified.pages, verified.rows);
    let object = json!({ "root": root, "contracts": contracts, "pages": pages, "rows": rows });
    told(store.json, &object, &[format!("whole: {contracts} contracts, {pages} pages, {rows} rows, root {root}")])
}

impl Copy {
    fn execute(&self, doing: &str) -> Result<u8, Failure> {
        let Self { from, to, json } = self;
        let instead = "use the server's own means, `pg_dump` and `pg_restore`, or `subvm ledger export` and `import`";
        for place in [from, to] {
            Place::of(place).directory(doing, instead)?;
        }
        if let (Ok(one), Ok(other)) = (from.canonicalize(), to.canonicalize())
            && one == other
        {
            let what = format_args!("cannot {doing} {} onto itself", from.display());
            return Err(Failure::usage(what, "name another directory"));
        }
        let ledger = read(from, RedbOptions::default())?;
        ledger.snapshot().and_then(|snapshot| snapshot.backup(to)).map_err(unusable)?;
        // What was written is read and verified once.
        let mut copy = read(to, RedbOptions::default())?;
        let Heights { accepted, finalized } = copy.heights().map_err(unusable)?;
        let root = hex(&copy.root(accepted).map_err(unusable)?);
        let object = json!({ "accepted": accepted, "finalized": finalized, "root": root });
        let line = format!("{} holds blocks up to {accepted}, final up to {finalized}, root {root}", to.display());
        told(*json, &object, &[line])
    }
}

fn compact(store: &Store) -> Result<u8, Failure> {
    let directory = Place::of(&store.ledger).directory("compact", "use `VACUUM (FULL)` of the server")?;
    let mut ledger = open(directory, store.options(true))?;
    let before = size(directory)?;
    ledger.compact().map_err(unusable)?;
    drop(ledger);
    let after = size(directory)?;
    let object = json!({ "before": before, "after": after });
    told(store.json, &object, &[format!("{before} bytes before, {after} bytes now")])
}

fn prune(store: &Store, below: Option<u64>) -> Result<u8, Failure> {
    let mut opened = store.open(true)?;
    let ledger = opened.ledger();
    let finalized = ledger.heights().map_err(unusable)?.finalized;
    ledger.prune(below.unwrap_or(finalized)).map_err(unusable)?;
    let lowest = ledger.lowest().map_err(unusable)?;
    let line = format!("states are kept from height {lowest} on; `subvm ledger compact` gives the space back");
    told(store.json, &json!({ "lowest": lowest }), &[line])
}

fn export(store: &Store, file: &Path, height: Option<u64>) -> Result<u8, Failure> {
    let mut opened = store.read(true)?;
    let height = match height {
        Some(height) => height,
        None => opened.ledger().heights().map_err(unusable)?.finalized,
    };
    let failed = |error: io::Error| Failure::usage(format_args!("cannot write {}", file.display()), error);
    // Asked before anything is written.
    opened.ledger().root(height).map_err(unusable)?;
    let mut out = BufWriter::new(File::create_new(file).map_err(failed)?);
    let done = opened.export(height, &mut out).and_then(|dump| {
        out.flush().and_then(|()| out.get_ref().sync_all()).map_err(failed)?;
        Ok(dump)
    });
    // Half a state is none.
    let dump = done.inspect_err(|_| drop(fs::remove_file(file)))?;
    told_dump(store.json, file, &dump)
}

fn import(file: &Path, ledger: &Path, root: Option<&Digest>, json: bool) -> Result<u8, Failure> {
    let opened = File::open(file);
    let opened = opened.map_err(|error| Failure::usage(format_args!("cannot read {}", file.display()), error))?;
    let dump = Place::of(ledger).import(&mut BufReader::new(opened), root)?;
    told_dump(json, ledger, &dump)
}

fn rules(store: &Store, set: Option<&Path>) -> Result<u8, Failure> {
    let given = set.map(|file| config::Config::load(file).and_then(|config| config.consensus.rules()));
    let given = given.transpose().map_err(|error| Failure::Usage(error.to_string()))?;
    let mut opened = if given.is_some() { store.open(true)? } else { store.read(true)? };
    let ledger = opened.ledger();
    if let Some(given) = given {
        ledger.set_rules(&given).map_err(unusable)?;
    }
    let kept = ledger.rules().map_err(unusable)?;
    let set = |rules: &RuleSets| {
        rules.iter().map(|(height, params)| json!({ "from": height, "params": hex(&params.digest()) })).collect()
    };
    let object = json!({
        "rules": kept.as_ref().map(|rules| hex(&rules.digest())),
        "sets": kept.as_ref().map_or_else(Vec::new, set),
    });
    let none =
        || vec!["it keeps no rules: `subvm ledger rules --set FILE` gives it those of a configuration".to_owned()];
    told(store.json, &object, &kept.as_ref().map_or_else(none, crate::config::rule_lines))
}

fn told_dump(json: bool, place: &Path, Dump { height, root, pages }: &Dump) -> Result<u8, Failure> {
    let root = hex(root);
    let line = format!("{} holds {pages} pages of height {height}, root {root}", place.display());
    told(json, &json!({ "height": height, "root": root, "pages": pages }), &[line])
}

/// 64 hexadecimal digits, with `0x` before them or without.
fn digest(text: &str) -> Result<Digest, String> {
    let (pairs, rest) = text.strip_prefix("0x").unwrap_or(text).as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|nibble| nibble as u8);
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    let bytes = bytes.collect::<Option<Vec<u8>>>().filter(|_| rest.is_empty());
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| "give 64 hexadecimal digits".to_owned())
}
