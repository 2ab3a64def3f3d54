//! Contracts in GenVM's packaging: what they name as their runner is found in a directory (docs/genvm.md).

use std::path::Path;

use clap::ValueEnum;
use subvm_core::calldata::{Map, Value};
use subvm_core::{Invalid, Message, Mode, Parts, Profile};
use subvm_runners::{Blame, Known, Loader, Registry};

use super::python::{CONSTRUCTOR, base};
use super::{Failure, input};

/// The lines of GenVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LineName {
    /// GenVM 0.1
    #[value(name = "0.1")]
    V0_1,
    /// GenVM 0.2
    #[value(name = "0.2")]
    V0_2,
    /// GenVM 0.3
    #[value(name = "0.3")]
    V0_3,
}

impl LineName {
    pub(super) fn profile(self) -> Profile {
        match self {
            Self::V0_1 => Profile::GenVm0_1,
            Self::V0_2 => Profile::GenVm0_2,
            Self::V0_3 => Profile::GenVm0_3,
        }
    }
}

/// What a contract comes to that is wrong for every node, with why, for people.
pub(super) type Wrong = (Invalid, String);

/// The parts of a contract's package, as its runners in a directory say them. Names of runners may float there: `<name>:test`.
pub(super) fn parts(contract: &Path, runners: &Path, profile: Profile) -> Result<Result<Parts, Wrong>, Failure> {
    let registry = Registry::open(runners)
        .map_err(|error| Failure::usage(format_args!("the directory of runners {}", runners.display()), error))?
        .floating();
    let (known, registry) = match profile {
        Profile::GenVm0_1 | Profile::GenVm0_2 => (Known::Nix32, registry.nix()),
        Profile::Seed | Profile::GenVm0_3 => (Known::Gvm32, registry),
    };
    let code = input::file(contract)?;
    match Loader::new(registry).known(known).contract(&code, Mode::Deterministic) {
        Ok(loaded) => Ok(Ok(loaded.parts)),
        Err(error) => match error.blame() {
            Blame::Contract(invalid) => Ok(Err((invalid, error.to_string()))),
            Blame::Node => Err(Failure::Internal(error.to_string())),
        },
    }
}

/// The message that calls a method by GenVM's convention: a map of arguments is `kwargs`, an array is `args`.
pub(super) fn called(args: &[String], profile: Profile) -> Result<Message, Failure> {
    let wanted = "give a method, and its arguments as one map or array: -- transfer '[addr#.., 5]'";
    let (method, arguments) = match args {
        [method] => (method, None),
        [method, arguments] => (method, Some(arguments)),
        _ => return Err(Failure::usage("more than a method and its arguments", wanted)),
    };
    let mut call = Map::new();
    if let Some(text) = arguments {
        let value: Value =
            text.parse().map_err(|error| Failure::usage(format_args!("the arguments of {method}"), error))?;
        let field = match value {
            Value::Map(_) => "kwargs",
            Value::Array(_) => "args",
            _ => {
                return Err(Failure::usage(
                    format_args!("the arguments of {method} are neither map nor array"),
                    wanted,
                ));
            }
        };
        call.insert(field, value);
    }
    let is_init = method == CONSTRUCTOR;
    if !is_init {
        let key = if profile == Profile::GenVm0_3 { "" } else { "method" };
        call.insert(key, method.as_str());
    }
    let entry_data = Value::Map(call).encode().map_err(|error| Failure::usage("the arguments", error))?;
    Ok(Message { is_init, entry_data, ..base() })
}
