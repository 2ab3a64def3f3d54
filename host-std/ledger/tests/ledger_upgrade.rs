//! The example of a chain that changes its rules, and what is beside its way.

#[path = "../examples/upgrade.rs"]
#[allow(dead_code, reason = "its `main` is the example's")]
mod upgrade;

use subvm_core::{Address, Params, RuleSets, RulesError};
use subvm_ledger::{Ledger, LedgerError, RedbLedger};

#[test]
fn a_chain_that_changes_its_rules_is_replayed_with_equal_receipts() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = upgrade::live_and_replay(dir.path()).unwrap();
    let (before, after) = receipts.split_at(99);
    // 49 calls fit into the first limit; then every call runs out until the second.
    assert!(before[48].returned() && !before[60].returned() && !before[98].returned());
    assert!(after[0].returned(), "the call that ran out before the switch returns after it");
    assert_ne!(before[0].params, after[0].params, "a receipt says under which rules");
    assert!(before.iter().all(|receipt| receipt.params == before[0].params));
    assert!(after.iter().all(|receipt| receipt.params == after[0].params));
}

#[test]
fn a_height_before_the_first_rules_is_an_error() {
    let (_, _, rules) = upgrade::chain().unwrap();
    let error = rules.at(0).unwrap_err();
    assert_eq!(error, RulesError::Before { height: 0, first: 1 });
    assert!(error.to_string().contains("the first are of 1"), "{error}");
}

#[test]
fn the_ledger_keeps_the_rules_that_its_blocks_ran_under() {
    let dir = tempfile::tempdir().unwrap();
    let [live, copy] = ["live", "copy"].map(|name| dir.path().join(name));
    upgrade::live_and_replay(&live).unwrap();
    let (_, _, rules) = upgrade::chain().unwrap();
    let mut ledger = RedbLedger::open(&live).unwrap();
    assert_eq!(ledger.rules().unwrap(), Some(rules.clone()), "the node gave them when it began");
    // As a later configuration might have it: the second rules from where blocks are already, or none for the first.
    let mut sets: Vec<(u64, Params)> = rules.iter().map(|(height, params)| (height, (**params).clone())).collect();
    sets[1].0 = 90;
    let error = ledger.set_rules(&RuleSets::new(sets.clone()).unwrap()).unwrap_err();
    assert!(matches!(error, LedgerError::PastRules { height: 90, accepted: 120, .. }), "{error:?}");
    assert!(error.to_string().contains("from 90 on ran under other rules"), "{error}");
    sets.remove(0);
    let error = ledger.set_rules(&RuleSets::new(sets).unwrap()).unwrap_err();
    assert!(
        matches!(error, LedgerError::Rules { source: RulesError::Before { height: 1, first: 90 }, .. }),
        "{error:?}"
    );
    // A backup has them; a state does not.
    ledger.snapshot().unwrap().backup(&copy).unwrap();
    assert_eq!(RedbLedger::open(&copy).unwrap().rules().unwrap(), Some(rules.clone()));
    let (mut file, imported) = (Vec::new(), dir.path().join("imported"));
    ledger.snapshot().unwrap().export(117, &mut file).unwrap();
    RedbLedger::import(&imported, &mut &file[..], None).unwrap();
    let mut imported = RedbLedger::open(&imported).unwrap();
    assert_eq!(imported.rules().unwrap(), None);
    // What cannot be replayed there any more needs no rules.
    imported.set_rules(&RuleSets::new([(118, Params::default())]).unwrap()).unwrap();
}

/// Files of layout 2 that were made before rules were kept lack the table.
#[test]
fn a_file_of_an_earlier_release_has_no_rules_until_it_is_given_some() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = RedbLedger::open(dir.path()).unwrap();
    ledger.apply(&Address([7; 20]), &[], 3).unwrap();
    drop(ledger);
    let database = redb::Database::open(dir.path().join(RedbLedger::FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(redb::TableDefinition::<(), &[u8]>::new("rules")).unwrap());
    transaction.commit().unwrap();
    drop(database);
    let mut ledger = RedbLedger::open(dir.path()).unwrap();
    assert_eq!(ledger.rules().unwrap(), None);
    let rules = RuleSets::new([(1, Params::default())]).unwrap();
    ledger.set_rules(&rules).unwrap();
    assert_eq!(ledger.rules().unwrap(), Some(rules));
}
