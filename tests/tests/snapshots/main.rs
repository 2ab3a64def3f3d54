//! Snapshots: a run of one is a run of the module that initialises itself each time.

mod generated;
mod guests;
mod kept;
mod refused;

use std::sync::Arc;

use subvm_core::{Engine, Outcome, PageWrite, Params, Parts, Run, run};
use subvm_host_std::snapshot::{Options, Seen, Snapshot, SnapshotError, self_starting, snapshot};
use subvm_host_std::{WasmiEngine, WasmtimeEngine};
use subvm_tests::engines::engines;
use subvm_tests::transaction::{deployed, transaction};

/// The engine that makes a snapshot.
#[derive(Clone, Copy, Debug)]
enum Maker {
    Wasmtime,
    Wasmi,
}

/// A snapshot of the start module of `parts`.
fn made(maker: Maker, parts: &Parts, options: &Options) -> Result<Snapshot, SnapshotError> {
    let seen = Arc::new(Seen::new());
    let engine: Arc<dyn Engine> = match maker {
        Maker::Wasmtime => {
            Arc::new(WasmtimeEngine::builder().look(seen.clone()).build().expect("this machine runs wasmtime"))
        }
        Maker::Wasmi => Arc::new(WasmiEngine::looked_into(seen.clone())),
    };
    snapshot(parts, options, engine, &seen)
}

/// All that a run does beside what it costs.
#[derive(Debug, PartialEq, Eq)]
struct Did {
    outcome: Outcome,
    storage: Vec<PageWrite>,
    messages: Vec<Vec<u8>>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// What a run of this module does, and its ticks.
fn did(engine: Arc<dyn Engine>, wasm: &[u8], parts: &Parts, params: &Params) -> (Did, u64) {
    let host = deployed(Parts { start: wasm.into(), ..parts.clone() });
    let report = run(engine, host.node(), Run { params: Arc::new(params.clone()), ..transaction() })
        .1
        .expect("no internal error");
    let printed = host.printed();
    let (stdout, stderr) = (printed.stdout, printed.stderr);
    let did = Did {
        outcome: report.outcome,
        storage: report.receipt.storage,
        messages: report.receipt.messages,
        stdout,
        stderr,
    };
    (did, report.receipt.gas.time)
}

/// Makes a snapshot, and holds its runs, on both engines, to those of the module that initialises itself. The snapshot, and what they do.
fn same(makers: &[Maker], parts: &Parts, options: &Options) -> Result<(Snapshot, Did), SnapshotError> {
    let made: Vec<_> = makers.iter().map(|maker| made(*maker, parts, options)).collect();
    let first = made[0].clone()?;
    for other in &made {
        assert_eq!(other.as_ref().map(|other| &other.wasm), Ok(&first.wasm), "on every engine the same bytes");
    }
    let twin = self_starting(&parts.start, options)?;
    let mut last = None;
    for (name, engine) in engines() {
        let (own, _) = did(engine.clone(), &twin, parts, &options.params);
        let (saved, _) = did(engine, &first.wasm, parts, &options.params);
        let lengths = [saved.stdout.len(), own.stdout.len()];
        let differ = saved.stdout.iter().zip(&own.stdout).position(|(one, other)| one != other);
        assert!(
            saved == own,
            "{name}: {:?}, {:?}; printed {lengths:?}, other at {differ:?}",
            saved.outcome,
            own.outcome
        );
        last = Some(saved);
    }
    Ok((first, last.expect("there are engines")))
}

/// Both engines.
const BOTH: [Maker; 2] = [Maker::Wasmtime, Maker::Wasmi];

/// The parts of a package with this module in the text format.
fn text(module: &str) -> Parts {
    Parts {
        start: wat::parse_str(module).unwrap_or_else(|error| panic!("{error}\n{module}")).into(),
        ..Parts::default()
    }
}
