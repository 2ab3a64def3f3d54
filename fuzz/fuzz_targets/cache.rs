#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| subvm_tests::fuzz::cache::damaged(octets));
