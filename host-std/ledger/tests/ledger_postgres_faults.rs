//! A server of PostgreSQL whose disk fails: `postgres/fault.c` is loaded before its library, and fails writes and flushes of its log or of its
//! tables, from any call on, or writes half of them. What was reported is there afterwards, the block that failed is there as a whole or not at all,
//! and the ledger goes on.
#![cfg(feature = "postgres")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use subvm_core::host::{State, Storage};
use subvm_core::{Address, PageWrite, SlotId};
use subvm_ledger::{Applied, Heights, History, Ledger, LedgerError, PostgresLedger, RedbLedger};

#[allow(dead_code, reason = "each test binary uses a part")]
#[path = "postgres/cluster.rs"]
mod cluster;

use cluster::Cluster;

const CONTRACT: Address = Address([7; 20]);
const SLOT: SlotId = SlotId([9; 32]);
const PAGES: u32 = 48;

/// What fails; the numbers are those of `fault.c`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Write = 1,
    Flush = 2,
    Torn = 3,
}

/// Of which files.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Log = 0,
    Tables = 1,
}

/// The file that tells the server's processes what fails.
struct Plan(fs::File);

impl Plan {
    fn new(path: &Path) -> Self {
        fs::write(path, [0; 16]).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
        Self(fs::OpenOptions::new().read(true).write(true).open(path).unwrap())
    }

    /// From the call after the next `well` on.
    fn fail(&self, kind: Kind, of: Of, well: u32) {
        self.0.write_all_at(&[(of as u32).to_ne_bytes(), well.to_ne_bytes(), [0; 4]].concat(), 4).unwrap();
        self.0.write_all_at(&(kind as u32).to_ne_bytes(), 0).unwrap();
    }

    /// The disk is mended; how many calls failed.
    fn mend(&self) -> u32 {
        self.0.write_all_at(&[0; 4], 0).unwrap();
        let mut failed = [0; 4];
        self.0.read_exact_at(&mut failed, 12).unwrap();
        u32::from_ne_bytes(failed)
    }
}

/// The library that fails, beside its plan; nothing, and says so, where there is no compiler.
fn library(dir: &Path) -> Option<PathBuf> {
    let library = dir.join("fault.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/fault.c");
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&library);
    let Ok(done) = gcc.arg(source).arg("-ldl").output() else {
        cluster::skipped("gcc");
        return None;
    };
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(library)
}

fn pages(height: u64) -> Vec<PageWrite> {
    (0..PAGES).map(|page| PageWrite { slot: SLOT, page, content: [height as u8; 32] }).collect()
}

fn apply(ledger: &mut PostgresLedger, height: u64) -> Result<(), LedgerError> {
    let pages = pages(height);
    let halves = pages.split_at(pages.len() / 2);
    ledger.apply_block(&[halves.0, halves.1].map(|pages| Applied { contract: CONTRACT, pages }), height)
}

/// Applies blocks while the disk fails, until one does, or some went well; the last one that was reported.
fn blocks(ledger: &mut PostgresLedger, from: u64, of: Of, settings: &str) -> (u64, bool) {
    for height in from..from + 12 {
        if let Err(error) = apply(ledger, height) {
            assert!(matches!(error, LedgerError::Backend { .. } | LedgerError::Damaged { .. }), "{error:?}");
            return (height - 1, true);
        }
        if of == Of::Tables {
            // Tables are written when the server has time; or now. It may refuse, or end.
            if let Ok(mut client) = postgres::Client::connect(settings, postgres::NoTls) {
                let _ = client.batch_execute("CHECKPOINT");
            }
        }
    }
    (from + 11, false)
}

#[test]
fn a_server_whose_disk_fails_loses_nothing_that_was_reported() {
    let files = tempfile::tempdir().unwrap();
    // The server may run as another user.
    fs::set_permissions(files.path(), Permissions::from_mode(0o755)).unwrap();
    let Some(library) = library(files.path()) else { return };
    let plan = Plan::new(&files.path().join("plan"));
    let environment = [("LD_PRELOAD", library), ("SUBVM_FAULT", files.path().join("plan"))];
    let Some(cluster) = Cluster::start_with("-c restart_after_crash=off", environment.to_vec()) else { return };
    let settings = cluster.schema("fails");
    let mut durable = 0;
    let log = [(Kind::Write, 0), (Kind::Write, 1), (Kind::Write, 4), (Kind::Flush, 0), (Kind::Flush, 2)];
    let torn = [(Kind::Torn, 0), (Kind::Torn, 1), (Kind::Torn, 3)].map(|(kind, well)| (Of::Log, kind, well));
    let tables = [(Kind::Write, 0), (Kind::Flush, 0), (Kind::Torn, 0), (Kind::Torn, 2)];
    let cases = log.map(|(kind, well)| (Of::Log, kind, well)).into_iter().chain(torn);
    for (of, kind, well) in cases.chain(tables.map(|(kind, well)| (Of::Tables, kind, well))) {
        let mut ledger = PostgresLedger::connect(&settings).unwrap();
        apply(&mut ledger, durable + 1).unwrap();
        plan.fail(kind, of, well);
        let (reported, failed) = blocks(&mut ledger, durable + 2, of, &settings);
        drop(ledger);
        cluster.stop_at_once();
        let times = plan.mend();
        assert!(times > 0, "{kind:?} of {of:?} after {well} calls: nothing failed");
        assert!(
            failed || of == Of::Tables,
            "{kind:?} of {of:?} after {well} calls: a commit that is not on disk was reported"
        );
        cluster.start_again();

        let mut ledger = PostgresLedger::connect(&settings).unwrap();
        let Heights { accepted, finalized } = ledger.heights().unwrap();
        let found = format!("{accepted} after {reported}, {kind:?} of {of:?} after {well} calls");
        assert!(finalized == 0 && (reported..=reported + 1).contains(&accepted), "{found}");
        let mut bytes = [0xee; PAGES as usize * 32];
        ledger.read(State::Accepted, &CONTRACT, &SLOT, 0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == accepted as u8), "a mix of blocks: {found}");
        let verified = ledger.verify().unwrap();
        assert_eq!((verified.pages, verified.root), (PAGES.into(), ledger.root(accepted).unwrap()), "{found}");
        println!("{found}: {times} calls failed");
        durable = accepted;
    }
    // It has the root of a ledger whose disk never failed.
    let (mut ledger, mut other) = (PostgresLedger::connect(&settings).unwrap(), RedbLedger::in_memory().unwrap());
    for height in 1..=durable {
        other.apply(&CONTRACT, &pages(height), height).unwrap();
    }
    for height in 0..=durable {
        assert_eq!(ledger.root(height).unwrap(), other.root(height).unwrap(), "at {height}");
    }
}
