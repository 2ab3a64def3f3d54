//! Running a package as a transaction of its own.

use std::sync::Arc;

use subvm_core::costs::Limits;
use subvm_core::host::State;
use subvm_core::{Engine, Entry, Message, Outcome, Package, Params, Parts, Personality, Report, Role, Run, run};

use crate::node::{Marks, node};

/// A package of one module in the text format.
///
/// # Panics
/// Where the text is no module, or the parts are refused: what is measured is ours.
#[must_use]
pub fn package(text: &str, parts: Parts) -> Arc<Package> {
    let start = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let parts = Parts { start: start.into(), ..parts };
    Arc::new(parts.check(&Default::default()).expect("a package"))
}

/// Runs `package` as a contract with gas and storage without end, and gives the report.
///
/// # Panics
/// Where this node fails.
#[must_use]
pub fn transact(engine: &Arc<dyn Engine>, package: &Arc<Package>, marks: &Marks, fingerprints: bool) -> Report {
    let limits = Limits { gas_time: i64::MAX as u64, ..Limits::default() };
    let run_of = Run {
        message: Message::default(),
        entry: Entry::Contract,
        role: Role::Leader,
        params: Arc::new(Params { limits, fingerprints, personality: Personality::Program, ..Params::default() }),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    run(Arc::clone(engine), node(Arc::clone(package), marks), run_of).1.expect("no internal error")
}

/// Runs `package`, which succeeds.
///
/// # Panics
/// Where it does not.
pub fn succeed(engine: &Arc<dyn Engine>, package: &Arc<Package>, marks: &Marks) {
    let report = transact(engine, package, marks, false);
    assert!(matches!(report.outcome, Outcome::Return(_)), "{:?} {:?}", report.outcome, report.diagnostics);
}
