//! Contracts in Python: a runner, which is a bundle of an interpreter and its library, and the source, compiled by that interpreter.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Code, State};
use subvm_core::wasi::Refused;
use subvm_core::{Address, Engine, Entry, Message, Mode, Outcome, Package, Params, Parts, Role, Run};
use subvm_host_std::ledger::RedbLedger;

use super::exec::{EPOCH, GAS_TIME};
use super::host::{OneContract, Output, Printed, node};
use super::{Failure, input, line};
use subvm_host_std::config::Config;

/// Where a runner finds the source, and its bytecode.
const SOURCE: &str = "/contract.py";
const COMPILED: &str = "/contract.pyc";
/// The method that stands for the constructor.
const CONSTRUCTOR: &str = "__init__";
/// Who calls, and what, where no message says so.
const SENDER: Address = Address([0x5e; 20]);
const CONTRACT: Address = Address([0xc0; 20]);

/// Whether a file is a contract's source.
pub(super) fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "py")
}

/// The parts of a package: a runner's, with the source and its bytecode, which the runner's interpreter makes in a sub-VM.
pub(super) fn parts(source: &Path, runner: &Path, engine: Arc<dyn Engine>) -> Result<Parts, Failure> {
    let unusable = |cause: &dyn std::fmt::Display| {
        Failure::usage(format_args!("{} is no runner", runner.display()), line(&cause.to_string()))
    };
    let package = Package::from_bundle(&input::file(runner)?).map_err(|error| unusable(&error))?;
    let mut parts = Parts {
        start: package.start.clone(),
        libraries: package.libraries.clone(),
        files: package.files.files().into_iter().map(|(path, bytes)| (path, Arc::clone(bytes))).collect(),
        directories: package.files.empty_directories(),
        ..Parts::default()
    };
    parts.files.push((SOURCE.to_owned(), input::file(source)?.into()));
    let compiled = compiled(&parts, engine, source)?;
    parts.files.push((COMPILED.to_owned(), compiled.into()));
    Ok(parts)
}

/// The bytecode of the source in these parts.
fn compiled(parts: &Parts, engine: Arc<dyn Engine>, source: &Path) -> Result<Vec<u8>, Failure> {
    let args = ["python", "--compile", SOURCE].map(String::from).into();
    let package = Parts { args, ..parts.clone() }.check(&Refused::new([]));
    let package = package.map_err(|error| Failure::usage("the runner makes no package", error))?;
    let printed = Arc::new(Mutex::new(Printed::default()));
    let internal = |error: &dyn std::fmt::Display| Failure::Internal(error.to_string());
    let message = Message::default();
    let host = OneContract {
        address: message.contract_address,
        code: Code::Package(Arc::new(package)),
        balances: BTreeMap::new(),
        output: Output::Taken(Arc::clone(&printed)),
    };
    let (config, mut params) = (Config::default(), Params::default());
    let services = config.services().map_err(|error| internal(&error))?;
    params.limits.gas_time = GAS_TIME;
    let storage = RedbLedger::in_memory().map_err(|error| internal(&error))?;
    let instant = input::instant(EPOCH).map_err(|error| internal(&error))?;
    let node = node(host, instant, Box::new(storage), config.rng(), &services, None);
    let run = Run {
        message,
        entry: Entry::Program { mode: Mode::Deterministic, stdin: Some(Arc::from([])) },
        role: Role::Leader,
        params: Arc::new(params),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    let (_, result) = subvm_core::run(engine, node, run);
    let report = result.map_err(|error| internal(&error))?;
    let Printed { stdout, stderr } = std::mem::take(&mut *printed.lock().unwrap_or_else(PoisonError::into_inner));
    if report.outcome != Outcome::null() || stdout.is_empty() {
        let said = String::from_utf8_lossy(&stderr);
        // The last lines: where, and what.
        let lines: Vec<&str> = said.trim_end().lines().rev().take(5).collect();
        let said = lines.into_iter().rev().map(str::trim).collect::<Vec<_>>().join("; ");
        let why = if said.is_empty() { format!("{:?}", report.outcome) } else { said };
        return Err(Failure::usage(format_args!("{} cannot be compiled", source.display()), line(&why)));
    }
    Ok(stdout)
}

/// The message that calls a method with arguments: a map in calldata's text form.
pub(super) fn called(args: &[String]) -> Result<Message, Failure> {
    let wanted = "give a method, and its arguments as one map: -- transfer '{\"to\": addr#.., \"amount\": 5}'";
    let (method, arguments) = match args {
        [method] => (method, None),
        [method, arguments] => (method, Some(arguments)),
        _ => return Err(Failure::usage("more than a method and its arguments", wanted)),
    };
    let arguments: Value = match arguments {
        None => Value::Map(Map::default()),
        Some(text) => text.parse().map_err(|error| Failure::usage(format_args!("the arguments of {method}"), error))?,
    };
    let Value::Map(mut map) = arguments else {
        return Err(Failure::usage(format_args!("the arguments of {method} are no map"), wanted));
    };
    let is_init = method == CONSTRUCTOR;
    if !is_init {
        map.insert(String::from("method"), Value::Str(method.clone()));
    }
    let calldata = Value::Map(map);
    let entry_data = calldata.encode().map_err(|error| Failure::usage("the arguments", error))?;
    let base =
        Message { contract_address: CONTRACT, sender_address: SENDER, origin_address: SENDER, ..Message::default() };
    Ok(Message { is_init, entry_data, ..base })
}
