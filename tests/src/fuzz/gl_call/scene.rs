//! What a run starts with, and the way to the place where the calls are made.

use std::collections::BTreeMap;

use num_bigint::BigUint;
use subvm_core::calldata::{Map, Value};
use subvm_core::costs::Limits;
use subvm_core::host::State;
use subvm_core::{Address, End, Entry, Gas, Mode, PageWrite, Params, Permissions, Receipt, SlotId};
use subvm_host_mock::{Machine, MemoryHost};

use super::model::{Model, Place};
use super::{CONTRACT, OTHER, base_page};
use crate::fuzz::source::Source;

/// The setting of a run.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) entry: Entry,
    pub(super) path: Vec<Step>,
    pub(super) balance: u128,
    pub(super) gas_time: u64,
    pub(super) gas_data: u64,
    pub(super) gas_storage: u64,
    pub(super) ram: u64,
    pub(super) open_fds: u32,
    pub(super) memory: u64,
    /// Whether somebody watches, which changes nothing.
    pub(super) observed: bool,
}

/// How one sub-VM starts the next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Sandbox { write: bool, send: bool },
    Call { address: Address, state: u8 },
    Block,
}

impl Scene {
    pub(super) fn new(source: &mut Source<'_>) -> Self {
        let program = |mode| Entry::Program { mode, stdin: None };
        let (deterministic, non_deterministic) = (program(Mode::Deterministic), program(Mode::NonDeterministic));
        let contract = Entry::Contract;
        Self {
            entry: source.choose(&[contract.clone(), contract.clone(), contract, deterministic, non_deterministic]),
            path: (0..source.below(4)).map(|_| Step::new(source)).collect(),
            balance: source.choose(&[1000, 0, 5, u128::MAX]),
            gas_time: source.choose(&[1 << 40, 1 << 40, 1 << 40, 100_000, 30_000]),
            gas_data: source.choose(&[1 << 20, 1 << 20, 0, 100, 400]),
            gas_storage: source.choose(&[1 << 20, 1 << 20, 0, 3]),
            ram: source.choose(&[u32::MAX.into(), u32::MAX.into(), 200_000]),
            open_fds: source.choose(&[1024, 1024, 5, 6]),
            memory: source.choose(&[4096, 4096, 4096, 1024, 64, 0]),
            observed: source.below(2) == 1,
        }
    }

    pub(super) fn params(&self) -> Params {
        let Self { gas_time, gas_data, gas_storage, ram, open_fds, .. } = *self;
        Params {
            limits: Limits { gas_time, gas_data, gas_storage, ram, open_fds, ..Limits::default() },
            ..Params::default()
        }
    }

    /// Where the sub-VM after so many steps stands.
    pub(super) fn place(&self, steps: usize) -> Place {
        let (mode, permissions) = match self.entry {
            Entry::Contract => (Mode::Deterministic, Permissions::all()),
            Entry::Restricted(permissions) => (Mode::Deterministic, permissions | Permissions::DETERMINISTIC),
            Entry::Program { mode: Mode::Deterministic, .. } => (Mode::Deterministic, Permissions::DETERMINISTIC),
            Entry::Program { mode, .. } => (mode, Permissions::empty()),
        };
        let main = Place { mode, permissions, contract: CONTRACT, state: State::Accepted, overlay: true };
        self.path.iter().take(steps).fold(main, |place, step| step.leads_to(place))
    }

    /// How many steps are allowed.
    pub(super) fn steps_taken(&self) -> usize {
        (0..self.path.len()).find(|step| !self.path[*step].may(&self.place(*step))).unwrap_or(self.path.len())
    }

    /// The model at the start of the calls; what the way there cost is the machine's to say.
    pub(super) fn model(&self, place: Place, machine: &mut Machine<'_>) -> Model {
        let ticks = machine.ticks();
        let ram = machine.guest().cx().expect("no child runs").ram.used();
        Model {
            place,
            memory: self.memory,
            ticks,
            ram,
            ram_limit: self.ram,
            storage: self.gas_storage,
            data: self.gas_data,
            balance: BigUint::from(self.balance),
            sent: BigUint::ZERO,
            pages: BTreeMap::new(),
            messages: Vec::new(),
            nondet: Vec::new(),
            open: 4,
            free: Vec::new(),
            numbers: 4,
            open_fds: self.open_fds,
        }
    }
}

impl Step {
    fn new(source: &mut Source<'_>) -> Self {
        match source.below(7) {
            0 => Self::Sandbox { write: false, send: false },
            1 => Self::Sandbox { write: true, send: false },
            2 => Self::Sandbox { write: false, send: true },
            3 => Self::Sandbox { write: true, send: true },
            4 => Self::Call { address: CONTRACT, state: source.below(3) },
            5 => Self::Call { address: OTHER, state: source.below(3) },
            _ => Self::Block,
        }
    }

    /// Whether a guest may take it. Source: `docs/spec/sub-vm.md`, *Permissions*.
    pub(super) fn may(self, place: &Place) -> bool {
        let needs = match self {
            Self::Sandbox { .. } => Permissions::empty(),
            Self::Call { .. } => Permissions::DETERMINISTIC | Permissions::CALL_OTHERS,
            Self::Block => Permissions::DETERMINISTIC | Permissions::SPAWN_NONDET,
        };
        place.permissions.contains(needs)
    }

    fn leads_to(self, place: Place) -> Place {
        let Place { mode, permissions, contract, state, overlay } = place;
        match self {
            Self::Sandbox { write, send } => {
                let mut keeps = Permissions::DETERMINISTIC | Permissions::READ_STORAGE;
                keeps.set(Permissions::WRITE_STORAGE, write);
                keeps.set(Permissions::SEND_MESSAGES, send);
                Place { permissions: permissions & keeps, ..place }
            }
            Self::Call { address, state: called } => Place {
                mode,
                permissions: permissions
                    & (Permissions::DETERMINISTIC | Permissions::READ_STORAGE | Permissions::CALL_OTHERS),
                contract: address,
                state: if called == 1 { State::Finalized } else { State::Accepted },
                overlay: called == 0,
            },
            Self::Block => {
                Place { mode: Mode::NonDeterministic, permissions: Permissions::empty(), contract, state, overlay }
            }
        }
    }

    /// Takes it. Gives the errno where it is not allowed.
    pub(super) fn take(self, machine: &mut Machine<'_>) -> Result<Result<Option<u32>, u32>, End> {
        let data = || Value::Bytes(Vec::new());
        match self {
            Self::Sandbox { write, send } => machine.gl_call(
                "Sandbox",
                Map::from([
                    ("data", data()),
                    ("allow_write_storage", write.into()),
                    ("allow_send_messages", send.into()),
                ]),
            ),
            Self::Call { address, state } => machine.gl_call(
                "CallContract",
                Map::from([("address", Value::Address(address)), ("calldata", Value::Null), ("state", state.into())]),
            ),
            Self::Block => {
                machine.gl_call("RunNondet", Map::from([("data_leader", data()), ("data_validator", data())]))
            }
        }
    }
}

/// Puts what storage holds before the run where the host reads it.
pub(super) fn store(host: &MemoryHost, state: State, contract: Address) {
    let content = base_page(state, contract).expect("it has a page");
    let write = PageWrite { slot: SlotId([1; 32]), page: 0, content };
    let receipt = Receipt {
        params: [0; 32],
        message: [0; 32],
        result: Vec::new(),
        gas: Gas::default(),
        storage: vec![write],
        messages: Vec::new(),
        nondet: Vec::new(),
    };
    host.apply(state, contract, &receipt);
}
