//! Contracts in GenVM's packaging: what they name as their runner is found in a directory (docs/genvm.md).

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use clap::ValueEnum;
use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Code, HostError, State, Storage, page};
use subvm_core::wasi::Refused;
use subvm_core::{Address, Invalid, Message, Mode, PageWrite, Params, Parts, Personality, Profile, SlotId};
use subvm_host_std::config::Consensus;
use subvm_runners::root::{Layout, RootError};
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

    /// How files and processes behave where the configuration does not say: every line runs programs of a stock libc, such as CPython,
    /// which open no file unless their root is announced.
    pub(super) fn personality(consensus: &Consensus) -> Personality {
        consensus.personality.unwrap_or(Personality::GenVm)
    }
}

/// Bytes of a contract's code.
const CODE: u32 = 128 << 20;

/// What a contract comes to that is wrong for every node, with why, for people.
pub(super) type Wrong = (Invalid, String);

/// Names of runners may float there: `<name>:test`.
fn loader(runners: &Path, profile: Profile) -> Result<Loader<Registry>, Failure> {
    let registry = Registry::open(runners)
        .map_err(|error| Failure::usage(format_args!("the directory of runners {}", runners.display()), error))?
        .floating();
    let (known, registry) = match profile {
        Profile::GenVm0_1 | Profile::GenVm0_2 => (Known::Nix32, registry.nix()),
        Profile::Seed | Profile::GenVm0_3 => (Known::Gvm32, registry),
    };
    Ok(Loader::new(registry).known(known))
}

/// The parts of a contract's package, as its runners in a directory say them.
pub(super) fn parts(contract: &Path, runners: &Path, profile: Profile) -> Result<Result<Parts, Wrong>, Failure> {
    let code = input::file(contract)?;
    match loader(runners, profile)?.contract(&code, Mode::Deterministic) {
        Ok(loaded) => Ok(Ok(loaded.parts)),
        Err(error) => match error.blame() {
            Blame::Contract(invalid) => Ok(Err((invalid, error.to_string()))),
            Blame::Node => Err(Failure::Internal(error.to_string())),
        },
    }
}

fn layout(profile: Profile) -> Layout {
    match profile {
        Profile::GenVm0_1 | Profile::GenVm0_2 => Layout::V0_2,
        Profile::Seed | Profile::GenVm0_3 => Layout::V0_3,
    }
}

/// The contracts that stand in a store, where their root slots say so.
pub(super) struct Deployed {
    storage: Box<dyn Storage>,
    loader: Loader<Registry>,
    layout: Layout,
    refused: Refused,
}

impl fmt::Debug for Deployed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployed").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl Deployed {
    pub(super) fn new(storage: Box<dyn Storage>, runners: &Path, params: &Params) -> Result<Self, Failure> {
        let (loader, layout) = (loader(runners, params.profile)?, layout(params.profile));
        Ok(Self { storage, loader, layout, refused: params.refused_env.clone() })
    }

    /// The package of what stands at an address.
    pub(super) fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        let storage = &mut self.storage;
        let mut read = |slot: &SlotId, index, into: &mut [u8]| storage.read(state, address, slot, index, into);
        let code = match self.layout.code(&mut read, CODE) {
            Ok(Some(code)) => code,
            Ok(None) => return Ok(Code::Malformed(Invalid::RunnerAbsent)),
            Err(RootError::Storage(error)) => return Err(error),
            Err(_) => return Ok(Code::Malformed(Invalid::RunnerMalformed)),
        };
        match self.loader.contract(&code, Mode::Deterministic) {
            Ok(loaded) => Ok(match loaded.parts.check(&self.refused) {
                Ok(package) => Code::Package(package.into()),
                Err(error) => Code::Malformed(error.invalid()),
            }),
            Err(error) => match error.blame() {
                Blame::Contract(invalid) => Ok(Code::Malformed(invalid)),
                Blame::Node => Err(error.into()),
            },
        }
    }

    /// The slots that a transaction of `sender` may not write.
    pub(super) fn locked(&mut self, contract: &Address, sender: &Address) -> Result<Vec<SlotId>, HostError> {
        let storage = &mut self.storage;
        let mut read =
            |slot: &SlotId, index, into: &mut [u8]| storage.read(State::Accepted, contract, slot, index, into);
        let locked = match self.layout.is_upgrader(sender, &mut read) {
            Ok(true) => Ok(Vec::new()),
            Ok(false) => self.layout.locked_slots(&mut read),
            Err(error) => Err(error),
        };
        match locked {
            Ok(locked) => Ok(locked),
            Err(RootError::Storage(error)) => Err(error),
            // Nothing runs there: `too_many`.
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Whether the root slot of a contract says more locked slots or upgraders than there can be, which a contract may write itself.
    pub(super) fn too_many(&mut self, contract: &Address) -> Result<bool, HostError> {
        let storage = &mut self.storage;
        let mut read =
            |slot: &SlotId, index, into: &mut [u8]| storage.read(State::Accepted, contract, slot, index, into);
        let read_all = match self.layout.upgraders(&mut read) {
            Ok(_) => self.layout.locked_slots(&mut read).map(|_| ()),
            Err(error) => Err(error),
        };
        match read_all {
            Ok(()) => Ok(false),
            Err(RootError::Storage(error)) => Err(error),
            Err(_) => Ok(true),
        }
    }
}

/// What a run wrote, and below it what its deployment wrote before: the code, where the root slot looks for it.
pub(super) fn with_code(code: &[u8], profile: Profile, written: &[PageWrite]) -> Result<Vec<PageWrite>, Failure> {
    let deployed = layout(profile).deployed(code);
    let deployed = deployed.ok_or_else(|| Failure::usage("the contract", "its code does not fit a slot"))?;
    let mut pages = BTreeMap::new();
    for (slot, bytes) in deployed {
        for (page, chunk) in (0..).zip(bytes.chunks(page::BYTES)) {
            let mut content = [0; page::BYTES];
            content[..chunk.len()].copy_from_slice(chunk);
            pages.insert((slot, page), content);
        }
    }
    pages.extend(written.iter().map(|write| ((write.slot, write.page), write.content)));
    Ok(pages.into_iter().map(|((slot, page), content)| PageWrite { slot, page, content }).collect())
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
