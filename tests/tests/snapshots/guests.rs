//! Guests of real languages.

use std::path::{Path, PathBuf};

use subvm_core::{Outcome, Parts, Personality, VmError};
use subvm_host_std::snapshot::{Options, self_starting};
use subvm_tests::engines::engines;

use crate::{BOTH, Maker, did, same};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

fn file(path: &str) -> Vec<u8> {
    std::fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Options for a program that a stock libc started.
fn program() -> Options {
    let mut options = Options::default();
    options.params.personality = Personality::Program;
    options
}

#[test]
fn rust_reads_its_files_once() {
    let data = ["fruit.csv", "note.txt"]
        .map(|name| (format!("/data/{name}"), file(&format!("tests/programs/data/{name}")).into()));
    let parts = Parts {
        start: file("tests/guests/started/started.wasm").into(),
        files: data.into(),
        args: ["started", "the", "nothing"].map(String::from).into(),
        ..Parts::default()
    };
    let (snapshot, did) = same(&[Maker::Wasmi], &parts, &program()).unwrap();
    assert_eq!(did.outcome, Outcome::null());
    let text = String::from_utf8(did.stdout).unwrap();
    assert!(text.contains(" words\nthe: ") && text.contains("nothing: 0\n"), "{text}");
    assert_eq!(
        snapshot.paths,
        ["data", "fruit.csv", "note.txt"].map(|name| if name == "data" {
            "data".into()
        } else {
            format!("data/{name}")
        })
    );
    assert!(snapshot.ticks > 10_000 && !snapshot.arguments && !snapshot.environment);
}

#[test]
fn c_programs_that_export_no_initialisation_say_so() {
    let parts = Parts { start: file("tests/guests/report/report.wasm").into(), ..Parts::default() };
    let told = same(&BOTH, &parts, &program()).unwrap_err().to_string();
    assert!(told.contains("not exported"), "{told}");
}

#[test]
fn a_run_that_fails_after_a_snapshot_fails_the_same() {
    let parts = Parts { start: file("tests/guests/started/started.wasm").into(), ..Parts::default() };
    // Without its files: the initialisation fails.
    let told = same(&[Maker::Wasmi], &parts, &program()).unwrap_err().to_string();
    assert!(told.contains("did not come to its end: wasm_trap unreachable") && told.contains("it printed: "), "{told}");
    let twin = self_starting(&parts.start, &program()).unwrap();
    for (name, engine) in engines() {
        let (did, _) = did(engine, &twin, &parts, &program().params);
        assert!(
            matches!(did.outcome, Outcome::VmError(VmError::Trap(_) | VmError::ExitCode(_))),
            "{name}: {:?}",
            did.outcome
        );
    }
}
