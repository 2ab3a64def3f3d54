//! The corpora of the fuzz targets, and all that fuzzing has ever found, replayed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use subvm_tests::fuzz::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The files of a directory, by name; none where there is no such directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs the target on each file of its corpus, of which there must be some, of its regressions, and of what `FUZZ_FOUND` holds for it.
fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name() == name).unwrap_or_else(|| panic!("no target {name}"));
    let corpus = files(&fuzz().join("corpus").join(name));
    assert!(!corpus.is_empty(), "no corpus for {name}");
    let found = std::env::var_os("FUZZ_FOUND").map(|found| files(&Path::new(&found).join(name))).unwrap_or_default();
    for file in corpus.into_iter().chain(files(&fuzz().join("regressions").join(name))).chain(found) {
        let data = fs::read(&file).unwrap();
        println!("{} ({} bytes)", file.display(), data.len());
        let held = target.check(&data);
        println!("    held {held} bytes of memory");
    }
}

macro_rules! replays {
    ($($(#[$attribute:meta])* $target:ident,)*) => {
        $(
            $(#[$attribute])*
            #[test]
            fn $target() {
                replay(stringify!($target));
            }
        )*

        /// What is fuzzed is replayed, and the other way round.
        #[test]
        fn every_target_is_replayed() {
            let replayed = BTreeSet::from([$($(#[$attribute])* stringify!($target)),*]);
            assert_eq!(TARGETS.iter().map(|target| target.name()).collect::<BTreeSet<_>>(), replayed);
        }
    };
}

replays! {
    bundle,
    #[cfg(feature = "engine")]
    cache,
    calldata_decode,
    calldata_python,
    calldata_round_trip,
    calldata_serde,
    calldata_text,
    #[cfg(feature = "engine")]
    configuration,
    descriptors,
    #[cfg(feature = "engine")]
    engines,
    #[cfg(feature = "engine")]
    execution,
    gl_call,
    leader,
    #[cfg(feature = "engine")]
    lowering,
    preview1,
    proofs,
    recording,
    runners,
    #[cfg(feature = "engine")]
    scenarios,
    stored,
    supervisor,
    symbols,
    #[cfg(feature = "engine")]
    throwing,
    tree,
}

/// The names of the stubs, one for each target.
fn stubs() -> BTreeSet<String> {
    files(&fuzz().join("fuzz_targets"))
        .iter()
        .map(|stub| stub.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// A stub that `fuzz/Cargo.toml` does not name would be fuzzed by nobody.
#[test]
fn every_stub_is_built() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let targets = manifest.split("[[bin]]").skip(1);
    let built: BTreeSet<_> = targets.filter_map(|bin| bin.split('"').nth(1).map(str::to_owned)).collect();
    assert_eq!(built, stubs());
}

/// A file under `fuzz/` that belongs to no target would be replayed by nobody.
#[test]
fn every_directory_belongs_to_a_target() {
    let stubs = stubs();
    for kind in ["corpus", "regressions"] {
        for directory in files(&fuzz().join(kind)) {
            let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(stubs.contains(&name), "{kind}/{name} belongs to no target");
        }
    }
}
