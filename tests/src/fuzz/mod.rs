//! The bodies of the fuzz targets: what a fuzzer calls with octets, and what tests on stable replay the corpora with.
//! They panic where something is wrong.

pub mod calldata;
#[cfg(feature = "engine")]
pub mod float_programs;
#[cfg(feature = "engine")]
pub mod lowering;
pub mod wasi;

use std::fs;
use std::path::{Path, PathBuf};

/// Runs the body of the target of that name on each file of its corpus, of which there must be some, and of its
/// regressions.
///
/// # Panics
/// If there is no corpus, a file cannot be read, or `body` panics.
pub fn replay(target: &str, body: fn(&[u8])) {
    let corpus = files("corpus", target);
    assert!(!corpus.is_empty(), "no corpus for {target}");
    for file in corpus.into_iter().chain(files("regressions", target)) {
        // Shown if the test fails: the last is the culprit.
        println!("{}", file.display());
        body(&fs::read(file).expect("a file of the repository"));
    }
}

/// The files of a folder of a target, if there is one.
fn files(kind: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(kind).join(target);
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("a folder of the repository").path()).collect()
}

/// The names of the folders in `fuzz/corpus` and `fuzz/regressions`: each must be a target's, or nothing replays it.
///
/// # Panics
/// If one is not.
pub fn check_folders() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for folder in files("corpus", "").into_iter().chain(files("regressions", "")).filter(|path| path.is_dir()) {
        let target = folder.file_name().unwrap_or_default();
        let stub = fuzz.join("fuzz_targets").join(target).with_extension("rs");
        assert!(stub.exists(), "{} is of no target", folder.display());
    }
}
