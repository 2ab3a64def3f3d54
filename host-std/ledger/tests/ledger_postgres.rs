//! The ledger in PostgreSQL, on a cluster that is made for the test and thrown away.
#![cfg(feature = "postgres")]

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use subvm_core::host::page::PAGES;
use subvm_core::host::{State, Storage};
use subvm_core::{Address, PageWrite, Params, RuleSets, SlotId};
use subvm_ledger::trie::Verified;
use subvm_ledger::{
    Applied, Heights, History, Ledger, LedgerError, PostgresLedger, RedbLedger, RedbOptions, conformance,
};

#[allow(dead_code, reason = "each test binary uses a part")]
#[path = "postgres/cluster.rs"]
mod cluster;

use cluster::Cluster;

const CONTRACT: Address = Address([7; 20]);
const SLOT: SlotId = SlotId([9; 32]);

#[test]
fn it_is_a_ledger() {
    let Some(cluster) = Cluster::start("-c fsync=off") else { return };

    // Its model checks the states of all heights that are kept.
    let mut count = 0;
    let make = || {
        count += 1;
        PostgresLedger::connect(&cluster.schema(&format!("conforms{count}"))).unwrap().history(3)
    };
    conformance::check(make).unwrap();

    // It remembers, and one uses it at a time.
    let settings = cluster.schema("remembers");
    let mut ledger = PostgresLedger::connect(&settings).unwrap();
    let page = PageWrite { slot: SLOT, page: 3, content: [5; 32] };
    ledger.apply(&CONTRACT, &[page], u64::MAX - 1).unwrap();
    let error = PostgresLedger::connect(&settings).unwrap_err();
    assert!(matches!(error, LedgerError::Locked { .. }), "{error:?}");
    assert!(!error.to_string().contains("hidden") && error.to_string().contains("127.0.0.1/postgres"), "{error}");
    drop(ledger);
    let mut ledger = PostgresLedger::connect(&settings).unwrap();
    assert_eq!(ledger.heights().unwrap(), Heights { accepted: u64::MAX - 1, finalized: 0 });
    let mut bytes = [0; 2];
    ledger.read(State::Accepted, &CONTRACT, &SLOT, 127, &mut bytes).unwrap();
    assert_eq!(bytes, [5, 0]);
    drop(ledger);

    // Another version's tables are not guessed at.
    let mut client = postgres::Client::connect(&settings, postgres::NoTls).unwrap();
    client.batch_execute(r"UPDATE subvm_meta SET value = '\x0000000000000009' WHERE name = 'layout'").unwrap();
    let error = PostgresLedger::connect(&settings).unwrap_err();
    assert!(matches!(error, LedgerError::Layout { found: 9, .. }), "{error:?}");
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = format!("host=127.0.0.1 port={port} user=subvm password=hidden");
    let error = PostgresLedger::connect(&settings).unwrap_err();
    assert!(matches!(error, LedgerError::Backend { doing: "connecting", .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("hidden"));
    assert!(PostgresLedger::connect("nonsense").is_err());
}

/// The tables as they were in layout 1, and what a node had in them.
const LAYOUT_1: &str = include_str!("layouts/1.sql");

#[test]
fn tables_of_layout_1_become_tables_of_layout_2() {
    let Some(cluster) = Cluster::start("-c fsync=off") else { return };
    let settings = cluster.schema("old");
    let mut client = postgres::Client::connect(&settings, postgres::NoTls).unwrap();
    client.batch_execute(LAYOUT_1).unwrap();
    drop(client);
    let mut migrated = PostgresLedger::connect(&settings).unwrap();
    assert_eq!(migrated.heights().unwrap(), Heights { accepted: 5, finalized: 2 });
    assert_eq!(migrated.lowest().unwrap(), 2);

    let mut fresh = RedbLedger::in_memory().unwrap();
    let page = |page, fill| PageWrite { slot: SLOT, page, content: [fill; 32] };
    for (height, pages) in [
        (1, vec![page(0, 1), page(1, 1)]),
        (2, vec![page(1, 2)]),
        (4, vec![page(0, 4), page(7, 4)]),
        (5, vec![page(0, 5)]),
    ] {
        fresh.apply(&CONTRACT, &pages, height).unwrap();
    }
    fresh.finalize(2).unwrap();
    for height in 2..=5 {
        assert_eq!(migrated.root(height).unwrap(), fresh.root(height).unwrap(), "at {height}");
        for number in [0, 1, 2, 7] {
            let proofs =
                (migrated.prove(height, &CONTRACT, &SLOT, number), fresh.prove(height, &CONTRACT, &SLOT, number));
            assert_eq!(proofs.0.unwrap(), proofs.1.unwrap(), "page {number} at {height}");
        }
    }
    migrated.rollback(3).unwrap();
    assert_eq!(migrated.root(3).unwrap(), fresh.root(3).unwrap());
}

/// Blocks 1 to 8 of two contracts, six of them final; page 0 is written and becomes zeros again.
fn chain(ledger: &mut dyn Ledger) {
    for height in 1..=8_u64 {
        let page = |page, fill| PageWrite { slot: SLOT, page, content: [fill; 32] };
        let pages = [page(0, (height % 2) as u8), page(height as u32, 7), page(PAGES - 1, height as u8)];
        ledger.apply(&Address([height as u8 % 2; 20]), &pages, height).unwrap();
    }
    ledger.finalize(6).unwrap();
}

#[test]
fn a_state_goes_to_a_ledger_of_the_other_kind_and_back_with_its_root() {
    let Some(cluster) = Cluster::start("-c fsync=off") else { return };
    let settings = cluster.schema("here");
    let mut ledger = PostgresLedger::connect(&settings).unwrap().history(3);
    let mut embedded = RedbLedger::open_with(
        tempfile::tempdir().unwrap().path(),
        RedbOptions { history: 3, ..RedbOptions::default() },
    )
    .unwrap();
    chain(&mut ledger);
    chain(&mut embedded);
    assert_eq!(ledger.pages().unwrap(), embedded.snapshot().unwrap().pages().unwrap());
    assert_eq!(ledger.verify().unwrap(), embedded.snapshot().unwrap().verify().unwrap());
    // Heights below what is final, at it, and above it.
    for height in 3..=8 {
        let (mut file, mut same) = (Vec::new(), Vec::new());
        let dump = ledger.export(height, &mut file).unwrap();
        assert_eq!(embedded.snapshot().unwrap().export(height, &mut same).unwrap(), dump);
        assert_eq!(file, same, "the file of height {height} is the same whoever writes it");

        let there = cluster.schema(&format!("there{height}"));
        assert_eq!(PostgresLedger::import(&there, &mut &file[..], Some(&dump.root)).unwrap(), dump);
        let mut new = PostgresLedger::connect(&there).unwrap();
        assert_eq!(new.heights().unwrap(), Heights { accepted: height, finalized: height });
        assert_eq!((new.root(height).unwrap(), new.lowest().unwrap()), (dump.root, height));
        assert_eq!(new.verify().unwrap().pages, dump.pages);
        let mut again = Vec::new();
        assert_eq!((new.export(height, &mut again).unwrap(), again), (dump, file.clone()));
        // It goes on as one that never moved.
        let home = tempfile::tempdir().unwrap();
        RedbLedger::import(home.path(), &mut &file[..], None).unwrap();
        let mut other = RedbLedger::open(home.path()).unwrap();
        for ledger in [&mut new as &mut dyn Ledger, &mut other] {
            let pages = [PageWrite { slot: SLOT, page: 3, content: [1; 32] }];
            ledger.apply(&Address([1; 20]), &pages, height + 1).unwrap();
        }
        assert_eq!(new.root(height + 1).unwrap(), other.root(height + 1).unwrap());
    }
    let error = ledger.export(2, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, LedgerError::NoState { given: 2, lowest: 3, highest: 8, .. }), "{error:?}");

    // What is no state, or is cut, changed or of another root, leaves an empty ledger empty.
    let (mut file, there) = (Vec::new(), cluster.schema("refuses"));
    let root = ledger.export(7, &mut file).unwrap().root;
    let mut changed = file.clone();
    changed[100] ^= 1;
    let cut = &file[..file.len() / 2];
    for (bytes, expected, says) in [
        (&changed[..], &root, "do not have the root"),
        (cut, &root, "ends too early"),
        (&file[..], &[1; 32], "another root than the one that is expected"),
        (&b"noise"[..], &root, "too early"),
    ] {
        let error = PostgresLedger::import(&there, &mut &*bytes, Some(expected)).unwrap_err();
        assert!(matches!(error, LedgerError::Refused { .. }) && error.to_string().contains(says), "{error}");
        let mut empty = PostgresLedger::connect(&there).unwrap();
        assert_eq!((empty.heights().unwrap(), empty.verify().unwrap()), (Heights::default(), Verified::default()));
    }
    drop(ledger);
    let error = PostgresLedger::import(&settings, &mut &file[..], None).unwrap_err();
    assert!(error.to_string().contains("there is a ledger already"), "{error}");

    // What somebody changed behind the ledger's back is found.
    let mut client = postgres::Client::connect(&settings, postgres::NoTls).unwrap();
    client.batch_execute(r"UPDATE subvm_base SET content = decode(repeat('11', 32), 'hex')").unwrap();
    let error = PostgresLedger::connect(&settings).unwrap().verify().unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_ledger_of_an_earlier_release_has_no_rules_until_it_is_given_some() {
    let Some(cluster) = Cluster::start("-c fsync=off") else { return };
    let settings = cluster.schema("rules");
    let mut ledger = PostgresLedger::connect(&settings).unwrap();
    ledger.apply(&CONTRACT, &[], 5).unwrap();
    drop(ledger);
    let mut client = postgres::Client::connect(&settings, postgres::NoTls).unwrap();
    client.batch_execute("DROP TABLE subvm_rules").unwrap();
    let mut ledger = PostgresLedger::connect(&settings).unwrap();
    assert_eq!(ledger.rules().unwrap(), None);
    let rules = RuleSets::new([(1, Params::default())]).unwrap();
    ledger.set_rules(&rules).unwrap();
    drop(ledger);
    assert_eq!(PostgresLedger::connect(&settings).unwrap().rules().unwrap(), Some(rules));
    client.batch_execute(r"UPDATE subvm_rules SET rules = '\x00'").unwrap();
    let error = PostgresLedger::connect(&settings).unwrap().rules().unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
}

/// What is only read is not made, migrated or changed: asked of the server's own catalogue.
#[test]
fn a_ledger_that_is_read_is_not_written() {
    let Some(cluster) = Cluster::start("-c fsync=off") else { return };
    let empty = cluster.schema("empty");
    let mut client = postgres::Client::connect(&empty, postgres::NoTls).unwrap();
    let mut tables = |schema: &str| {
        let rows =
            client.query("SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1", &[&schema]).unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    for connect in [PostgresLedger::connect_read_only, PostgresLedger::connect_to_existing] {
        let error = connect(&empty).unwrap_err();
        assert!(matches!(error, LedgerError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("no ledger in this schema: name the one"), "{error}");
    }
    assert_eq!(tables("empty"), [""; 0]);

    let settings = cluster.schema("read");
    chain(&mut PostgresLedger::connect(&settings).unwrap());
    let mut ledger = PostgresLedger::connect_read_only(&settings).unwrap();
    assert_eq!(ledger.heights().unwrap(), Heights { accepted: 8, finalized: 6 });
    let root = ledger.root(8).unwrap();
    assert_eq!(ledger.verify().unwrap().root, root);
    assert_eq!(ledger.rules().unwrap(), None);
    ledger.export(8, &mut Vec::new()).unwrap();
    ledger.prove(8, &CONTRACT, &SLOT, 3).unwrap();
    let rules = RuleSets::new([(1, Params::default())]).unwrap();
    for result in [ledger.apply(&CONTRACT, &[], 9), ledger.finalize(8), ledger.rollback(7), ledger.set_rules(&rules)] {
        let error = result.unwrap_err();
        assert!(matches!(error, LedgerError::Backend { .. }), "{error:?}");
        let why = std::error::Error::source(&error).unwrap();
        let why = format!("{why} {:?}", why.source().map(ToString::to_string));
        assert!(why.contains("read-only"), "{why}");
    }
    assert_eq!(ledger.root(8).unwrap(), root);
    drop(ledger);

    // What an earlier release made stays as it is, and says what to do.
    let old = cluster.schema("old");
    client_of(&old).batch_execute(LAYOUT_1).unwrap();
    let error = PostgresLedger::connect_read_only(&old).unwrap_err();
    assert!(error.to_string().contains("layout 1") && error.to_string().contains("start the node"), "{error}");
    assert!(!tables("old").contains(&"subvm_nodes".to_owned()));
    client_of(&settings).batch_execute("DROP TABLE subvm_rules").unwrap();
    assert_eq!(PostgresLedger::connect_read_only(&settings).unwrap().rules().unwrap(), None);
    assert!(!tables("read").contains(&"subvm_rules".to_owned()));
    assert_eq!(PostgresLedger::connect_to_existing(&old).unwrap().lowest().unwrap(), 2);
}

fn client_of(settings: &str) -> postgres::Client {
    postgres::Client::connect(settings, postgres::NoTls).unwrap()
}

const KILLED_PAGES: u32 = 48;

/// All pages of a block, each telling its height.
fn block(height: u64) -> Vec<PageWrite> {
    (0..KILLED_PAGES).map(|page| PageWrite { slot: SLOT, page, content: [height as u8; 32] }).collect()
}

/// Blocks until the server is gone; the last one that was reported as durable.
fn apply_until_gone(mut ledger: PostgresLedger, from: u64) -> u64 {
    for height in from.. {
        let pages = block(height);
        let halves = pages.split_at(pages.len() / 2);
        let receipts = [halves.0, halves.1].map(|pages| Applied { contract: CONTRACT, pages });
        if let Err(error) = ledger.apply_block(&receipts, height) {
            assert!(matches!(error, LedgerError::Backend { .. }), "{error:?}");
            return height - 1;
        }
    }
    unreachable!("the server was not killed")
}

/// Each commit waits a while before it is flushed, so that the server dies in the middle of one.
#[test]
fn a_server_killed_in_the_middle_of_a_commit_has_the_old_or_the_new_block() {
    let Some(mut cluster) = Cluster::start("-c commit_delay=40000 -c commit_siblings=0") else { return };
    let settings = cluster.schema("killed");
    let (mut durable, mut new) = (0, 0);
    for kill in 0..6_u64 {
        let ledger = PostgresLedger::connect(&settings).unwrap();
        let worker = thread::spawn(move || apply_until_gone(ledger, durable + 1));
        thread::sleep(Duration::from_millis(150 + kill * 23 % 90));
        cluster.kill();
        let reported = worker.join().unwrap();
        cluster.start_again();

        let mut ledger = PostgresLedger::connect(&settings).unwrap();
        let Heights { accepted, finalized } = ledger.heights().unwrap();
        assert!(finalized == 0 && (reported..=reported + 1).contains(&accepted), "{accepted} after {reported}");
        new += accepted - durable;
        let mut bytes = [0xee; KILLED_PAGES as usize * 32];
        ledger.read(State::Accepted, &CONTRACT, &SLOT, 0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == accepted as u8), "a mix of blocks at {accepted}");
        // A proof is made of the tree, and compared with the root that was kept.
        let (root, proof) = (ledger.root(accepted).unwrap(), ledger.prove(accepted, &CONTRACT, &SLOT, 5).unwrap());
        assert_eq!(proof.page(&root, &CONTRACT, &SLOT, 5), Ok([accepted as u8; 32]));
        durable = accepted;
    }
    assert!(new > 0, "no block was applied between six kills");
    println!("{new} blocks, six kills");
}

/// A block of so many pages that the tables outgrow the room in some blocks.
fn large(height: u64) -> Vec<PageWrite> {
    (0..3000)
        .map(|page| PageWrite { slot: SLOT, page: height as u32 * 3000 + page, content: [height as u8; 32] })
        .collect()
}

/// No file of the server's grows beyond 3 MiB: what a full disk is to it.
#[test]
fn a_server_that_has_no_room_left_has_the_block_before_and_goes_on_once_it_has() {
    let Some(mut cluster) =
        Cluster::start_within("-c fsync=off -c max_wal_size=2MB -c min_wal_size=2MB", Some(3 << 20))
    else {
        return;
    };
    let settings = cluster.schema("narrow");
    let mut ledger = PostgresLedger::connect(&settings).unwrap();
    let mut height = 0;
    let error = loop {
        assert!(height < 40, "the room was never used up");
        match ledger.apply_block(&[Applied { contract: CONTRACT, pages: &large(height + 1) }], height + 1) {
            Ok(()) => height += 1,
            Err(error) => break error,
        }
    };
    assert!(height > 0 && matches!(error, LedgerError::Backend { doing: "applying receipts", .. }), "{error:?}");
    // The block before is there, whole, on the connection that failed and on another.
    let heights = Heights { accepted: height, finalized: 0 };
    assert_eq!(ledger.heights().unwrap(), heights);
    let root = ledger.root(height).unwrap();
    drop(ledger);
    let mut ledger = PostgresLedger::connect(&settings).unwrap();
    assert_eq!((ledger.heights().unwrap(), ledger.root(height).unwrap()), (heights, root));
    assert_eq!(ledger.pages().unwrap().accepted, height * 3000);
    drop(ledger);
    cluster.make_room();
    let mut ledger = PostgresLedger::connect(&settings).unwrap();
    assert_eq!(ledger.root(height).unwrap(), root);
    ledger.apply_block(&[Applied { contract: CONTRACT, pages: &large(height + 1) }], height + 1).unwrap();
    // It has the root that a ledger has which always had room.
    let mut other = RedbLedger::in_memory().unwrap();
    for height in 1..=height + 1 {
        other.apply(&CONTRACT, &large(height), height).unwrap();
    }
    assert_eq!(ledger.root(height + 1).unwrap(), other.root(height + 1).unwrap());
}
