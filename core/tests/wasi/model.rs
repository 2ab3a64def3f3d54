//! The implementation against the reference model, on random sequences of calls and random trees.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{calls, ops};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn descriptors_and_paths_are_the_models(bytes in vec(any::<u8>(), 0..600)) {
        ops::descriptors(&bytes);
    }

    #[test]
    fn trees_are_the_models(bytes in vec(any::<u8>(), 0..400)) {
        ops::tree(&bytes);
    }

    #[test]
    fn calls_that_fail_have_no_effect_whatever_their_arguments(bytes in vec(any::<u8>(), 0..2000)) {
        calls::any(&bytes);
    }
}
