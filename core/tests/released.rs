//! What transactions came to under every version of the rules that was released, for ever: `docs/upgrades.md`, *The promise*.
//!
//! Nothing writes these digests anew. Where a file below was recorded otherwise, a released version changed: make it a new version, and add
//! its digests beside.

use std::fs;
use std::path::Path;

use subvm_core::costs::instructions::Schedule;
use subvm_core::{LOWERING_VERSION, Params};

/// Golden transactions of a version: where their receipts are recorded and compared with runs on every engine, and the receipts' digests.
struct Released {
    schedule: u32,
    lowering: u32,
    receipts: &'static [(&'static str, &'static str)],
}

const RELEASED: &[Released] = &[Released {
    schedule: 1,
    lowering: 1,
    receipts: &[
        ("vectors/transactions.json", "edb5df91d00d49bc9355ebfc254b06511dff2d8d5876d82d2551245714172b7f"),
        ("vectors/transactions.json", "6b6f6f4267c2efaeaab7fd719dff7256551fff6559b12141200098109041adf8"),
        ("golden/listing-c.txt", "ae543058ccb18d506a7bf4aeb51944eaf90a41a0e7d77babadf75c1f21859d96"),
        ("golden/listing-c-hidden-root.txt", "46d7cea50be419767d4337ea1b81d9a88748927fde4671dbbdf3adf803d3dd98"),
        ("golden/report.txt", "ff1afa4ed5be0e87fed4e2da5431f56f2b817dd7dc2c70b40c4894bcfb723ed5"),
        ("golden/oracle-ask.txt", "8a2f5f3861999dd5c35042d169bdd2163b1f601098c58f077ac45837c568ab9f"),
    ],
}];

#[test]
fn receipts_of_released_versions_are_what_they_were() {
    for Released { schedule, lowering, receipts } in RELEASED {
        for (file, digest) in *receipts {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(file);
            let recorded = fs::read_to_string(&path).unwrap();
            assert!(
                recorded.contains(digest),
                "{file}: a receipt of schedule {schedule} and lowering {lowering} is not {digest} any more"
            );
        }
    }
}

#[test]
fn every_version_that_this_release_has_is_held_to_its_receipts() {
    for schedule in Schedule::ALL {
        assert!(RELEASED.iter().any(|released| released.schedule == schedule.version() && released.receipts.len() > 1));
    }
    assert!(RELEASED.iter().any(|released| released.lowering == LOWERING_VERSION));
    for Released { schedule, lowering, .. } in RELEASED {
        let params = Params { schedule: *schedule, lowering: *lowering, ..Params::default() };
        assert_eq!(params.supported(), Ok(()), "a released version was dropped");
    }
}
