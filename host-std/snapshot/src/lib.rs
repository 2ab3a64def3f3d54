//! Modules that have started already.
//!
//! [`snapshot`] starts a module in deterministic mode, calls an initialisation that it exports, and writes a module whose memories, tables and
//! globals are what they had become. A run of that one does what a run of [`self_starting`] does, which initialises itself each time: it
//! returns, stores, sends and prints the same, for less gas. What cannot be kept is refused by name ([`SnapshotError`]).
//! Source: `docs/spec/snapshot.md`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

use std::sync::Arc;

use subvm_core::host::State;
use subvm_core::{Engine, Entry, Message, Mode, Outcome, Params, Parts, Role, Run};

mod calls;
mod custom;
mod error;
mod expose;
mod module;
mod node;
mod plan;
mod rewrite;
mod seen;
mod started;
mod write;

pub use error::SnapshotError;
pub use seen::Seen;
pub use write::Kept;

use plan::Plan;
use seen::State as Machine;
use started::Started;

/// The names of initialisations that are looked for where none is given, in this order.
pub const INITIALISATIONS: [&str; 2] = ["snapshot", "wizer.initialize"];

/// The name of what begins the run of a snapshot, where the initialisation was `wizer.initialize` and it is exported.
const WIZER_RESUME: &str = "wizer.resume";

/// How a snapshot is made.
///
/// ```
/// let options = subvm_snapshot::Options { init: Some("warm_up".into()), ..Default::default() };
/// assert!(options.resume.is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The exported function that initialises, without parameters and results; where none is named, the first of [`INITIALISATIONS`].
    pub init: Option<String>,
    /// The exported function that begins the runs of the snapshot, in the place of `_start`. Where none is named: `wizer.resume`, if the
    /// initialisation is `wizer.initialize` and it is exported, else what began them before.
    pub resume: Option<String>,
    /// The parameters of the chains that it is made for: floats, personality, exceptions, and what the initialisation may use.
    pub params: Params,
}

/// A module that has started already.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The module.
    pub wasm: Vec<u8>,
    /// The name of the initialisation that was called.
    pub init: String,
    /// Ticks that the initialisation used, which runs are spared.
    pub ticks: u64,
    /// What was written of its memories and tables.
    pub kept: Kept,
    /// Paths that the initialisation opened or asked for, in order: whoever runs the snapshot maps the same there.
    pub paths: Vec<String>,
    /// Whether it read its arguments: the snapshot is for runs with the same.
    pub arguments: bool,
    /// Whether it read its environment, likewise.
    pub environment: bool,
    /// The custom sections that were left out, and why.
    pub left_out: Vec<(String, &'static str)>,
}

/// Starts the start module of `parts`, with their files, arguments and environment, on an engine into which `seen` looks, and writes the module
/// that has started already.
///
/// # Errors
/// Where the module, or what its initialisation did, cannot be kept, and where the engine failed.
///
/// # Cost
/// A run of the initialisation, within the limits of [`Options::params`], and a copy of what is not zero in its memories.
///
/// ```
/// use std::sync::Arc;
/// use subvm_core::Parts;
/// use subvm_snapshot::{Options, Seen, snapshot};
/// use subvm_wasmi::WasmiEngine;
///
/// let module = wat::parse_str(r#"(module (memory 1)
///     (func (export "snapshot") (i32.store (i32.const 8) (i32.const 42)))
///     (func (export "_start") (if (i32.ne (i32.load (i32.const 8)) (i32.const 42)) (then unreachable))))"#)?;
/// let seen = Arc::new(Seen::new());
/// let engine = Arc::new(WasmiEngine::looked_into(seen.clone()));
/// let parts = Parts { start: module.into(), ..Parts::default() };
/// let snapshot = snapshot(&parts, &Options::default(), engine, &seen)?;
/// assert_eq!((snapshot.init.as_str(), snapshot.kept.segments, snapshot.kept.bytes), ("snapshot", 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn snapshot(
    parts: &Parts,
    options: &Options,
    engine: Arc<dyn Engine>,
    seen: &Arc<Seen>,
) -> Result<Snapshot, SnapshotError> {
    if let Some(library) = parts.libraries.first() {
        return Err(SnapshotError::Library(library.name.clone()));
    }
    let plan = Plan::read(&parts.start, options)?;
    let showing = rewrite::showing(&plan)?;
    let parts = Parts { start: showing.into(), ..parts.clone() };
    let (machine, told, ticks) = started(parts, &options.params, engine, seen)?;
    let (wasm, kept, left_out) = write::write(&plan, &machine)?;
    Ok(Snapshot {
        wasm,
        init: plan.init.name.to_owned(),
        ticks,
        kept,
        paths: told.paths,
        arguments: told.arguments,
        environment: told.environment,
        left_out,
    })
}

/// The module that initialises itself at the beginning of each run: what a snapshot with these options is the same as, but for what it costs,
/// and what is seen of the machine where a run fails.
///
/// # Errors
/// Where no snapshot can be made of the module, whatever its initialisation does.
///
/// ```
/// use subvm_snapshot::{Options, self_starting};
/// let module = wat::parse_str(r#"(module (func (export "snapshot")) (func (export "_start")))"#)?;
/// assert_ne!(self_starting(&module, &Options::default())?, module);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn self_starting(wasm: &[u8], options: &Options) -> Result<Vec<u8>, SnapshotError> {
    rewrite::self_starting(&Plan::read(wasm, options)?)
}

/// Runs the module that shows what it became; what it showed, what it asked for, and its ticks.
fn started(
    parts: Parts,
    params: &Params,
    engine: Arc<dyn Engine>,
    seen: &Arc<Seen>,
) -> Result<(Machine, calls::Told, u64), SnapshotError> {
    let package = parts.check(&params.refused_env).map_err(|error| SnapshotError::Package(error.to_string()))?;
    let (observer, told) = calls::Calls::new();
    let (node, printed) = node::node(Arc::new(package), observer);
    let started = Arc::new(Started::new(engine));
    let run = Run {
        message: Message::default(),
        entry: Entry::Program { mode: Mode::Deterministic, stdin: Some(Arc::from([])) },
        role: Role::Leader,
        params: Arc::new(params.clone()),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    let (_, result) = subvm_core::run(started.clone(), node, run);
    let report = result.map_err(|error| SnapshotError::Engine(error.to_string()))?;
    let told = calls::taken(&told);
    // What it asked for first: it may have failed of that.
    if let Some(asked) = told.refused {
        return Err(asked);
    }
    if report.outcome != Outcome::null() {
        let diagnostics = report.diagnostics.join("; ");
        let outcome = match report.outcome {
            Outcome::VmError(error) => error.to_string(),
            other => format!("{other:?}"),
        };
        return Err(SnapshotError::Failed { outcome, diagnostics, printed: node::text(&printed) });
    }
    if let Some(printed) = told.printed {
        return Err(printed);
    }
    started.unchanged(told.freed())?;
    let machine = seen.take().ok_or_else(|| SnapshotError::Engine("it was made without `Seen`".into()))?;
    Ok((machine, told, report.receipt.gas.time))
}
