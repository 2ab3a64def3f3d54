//! Contracts in Python: a runner, and the source, compiled by the runner's own interpreter.

use std::fmt;
use std::sync::Arc;

use subvm_core::host::State;
use subvm_core::wasi::Refused;
use subvm_core::{Cancel, Engine, Entry, Message, Mode, Outcome, Package, Params, Parts, Role, Run, run};
use subvm_host_mock::MemoryHost;

/// Where a runner finds the source, and its bytecode.
const SOURCE: &str = "/contract.py";
const COMPILED: &str = "/contract.pyc";
/// When it is compiled: 2024-01-01T00:00:00Z.
const EPOCH: u64 = 1_704_067_200_000_000_000;
/// What a compilation may use, in ticks: as good as no limit.
const GAS_TIME: u64 = 1_000_000_000_000;
/// Lines of a traceback that are told: where, and what.
const TOLD: usize = 5;

/// Why a source makes no contract.
///
/// ```
/// use subvm_testing::NoPython;
/// assert_eq!(NoPython::Compile("SyntaxError: invalid syntax".into()).to_string(), "it cannot be compiled: SyntaxError: invalid syntax");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoPython {
    /// The runner and the source make no package.
    Package(String),
    /// The interpreter refuses the source: the end of its traceback, in one line.
    Compile(String),
    /// This node could not run the interpreter.
    Internal(String),
}

impl fmt::Display for NoPython {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(why) => write!(f, "the runner makes no package: {why}"),
            Self::Compile(why) => write!(f, "it cannot be compiled: {why}"),
            Self::Internal(why) => write!(f, "the runner could not be started: {why}"),
        }
    }
}

impl std::error::Error for NoPython {}

/// The parts of a contract in Python: a [runner](https://github.com/subvm/subvm/blob/main/docs/python.md), the source at `/contract.py`, and its bytecode
/// beside it, which the runner's interpreter makes in a sub-VM. The same source and runner make the same parts. `None` for the engine is the one that
/// chains run on; `cancel` calls it off.
///
/// # Errors
/// The source has a fault, the runner is none, or it was called off.
///
/// # Cost
/// A run of the interpreter; where it was not compiled yet, [half a minute](crate::keep_compiled) more.
///
/// ```no_run
/// use subvm_core::{Package, wasi::Refused};
/// use subvm_testing::{Chain, Map, Value};
/// let runner = Package::from_bundle(&std::fs::read("python.bundle")?)?;
/// let token = subvm_testing::python(&std::fs::read("token.py")?, &runner, None, None)?.check(&Refused::default())?;
/// let mut chain = Chain::new();
/// let alice = chain.account("alice", 0);
/// let deployed = chain.deploy_package(alice, token.into(), &Map::from([("supply", Value::from(5))]).into(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn python(
    source: &[u8],
    runner: &Package,
    engine: Option<Arc<dyn Engine>>,
    cancel: Option<Cancel>,
) -> Result<Parts, NoPython> {
    let mut parts = Parts {
        start: runner.start.clone(),
        libraries: runner.libraries.clone(),
        files: runner.files.files().into_iter().map(|(path, bytes)| (path, Arc::clone(bytes))).collect(),
        directories: runner.files.empty_directories(),
        ..Parts::default()
    };
    parts.files.push((SOURCE.to_owned(), source.into()));
    let compiled = compiled(&parts, engine.unwrap_or_else(|| crate::engine::engine()), cancel)?;
    parts.files.push((COMPILED.to_owned(), compiled.into()));
    Ok(parts)
}

/// The bytecode of the source in these parts.
fn compiled(parts: &Parts, engine: Arc<dyn Engine>, cancel: Option<Cancel>) -> Result<Vec<u8>, NoPython> {
    let args = ["python", "--compile", SOURCE].map(String::from).into();
    let package = Parts { args, ..parts.clone() }.check(&Refused::default());
    let package = package.map_err(|error| NoPython::Package(error.to_string()))?;
    let (host, message, mut params) = (MemoryHost::new(), Message::default(), Params::default());
    host.set_now(EPOCH);
    host.deploy(message.contract_address, Arc::new(package));
    params.limits.gas_time = GAS_TIME;
    let transaction = Run {
        message,
        entry: Entry::Program { mode: Mode::Deterministic, stdin: Some(Arc::from([])) },
        role: Role::Leader,
        params: Arc::new(params),
        state: State::Accepted,
        deadline: None,
        cancel,
    };
    let (_, report) = run(engine, host.node(), transaction);
    let report = report.map_err(|error| NoPython::Internal(error.to_string()))?;
    let printed = host.take_printed();
    if report.outcome == Outcome::null() && !printed.stdout.is_empty() {
        return Ok(printed.stdout);
    }
    let told = String::from_utf8_lossy(&printed.stderr);
    let lines: Vec<&str> = told.trim_end().lines().map(str::trim).collect();
    let told = lines[lines.len().saturating_sub(TOLD)..].join("; ");
    Err(NoPython::Compile(if told.is_empty() { format!("{:?}", report.outcome) } else { told }))
}
