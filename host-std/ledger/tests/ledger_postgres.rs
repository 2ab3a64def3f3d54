//! The ledger in PostgreSQL, on a cluster that is made for the test and thrown away.
#![cfg(feature = "postgres")]

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use subvm_core::host::{State, Storage};
use subvm_core::{Address, PageWrite, SlotId};
use subvm_ledger::{Applied, Heights, History, Ledger, LedgerError, PostgresLedger, RedbLedger, conformance};

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
