//! The embedded ledger: its promises, a second process, and damage.

use std::fs;
use std::path::Path;

use subvm_core::host::{State, Storage};
use subvm_core::{Address, PageWrite, SlotId};
use subvm_host_mock::conformance::Written;
use subvm_ledger::{Heights, Ledger, LedgerError, RedbLedger, conformance};

const CONTRACT: Address = Address([7; 20]);
const SLOT: SlotId = SlotId([9; 32]);

fn page(page: u32, fill: u8) -> PageWrite {
    PageWrite { slot: SLOT, page, content: [fill; 32] }
}

fn filled(dir: &Path) {
    let mut ledger = RedbLedger::open(dir).unwrap();
    let pages: Vec<_> = (0..2000).map(|number| page(number, 1)).collect();
    ledger.apply(&CONTRACT, &pages, 1).unwrap();
    ledger.finalize(1).unwrap();
    ledger.apply(&CONTRACT, &pages[..100], 2).unwrap();
}

#[test]
fn it_conforms_in_memory() {
    conformance::check(|| RedbLedger::in_memory().unwrap()).unwrap();
}

#[test]
fn it_conforms_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    let make = || {
        count += 1;
        RedbLedger::open(&dir.path().join(count.to_string())).unwrap()
    };
    conformance::check(make).unwrap();
}

/// A ledger that holds what a conformance check wants it to hold: first what is final, then what was accepted above it.
fn holding(written: &[Written]) -> RedbLedger {
    let mut ledger = RedbLedger::in_memory().unwrap();
    for (state, height) in [(State::Finalized, 1), (State::Accepted, 2)] {
        for written in written.iter().filter(|written| written.state == state) {
            ledger.apply(&written.contract, &[written.page], height).unwrap();
        }
        ledger.finalize(1).unwrap();
    }
    ledger
}

#[test]
fn it_and_its_snapshots_keep_the_promises_of_storage() {
    subvm_host_mock::conformance::storage(holding).unwrap();
    subvm_host_mock::conformance::storage(|written| holding(written).snapshot().unwrap()).unwrap();
}

#[test]
fn it_remembers() {
    let dir = tempfile::tempdir().unwrap();
    filled(&dir.path().join("made/on/the/way"));
    let mut ledger = RedbLedger::open(&dir.path().join("made/on/the/way")).unwrap();
    assert_eq!(ledger.heights().unwrap(), Heights { accepted: 2, finalized: 1 });
    let mut bytes = [0; 2];
    ledger.read(State::Finalized, &CONTRACT, &SLOT, 2000 * 32 - 1, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 0]);
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let mut ledger = RedbLedger::in_memory().unwrap();
    ledger.apply(&CONTRACT, &[page(0, 1)], 1).unwrap();
    let mut snapshot = ledger.snapshot().unwrap();
    ledger.apply(&CONTRACT, &[page(0, 2)], 2).unwrap();
    ledger.finalize(2).unwrap();
    let mut bytes = [0; 1];
    snapshot.read(State::Accepted, &CONTRACT, &SLOT, 0, &mut bytes).unwrap();
    assert_eq!(bytes, [1]);
    snapshot.read(State::Finalized, &CONTRACT, &SLOT, 0, &mut bytes).unwrap();
    assert_eq!(bytes, [0]);
    assert_eq!(snapshot.heights().unwrap(), Heights { accepted: 1, finalized: 0 });
}

#[test]
fn it_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let _first = RedbLedger::open(dir.path()).unwrap();
    let error = RedbLedger::open(dir.path()).unwrap_err();
    assert!(matches!(error, LedgerError::Locked { .. }), "{error:?}");
    assert!(error.to_string().contains("stop the process"), "{error}");
}

/// Opens `dir`, reads all that `filled` wrote, and tells whether all of it was as written. Damage must be an error before that.
fn intact(dir: &Path) -> Result<bool, LedgerError> {
    let mut ledger = RedbLedger::open(dir)?;
    let mut bytes = vec![0; 2000 * 32];
    ledger.read(State::Accepted, &CONTRACT, &SLOT, 0, &mut bytes).map_err(|error| {
        *error.downcast::<LedgerError>().unwrap_or_else(|error| panic!("{error} is no error of a ledger"))
    })?;
    Ok(bytes.iter().all(|byte| *byte == 1) && ledger.heights()? == Heights { accepted: 2, finalized: 1 })
}

#[test]
fn damage_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let file = dir.path().join(RedbLedger::FILE);
    let sound = fs::read(&file).unwrap();
    assert!(intact(dir.path()).unwrap());

    let mut reported = 0;
    // Some bytes of the header, and some of all pages.
    for at in (0..320).step_by(4).chain((320..sound.len()).step_by(8191)) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        fs::write(&file, &bytes).unwrap();
        match intact(dir.path()) {
            Ok(intact) => {
                assert!(intact, "byte {at} of {} changed, and reading went on with other bytes", sound.len())
            }
            Err(LedgerError::Damaged { .. }) => reported += 1,
            Err(error) => panic!("byte {at}: {error:?}"),
        }
    }
    assert!(reported > 40, "only {reported} changes were noticed");
}

#[test]
fn other_files_are_refused() {
    for (content, what) in
        [(&b""[..], "empty"), (b"not a database", "short"), (&[0; 1 << 16][..], "zeros"), (&[0xff; 5000][..], "ones")]
    {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(RedbLedger::FILE);
        fs::write(&file, content).unwrap();
        let error = RedbLedger::open(dir.path()).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{what}: {error:?}");
        assert_eq!(fs::read(&file).unwrap(), content, "{what}: the file was changed");
    }
}

#[test]
fn a_cut_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let file = dir.path().join(RedbLedger::FILE);
    let sound = fs::read(&file).unwrap();
    for len in [100, 4096, sound.len() / 2, sound.len() - 4096] {
        fs::write(&file, &sound[..len]).unwrap();
        let error = intact(dir.path()).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{len} of {} bytes: {error:?}", sound.len());
    }
}

/// A backup while blocks are applied by another thread: it is whole, of one moment, and a ledger like any other.
#[test]
fn a_backup_is_of_one_moment_while_blocks_are_applied() {
    let dir = tempfile::tempdir().unwrap();
    let (home, copy) = (dir.path().join("home"), dir.path().join("copy"));
    let mut ledger = RedbLedger::open(&home).unwrap();
    let block = |ledger: &mut RedbLedger, height: u64| {
        let pages: Vec<_> = (0..200).map(|number| page(number, height as u8)).collect();
        ledger.apply(&CONTRACT, &pages, height).unwrap();
        ledger.finalize(height.saturating_sub(2)).unwrap();
    };
    (1..=5).for_each(|height| block(&mut ledger, height));
    let snapshot = ledger.snapshot().unwrap();
    std::thread::scope(|threads| {
        let backup = threads.spawn(|| snapshot.backup(&copy));
        (6..=20).for_each(|height| block(&mut ledger, height));
        backup.join().unwrap().unwrap();
    });
    let mut back = RedbLedger::open(&copy).unwrap();
    assert_eq!(back.heights().unwrap(), Heights { accepted: 5, finalized: 3 });
    let mut bytes = [0; 200 * 32];
    for (state, height) in [(State::Accepted, 5), (State::Finalized, 3)] {
        back.read(state, &CONTRACT, &SLOT, 0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == height), "{state:?}");
    }
    back.rollback(4).unwrap();
    block(&mut back, 5);
    back.compact().unwrap();
    assert!(matches!(snapshot.backup(&home), Err(LedgerError::Locked { .. })), "onto itself");
    drop(back);
    assert!(matches!(snapshot.backup(&copy), Err(LedgerError::Refused { .. })), "over another");
    assert!(matches!(ledger.compact(), Err(LedgerError::Refused { .. })), "while it is read");
    drop(snapshot);
    ledger.compact().unwrap();
    assert_eq!(ledger.heights().unwrap().accepted, 20);
}
