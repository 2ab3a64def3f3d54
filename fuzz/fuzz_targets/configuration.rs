#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| subvm_tests::fuzz::check("configuration", data));
