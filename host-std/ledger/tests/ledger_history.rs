//! States of heights in the embedded ledger: how long they are kept, and where they come from when a file is of an earlier layout.

use std::fs;
use std::path::Path;

use subvm_core::host::{State, Storage};
use subvm_core::{Address, PageWrite, SlotId};
use subvm_ledger::{Applied, Heights, History, Ledger, LedgerError, Past, RedbLedger, RedbOptions, conformance};

const CONTRACT: Address = Address([7; 20]);
const SLOT: SlotId = SlotId([9; 32]);

fn page(page: u32, fill: u8) -> PageWrite {
    PageWrite { slot: SLOT, page, content: [fill; 32] }
}

fn keeping(dir: &Path, history: u64) -> RedbLedger {
    RedbLedger::open_with(dir, RedbOptions { history, verify: false, ..RedbOptions::default() }).unwrap()
}

fn read(ledger: &mut impl History, height: u64, number: u32) -> Result<u8, LedgerError> {
    let mut byte = [0xee];
    ledger.read_at(height, &CONTRACT, &SLOT, number * 32, &mut byte)?;
    Ok(byte[0])
}

/// Its model checks the states of all heights that are kept.
#[test]
fn it_conforms_whatever_history_it_keeps() {
    for history in [1, 3, u64::MAX] {
        let (dir, mut count) = (tempfile::tempdir().unwrap(), 0);
        conformance::check(|| {
            count += 1;
            keeping(&dir.path().join(count.to_string()), history)
        })
        .unwrap();
    }
}

#[test]
fn so_many_blocks_are_kept_as_were_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = keeping(dir.path(), 3);
    let mut roots = vec![ledger.root(0).unwrap()];
    for height in 1..=20 {
        // Page 0 in each, another in every third, and one once.
        let pages = [page(0, height as u8), page(height as u32 % 3, height as u8), page(100 + height as u32, 1)];
        ledger.apply(&CONTRACT, &pages, height).unwrap();
        roots.push(ledger.root(height).unwrap());
        ledger.finalize(height.saturating_sub(2)).unwrap();
    }
    assert_eq!(ledger.heights().unwrap(), Heights { accepted: 20, finalized: 18 });
    assert_eq!(History::lowest(&mut ledger).unwrap(), 15);
    let pages = ledger.snapshot().unwrap().pages().unwrap();
    let past = pages.past;
    assert!((6..=9).contains(&past), "{pages:?}: what three blocks wrote");
    for height in 15..=20 {
        assert_eq!(ledger.root(height).unwrap(), roots[height as usize]);
        let of_page_1 = (1..=height).rev().find(|height| height % 3 == 1).unwrap();
        assert_eq!(read(&mut ledger, height, 1).unwrap(), of_page_1 as u8, "at {height}");
        assert_eq!(read(&mut ledger, height, 100 + height as u32).unwrap(), 1);
        assert_eq!(read(&mut ledger, height, 101 + height as u32).unwrap(), 0, "height {height} saw its successor");
        let proof = ledger.prove(height, &CONTRACT, &SLOT, 1).unwrap();
        assert_eq!(proof.page(&roots[height as usize], &CONTRACT, &SLOT, 1), Ok([of_page_1 as u8; 32]));
        let other = &roots[height as usize - 1];
        assert!(proof.page(other, &CONTRACT, &SLOT, 1).is_err(), "a proof of {height} under the root before");
    }
    let error = read(&mut ledger, 14, 0).unwrap_err();
    assert!(matches!(error, LedgerError::NoState { given: 14, lowest: 15, highest: 20, .. }), "{error:?}");
    assert!(error.to_string().contains("a longer history"), "{error}");
    let error = ledger.root(21).unwrap_err();
    assert!(error.to_string().contains("no state of height 21 yet, only of 15 to 20"), "{error}");
    let error = ledger.prune(19).unwrap_err();
    assert!(matches!(error, LedgerError::NotFinal { given: 19, finalized: 18, .. }), "{error:?}");
    assert!(error.to_string().contains("finalize first"), "{error}");

    // A snapshot, and a run against one height of it, see it whatever is forgotten meanwhile.
    let mut past = Past { history: ledger.snapshot().unwrap(), height: 15 };
    ledger.prune(18).unwrap();
    let mut byte = [0];
    past.read(State::Finalized, &CONTRACT, &SLOT, 0, &mut byte).unwrap();
    assert_eq!(byte, [15]);
    drop(past);
    assert_eq!(ledger.snapshot().unwrap().pages().unwrap().past, 0);
    assert!(read(&mut ledger, 17, 0).is_err());
    assert_eq!(ledger.root(18).unwrap(), roots[18]);
    // Opened for less, it forgets with the next block; for more, it keeps from there on.
    drop(ledger);
    let mut ledger = keeping(dir.path(), u64::MAX);
    ledger.finalize(20).unwrap();
    assert_eq!(History::lowest(&mut ledger).unwrap(), 18);
    assert_eq!(read(&mut ledger, 19, 0).unwrap(), 19);
    drop(ledger);
    let mut ledger = keeping(dir.path(), 0);
    ledger.finalize(21).unwrap();
    assert_eq!(History::lowest(&mut ledger).unwrap(), 21);
}

#[test]
fn a_backup_has_the_states_that_the_ledger_has() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = keeping(&dir.path().join("home"), 10);
    for height in 1..=9 {
        ledger.apply(&CONTRACT, &[page(height as u32 % 2, height as u8)], height).unwrap();
    }
    ledger.finalize(7).unwrap();
    ledger.snapshot().unwrap().backup(&dir.path().join("copy")).unwrap();
    let mut copy = keeping(&dir.path().join("copy"), 10);
    for height in 0..=9 {
        assert_eq!(copy.root(height).unwrap(), ledger.root(height).unwrap());
        assert_eq!(read(&mut copy, height, 0).unwrap(), read(&mut ledger, height, 0).unwrap());
        assert_eq!(
            copy.prove(height, &CONTRACT, &SLOT, 1).unwrap(),
            ledger.prove(height, &CONTRACT, &SLOT, 1).unwrap()
        );
    }
    copy.prune(7).unwrap();
    copy.rollback(7).unwrap();
    assert_eq!(copy.root(7).unwrap(), ledger.root(7).unwrap());
}

/// What the program that wrote `layouts/1.redb` applied at a height: its last version before there were roots.
fn of_layout_1(height: u64) -> Vec<(Address, Vec<PageWrite>)> {
    let pages = |contract: u8| {
        let written = (0..20_u32).filter(move |page| !(u64::from(*page) + height).is_multiple_of(3));
        written.map(move |page| PageWrite {
            slot: SlotId([(page % 2) as u8; 32]),
            page: page * 1000,
            content: [if page == 4 && height == 8 { 0 } else { height as u8 * 16 + contract }; 32],
        })
    };
    match height {
        7 | 10 => Vec::new(),
        _ => (1..=3).map(|contract| (Address([contract; 20]), pages(contract).collect())).collect(),
    }
}

fn applied(ledger: &mut RedbLedger, height: u64) {
    let pages = of_layout_1(height);
    let receipts: Vec<_> = pages.iter().map(|(contract, pages)| Applied { contract: *contract, pages }).collect();
    ledger.apply_block(&receipts, height).unwrap();
}

#[test]
fn a_file_of_layout_1_becomes_one_of_layout_2() {
    let dir = tempfile::tempdir().unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layouts/1.redb");
    fs::copy(old, dir.path().join(RedbLedger::FILE)).unwrap();
    let mut migrated = RedbLedger::open(dir.path()).unwrap();
    assert_eq!(migrated.heights().unwrap(), Heights { accepted: 10, finalized: 5 });
    assert_eq!(History::lowest(&mut migrated).unwrap(), 5);

    // As if it had been of layout 2 all along.
    let mut fresh = RedbLedger::in_memory().unwrap();
    (1..=10).for_each(|height| applied(&mut fresh, height));
    fresh.finalize(5).unwrap();
    let same = |one: &mut RedbLedger, other: &mut RedbLedger, heights: std::ops::RangeInclusive<u64>| {
        for height in heights {
            assert_eq!(one.root(height).unwrap(), other.root(height).unwrap(), "at {height}");
            for (contract, number) in [(1, 4), (3, 19), (2, 0)] {
                let (contract, slot) = (Address([contract; 20]), SlotId([(number % 2) as u8; 32]));
                let prove = |ledger: &mut RedbLedger| ledger.prove(height, &contract, &slot, number * 1000).unwrap();
                assert_eq!(prove(one), prove(other));
            }
        }
    };
    same(&mut migrated, &mut fresh, 5..=10);
    for ledger in [&mut migrated, &mut fresh] {
        ledger.rollback(8).unwrap();
        applied(ledger, 9);
        ledger.finalize(9).unwrap();
    }
    same(&mut migrated, &mut fresh, 9..=9);
    drop(migrated);
    assert_eq!(RedbLedger::open(dir.path()).unwrap().heights().unwrap().finalized, 9);
}
