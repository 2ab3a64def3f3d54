//! The corpora of the calldata fuzz targets and all that fuzzing has ever found, replayed.

use subvm_tests::fuzz::{calldata, check_folders, replay};

#[test]
fn decode() {
    replay("calldata_decode", calldata::decode);
}

#[test]
fn round_trip() {
    replay("calldata_round_trip", calldata::round_trip);
}

#[test]
fn serde() {
    replay("calldata_serde", calldata::serde);
}

#[test]
fn text() {
    replay("calldata_text", calldata::text);
}

#[test]
fn nothing_is_left_out() {
    check_folders();
}
