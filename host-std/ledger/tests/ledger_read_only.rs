//! A ledger that is opened to be read: nothing of it changes, whatever state it was left in, and what would change it is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use subvm_core::host::{State, Storage};
use subvm_core::{Address, PageWrite, Params, RuleSets, SlotId};
use subvm_ledger::{History, Ledger, LedgerError, RedbLedger, RedbOptions};

const CONTRACT: Address = Address([7; 20]);
const SLOT: SlotId = SlotId([9; 32]);

/// All files of a directory, with their content.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn chain(dir: &Path) -> RedbLedger {
    let mut ledger = RedbLedger::open(dir).unwrap();
    for height in 1..=8_u64 {
        let pages: Vec<_> = (0..40).map(|page| PageWrite { slot: SLOT, page, content: [height as u8; 32] }).collect();
        ledger.apply(&CONTRACT, &pages, height).unwrap();
    }
    ledger.finalize(5).unwrap();
    ledger
}

fn read_only(dir: &Path) -> Result<RedbLedger, LedgerError> {
    RedbLedger::open_read_only(dir, RedbOptions::default())
}

/// All that can be asked is asked.
fn asked(ledger: &mut RedbLedger) {
    let accepted = ledger.heights().unwrap().accepted;
    let root = ledger.root(accepted).unwrap();
    let proof = ledger.prove(accepted, &CONTRACT, &SLOT, 5).unwrap();
    assert!(proof.page(&root, &CONTRACT, &SLOT, 5).is_ok());
    ledger.read(State::Accepted, &CONTRACT, &SLOT, 0, &mut [0; 64]).unwrap();
    assert_eq!(ledger.snapshot().unwrap().verify().unwrap().root, root);
    ledger.snapshot().unwrap().export(accepted, &mut Vec::new()).unwrap();
    ledger.rules().unwrap();
    let copy = tempfile::tempdir().unwrap();
    ledger.snapshot().unwrap().backup(copy.path()).unwrap();
    assert_eq!(RedbLedger::open(copy.path()).unwrap().root(accepted).unwrap(), root);
}

#[test]
fn nothing_changes_of_a_ledger_that_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (root, lowest) = {
        let mut ledger = chain(dir.path());
        (ledger.root(8).unwrap(), ledger.lowest().unwrap())
    };
    let before = files(dir.path());
    let mut ledger = read_only(dir.path()).unwrap();
    asked(&mut ledger);
    assert_eq!((ledger.root(8).unwrap(), ledger.lowest().unwrap()), (root, lowest));

    // Two may read it at once, and nobody may change it meanwhile; nor may it be read while somebody does.
    asked(&mut read_only(dir.path()).unwrap());
    assert!(matches!(RedbLedger::open(dir.path()), Err(LedgerError::Locked { .. })));
    let rules = RuleSets::new([(1, Params::default())]).unwrap();
    for (what, result) in [
        ("apply", ledger.apply(&CONTRACT, &[], 9)),
        ("finalize", ledger.finalize(6)),
        ("rollback", ledger.rollback(6)),
        ("rules", ledger.set_rules(&rules)),
        ("compact", ledger.compact()),
    ] {
        let error = result.expect_err(what);
        assert!(matches!(error, LedgerError::Refused { .. }), "{what}: {error:?}");
        assert!(error.to_string().contains("read only"), "{what}: {error}");
    }
    asked(&mut ledger);
    drop(ledger);
    assert!(files(dir.path()) == before, "a file changed, or came");
    let held = RedbLedger::open(dir.path()).unwrap();
    assert!(matches!(read_only(dir.path()), Err(LedgerError::Locked { .. })));
    drop(held);
}

/// Without its lock file, as a copy has it; with none of the two, none is made.
#[test]
fn what_is_not_there_is_not_made() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(chain(dir.path()));
    for missing in [copy.path(), &copy.path().join("nothing")] {
        let error = read_only(missing).unwrap_err();
        assert!(matches!(error, LedgerError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("there is no ledger"), "{error}");
    }
    assert!(files(copy.path()).is_empty() && !copy.path().join("nothing").exists());
    fs::copy(dir.path().join(RedbLedger::FILE), copy.path().join(RedbLedger::FILE)).unwrap();
    let before = files(copy.path());
    asked(&mut read_only(copy.path()).unwrap());
    assert!(files(copy.path()) == before && before.len() == 1);
}

/// A node that was killed left its file as it was at any moment: reading mends it in memory.
#[test]
fn one_that_was_not_closed_in_order_is_read_as_it_is() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut ledger = chain(dir.path());
    let root = ledger.root(8).unwrap();
    // Copied while it is open: as after a kill.
    fs::copy(dir.path().join(RedbLedger::FILE), copy.path().join(RedbLedger::FILE)).unwrap();
    let before = files(copy.path());
    let mut killed = read_only(copy.path()).unwrap();
    asked(&mut killed);
    assert_eq!(killed.root(8).unwrap(), root);
    drop(killed);
    assert!(files(copy.path()) == before);
}

#[test]
fn one_of_layout_1_is_migrated_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(RedbLedger::FILE), include_bytes!("layouts/1.redb")).unwrap();
    let before = files(dir.path());
    let mut ledger = read_only(dir.path()).unwrap();
    let roots: Vec<_> = (5..=10).map(|height| ledger.root(height).unwrap()).collect();
    drop(ledger);
    assert!(files(dir.path()) == before, "it is of layout 1 still");
    let mut migrated = RedbLedger::open(dir.path()).unwrap();
    assert_eq!((5..=10).map(|height| migrated.root(height).unwrap()).collect::<Vec<_>>(), roots);
}

/// Cut anywhere, it is damaged, or what it was before the cut: never does it panic, and never is the file touched.
#[test]
fn a_damaged_one_stays_as_it_is() {
    let (dir, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(chain(dir.path()));
    let whole = fs::read(dir.path().join(RedbLedger::FILE)).unwrap();
    let file = cut.path().join(RedbLedger::FILE);
    for eighths in 0..8 {
        let part = &whole[..whole.len() * eighths / 8];
        fs::write(&file, part).unwrap();
        let error = read_only(cut.path()).expect_err("a part of a ledger");
        assert!(
            matches!(error, LedgerError::Damaged { .. } | LedgerError::Backend { .. } | LedgerError::Refused { .. }),
            "{error:?}"
        );
        assert_eq!(fs::read(&file).unwrap(), part, "{eighths} eighths");
    }
}
