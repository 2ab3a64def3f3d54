//! Random trees of sub-VMs: no permission, budget, descriptor or failure gets where it does not belong.

use arbitrary::{Arbitrary, Unstructured};
use proptest::prelude::*;
#[cfg(feature = "engine")]
use subvm_tests::spawn_tree::check_engines;
use subvm_tests::spawn_tree::{Tree, check};

/// Bytes enough for all of a tree.
const BYTES: usize = 700;

fn trees() -> impl Strategy<Value = Tree> {
    proptest::collection::vec(any::<u8>(), BYTES)
        .prop_map(|bytes| Tree::arbitrary(&mut Unstructured::new(&bytes)).expect("missing bytes are zeros"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tree_comes_to_what_the_model_says(tree in trees()) {
        check(&tree).map_err(TestCaseError::fail)?;
    }
}

#[cfg(feature = "engine")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wasmtime_comes_to_what_scripts_come_to(tree in trees()) {
        check_engines(&tree).map_err(TestCaseError::fail)?;
    }
}
