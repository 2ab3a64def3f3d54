//! Lowered modules behave the same however they are run; see `subvm_tests::fuzz::lowering`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use subvm_tests::fuzz::lowering;

fuzz_target!(|data: &[u8]| lowering::any(data));
