//! States as files: what is exported is imported with its root, and nothing else is.

use std::fs;

use subvm_core::host::page::PAGES;
use subvm_core::{Address, PageWrite, SlotId};
use subvm_ledger::{Heights, History, Ledger, LedgerError, RedbLedger};

const SLOT: SlotId = SlotId([9; 32]);

/// Blocks 1 to 8 of two contracts, six of them final; page 0 is written and becomes zeros again.
fn chain() -> RedbLedger {
    let mut ledger = RedbLedger::in_memory().unwrap();
    for height in 1..=8_u64 {
        let page = |page, fill| PageWrite { slot: SLOT, page, content: [fill; 32] };
        let pages = [page(0, (height % 2) as u8), page(height as u32, 7), page(PAGES - 1, height as u8)];
        ledger.apply(&Address([height as u8 % 2; 20]), &pages, height).unwrap();
    }
    ledger.finalize(6).unwrap();
    ledger
}

fn exported(ledger: &RedbLedger, height: u64) -> Vec<u8> {
    let mut file = Vec::new();
    ledger.snapshot().unwrap().export(height, &mut file).unwrap();
    file
}

#[test]
fn every_height_that_is_kept_is_exported_and_imported_with_its_root() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = chain();
    for height in 6..=8 {
        let home = dir.path().join(height.to_string());
        let root = ledger.root(height).unwrap();
        let dump = RedbLedger::import(&home, &mut &exported(&ledger, height)[..], Some(&root)).unwrap();
        assert_eq!((dump.height, dump.root), (height, root));
        let mut new = RedbLedger::open(&home).unwrap();
        assert_eq!(new.heights().unwrap(), Heights { accepted: height, finalized: height });
        assert_eq!((new.root(height).unwrap(), History::lowest(&mut new).unwrap()), (root, height));
        let verified = new.snapshot().unwrap().verify().unwrap();
        assert_eq!((verified.root, verified.pages, verified.contracts), (root, dump.pages, 2));
        // It goes on as the other does.
        let pages = [PageWrite { slot: SLOT, page: 3, content: [1; 32] }];
        new.apply(&Address([1; 20]), &pages, height + 1).unwrap();
        let mut other = chain();
        other.rollback(height).unwrap();
        other.apply(&Address([1; 20]), &pages, height + 1).unwrap();
        assert_eq!(new.root(height + 1).unwrap(), other.root(height + 1).unwrap());
    }
    let error = ledger.snapshot().unwrap().export(5, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, LedgerError::NoState { given: 5, lowest: 6, highest: 8, .. }), "{error:?}");
}

#[test]
fn a_file_that_was_changed_anywhere_or_cut_makes_no_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("new");
    let mut ledger = chain();
    let (whole, root) = (exported(&ledger, 7), ledger.root(7).unwrap());
    let refused = |bytes: &[u8], what: &str| {
        let error = RedbLedger::import(&home, &mut &*bytes, Some(&root)).expect_err(what);
        assert!(matches!(error, LedgerError::Refused { .. }), "{what}: {error:?}");
        assert!(!home.join(RedbLedger::FILE).exists(), "{what}: a ledger was made");
    };
    // The height is nobody's to prove; all else is.
    for at in (0..whole.len()).filter(|at| !(12..20).contains(at)).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        refused(&bytes, &format!("byte {at}"));
    }
    (0..whole.len()).step_by(13).for_each(|cut| refused(&whole[..cut], &format!("cut at {cut}")));
    refused(&[&whole[..], b"x"].concat(), "followed");
    let error = RedbLedger::import(&home, &mut &whole[..], Some(&[1; 32])).unwrap_err();
    assert!(error.to_string().contains("another root than the one that is expected"), "{error}");
    RedbLedger::import(&home, &mut &whole[..], None).unwrap();
    let error = RedbLedger::import(&home, &mut &whole[..], None).unwrap_err();
    assert!(error.to_string().contains("there is a ledger already"), "{error}");
}

/// What fails to be written leaves an error, not a file that looks whole.
#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = chain().snapshot().unwrap().export(7, &mut Full).unwrap_err();
    assert!(matches!(error, LedgerError::Backend { doing: "exporting", .. }), "{error:?}");
    // And one that cannot be read is as one that is cut.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("empty"), b"").unwrap();
    let mut empty = fs::File::open(dir.path().join("empty")).unwrap();
    assert!(
        RedbLedger::import(&dir.path().join("new"), &mut empty, None).unwrap_err().to_string().contains("too early")
    );
}
