//! The example of a chain that changes its rules, and what is beside its way.

#[path = "../examples/upgrade.rs"]
#[allow(dead_code, reason = "its `main` is the example's")]
mod upgrade;

use subvm_core::RulesError;

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
