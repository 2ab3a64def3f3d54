//! The fuzz corpus and all that fuzzing has ever found, replayed.

use std::fs;
use std::path::Path;
use subvm_tests::fuzz::calldata;

/// Runs `body` on each file of the corpus, of which there must be some, and of the regressions.
fn replay(target: &str, body: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let files = |folder: &str| {
        let entries = fs::read_dir(fuzz.join(folder).join(target)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let corpus = files("corpus");
    assert!(!corpus.is_empty(), "no corpus for {target}");
    for file in corpus.into_iter().chain(files("regressions")) {
        println!("{}", file.display());
        body(&fs::read(file).unwrap());
    }
}

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
