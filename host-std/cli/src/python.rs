//! Contracts in Python: a runner, which is a bundle of an interpreter and its library, and the source, compiled by that interpreter.

use std::path::Path;
use std::sync::Arc;

use subvm_core::calldata::{Map, Value};
use subvm_core::{Address, Engine, Message, Package, Parts};
use subvm_testing::NoPython;

use super::{Failure, input, line};

/// The method that stands for the constructor.
pub(super) const CONSTRUCTOR: &str = "__init__";
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
    let parts = subvm_testing::python(&input::file(source)?, &package, Some(engine), None);
    parts.map_err(|error| match error {
        NoPython::Package(why) => Failure::usage("the runner makes no package", why),
        NoPython::Compile(why) => Failure::usage(format_args!("{} cannot be compiled", source.display()), line(&why)),
        other => Failure::Internal(other.to_string()),
    })
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
    Ok(Message { is_init, entry_data, ..base() })
}

/// The message of who calls, and what, where no message says so.
pub(super) fn base() -> Message {
    Message { contract_address: CONTRACT, sender_address: SENDER, origin_address: SENDER, ..Message::default() }
}
