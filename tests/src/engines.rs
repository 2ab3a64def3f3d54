//! The engines that tests compare: wasmtime as it makes code for speed, and wasmi, which shares no compiler with it; where interpreted code may
//! differ from compiled code, Pulley too.

use std::sync::{Arc, LazyLock};

use subvm_core::host::Node;
use subvm_core::{Engine, InternalError, Params, Parts, Report, Run, run};
use subvm_host_std::{Codegen, TieredEngine, WasmiEngine, WasmtimeEngine};

use crate::transaction::{deployed, transaction};

static WASMTIME: LazyLock<Arc<WasmtimeEngine>> =
    LazyLock::new(|| Arc::new(WasmtimeEngine::new().expect("this machine runs wasmtime")));
static PULLEY: LazyLock<Arc<WasmtimeEngine>> =
    LazyLock::new(|| Arc::new(WasmtimeEngine::with(Codegen::Pulley).expect("this machine runs Pulley")));
static WASMI: LazyLock<Arc<WasmiEngine>> = LazyLock::new(|| Arc::new(WasmiEngine::new()));

/// wasmtime, compiling for speed.
#[must_use]
pub fn wasmtime() -> Arc<dyn Engine> {
    WASMTIME.clone()
}

/// wasmtime, interpreting what it compiled for its own machine.
#[must_use]
pub fn pulley() -> Arc<dyn Engine> {
    PULLEY.clone()
}

/// wasmi.
#[must_use]
pub fn wasmi() -> Arc<dyn Engine> {
    WASMI.clone()
}

/// Both, by name.
#[must_use]
pub fn engines() -> [(&'static str, Arc<dyn Engine>); 2] {
    [("wasmtime", wasmtime()), ("wasmi", wasmi())]
}

/// One that begins on wasmi what wasmtime has not compiled, which is everything: it is new.
///
/// # Panics
/// Where wasmtime does not run here.
#[must_use]
pub fn tiered() -> Arc<TieredEngine> {
    Arc::new(TieredEngine::new(WasmtimeEngine::new().expect("this machine runs wasmtime")))
}

/// Every way of making code, wasmi, and what changes over from it.
///
/// # Panics
/// Where wasmtime does not run here.
#[must_use]
pub fn every_engine() -> Vec<(String, Arc<dyn Engine>)> {
    let wasmtime = Codegen::ALL.map(|codegen| {
        let engine: Arc<dyn Engine> = Arc::new(WasmtimeEngine::with(codegen).expect("this machine runs wasmtime"));
        (format!("{codegen:?}"), engine)
    });
    let others: [(String, Arc<dyn Engine>); 2] = [("wasmi".into(), wasmi()), ("tiered".into(), tiered())];
    wasmtime.into_iter().chain(others).collect()
}

/// Runs on `engine`, and on wasmi, each with a node of its own, and holds both to one result: outcome, receipt, fingerprint with its frames,
/// RAM; or an internal error of one kind.
///
/// # Errors
/// The internal error of the first.
///
/// # Panics
/// Where they differ.
pub fn on_both(
    engine: Arc<dyn Engine>,
    node: impl Fn() -> Node,
    transaction: &Run,
) -> Result<Report, Box<InternalError>> {
    let first = run(engine, node(), transaction.clone()).1;
    let second = run(wasmi(), node(), transaction.clone()).1;
    match (first, second) {
        (Ok(first), Ok(second)) => {
            same("wasmi", &first, &second);
            Ok(first)
        }
        (Err(first), Err(second)) => {
            assert_eq!(first.kind(), second.kind(), "{first}; wasmi: {second}");
            Err(Box::new(first))
        }
        (first, second) => panic!("{first:?}\nwasmi {second:?}"),
    }
}

/// The parts of a package with this start module, in the text format, and nothing beside it.
///
/// # Panics
/// Where it is no module's text.
#[must_use]
pub fn parts(start: &str) -> Parts {
    Parts { start: wat::parse_str(start).unwrap_or_else(|error| panic!("{error}\n{start}")).into(), ..Parts::default() }
}

/// Runs a contract of these parts on wasmtime and on wasmi, without a deadline.
///
/// # Panics
/// Where they differ, or an internal error is what they come to.
#[must_use]
pub fn run_both(params: Params, parts: &Parts) -> Report {
    let run_of = Run { params: Arc::new(params), ..transaction() };
    on_both(wasmtime(), || deployed(parts.clone()).node(), &run_of).expect("no internal error")
}

/// Holds two runs to one result.
///
/// # Panics
/// Where they differ.
pub fn same(other: &str, first: &Report, second: &Report) {
    let diagnostics = (&first.diagnostics, &second.diagnostics);
    assert_eq!(first.outcome, second.outcome, "{other}: {diagnostics:?}");
    assert_eq!(first.fingerprint, second.fingerprint, "{other}");
    assert_eq!(first.receipt, second.receipt, "{other}");
    assert_eq!(first.ram_peak, second.ram_peak, "{other}");
}
