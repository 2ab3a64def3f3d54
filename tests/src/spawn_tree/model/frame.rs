//! One sub-VM, as the model sees it.

use std::collections::BTreeMap;

use subvm_core::Address;
use subvm_core::costs::Limits;
use subvm_core::host::State;

use super::super::STATE;
use super::super::chain::CONTRACT;

pub(in super::super) const DETERMINISTIC: usize = 0;
pub(in super::super) const NON_DETERMINISTIC: usize = 1;

/// Why a sub-VM runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Main,
    Sandbox,
    Block,
}

impl Kind {
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Main => 0,
            Self::Sandbox => 1,
            Self::Block => 2,
        }
    }
}

/// A row of the specification's table of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct May {
    pub(super) deterministic: bool,
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) send: bool,
    pub(super) call: bool,
    pub(super) spawn_nondet: bool,
}

impl May {
    const MAIN: Self =
        Self { deterministic: true, read: true, write: true, send: true, call: true, spawn_nondet: true };
    pub(super) const NONDET: Self =
        Self { deterministic: false, read: false, write: false, send: false, call: false, spawn_nondet: false };

    pub(super) fn sandbox(self, write: bool, send: bool) -> Self {
        Self { write: self.write && write, send: self.send && send, call: false, spawn_nondet: false, ..self }
    }

    pub(super) fn call_contract(self) -> Self {
        Self { deterministic: true, write: false, send: false, spawn_nondet: false, ..self }
    }
}

/// A sub-VM that is spawned, and what is known of it.
#[derive(Clone, Debug)]
pub(in super::super) struct Frame {
    pub(super) kind: Kind,
    pub(super) mode: usize,
    pub(super) may: May,
    pub(super) contract: Address,
    pub(super) callers: Vec<Address>,
    pub(super) state: State,
    pub(super) overlay: bool,
    /// What a validator's function is shown.
    pub(super) leaders: Option<Vec<u8>>,
    /// Ticks at its beginning, and left at its end.
    pub(super) given: i64,
    pub(super) left: i64,
    /// RAM held in its mode before it.
    pub(super) mark: u64,
    pub(super) next_fd: u32,
    pub(super) free: Vec<u32>,
    /// What each descriptor that was attached has charged.
    pub(super) open: BTreeMap<u32, u64>,
    pub(super) started: bool,
    pub(super) outcome: Option<Vec<u8>>,
}

impl Frame {
    pub(super) fn main(limits: &Limits) -> Self {
        let given = i64::try_from(limits.gas_time).unwrap_or(i64::MAX);
        Self::new(Kind::Main, DETERMINISTIC, May::MAIN, given, 0)
    }

    /// A sub-VM of the contract that runs, in the state that the run reads.
    pub(super) fn new(kind: Kind, mode: usize, may: May, given: i64, mark: u64) -> Self {
        Self {
            kind,
            mode,
            may,
            contract: CONTRACT,
            callers: Vec::new(),
            state: STATE,
            overlay: true,
            leaders: None,
            given,
            left: given,
            mark,
            next_fd: 4,
            free: Vec::new(),
            open: BTreeMap::new(),
            started: false,
            outcome: None,
        }
    }

    /// A child that runs the same contract over the same state.
    pub(super) fn child(&self, kind: Kind, mode: usize, may: May, given: i64, mark: u64) -> Self {
        let child = Self::new(kind, mode, may, given, mark);
        let Self { contract, state, overlay, .. } = *self;
        Self { contract, state, overlay, callers: self.callers.clone(), ..child }
    }
}
