//! Random trees of sub-VMs, recorded and run again.

use arbitrary::{Arbitrary, Unstructured};
use proptest::prelude::*;
use subvm_tests::spawn_tree::{Tree, check_located, check_recorded};

/// Bytes enough for all of a tree.
const BYTES: usize = 700;

fn trees() -> impl Strategy<Value = Tree> {
    proptest::collection::vec(any::<u8>(), BYTES)
        .prop_map(|bytes| Tree::arbitrary(&mut Unstructured::new(&bytes)).expect("missing bytes are zeros"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tree_is_replayed_to_its_receipt_and_trace(tree in trees()) {
        check_recorded(&tree).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn a_lie_is_found_where_it_was_told(tree in trees()) {
        let lied = check_located(&tree).map_err(TestCaseError::fail)?;
        prop_assume!(lied);
    }
}
