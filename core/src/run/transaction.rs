//! The state of one run. It has one owner at a time: the sub-VM that executes, which hands it down to a child and gets it back.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use num_bigint::BigUint;

use crate::consensus::input::Role;
use crate::consensus::params::Params;
use crate::costs::budget::{Meter, Ram};
use crate::costs::instructions::Schedule;
use crate::host::{Node, Patience};
use crate::ids::State;
use crate::ids::{Address, Mode, SlotId};
use crate::outcome::InternalError;
use crate::run::engine::Engine;
use crate::run::overlay::Overlay;

pub(crate) struct Transaction {
    pub(crate) params: Arc<Params>,
    /// The prices that the parameters choose.
    pub(crate) schedule: &'static Schedule,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) node: Node,
    pub(crate) role: Role,
    /// The contract whose storage the run may write.
    pub(crate) contract: Address,
    /// The state that the run reads.
    pub(crate) state: State,
    pub(crate) patience: Patience,
    /// By how much its deadline was moved.
    pub(crate) moved: Duration,
    /// The instant, in nanoseconds since 1970, and as text.
    pub(crate) now: u64,
    pub(crate) datetime: String,
    /// Nanoseconds that were waited for since the instant, where a sub-VM begins or has ended.
    pub(crate) passed: u64,
    pub(crate) ram: RamOfModes,
    pub(crate) storage: Meter,
    pub(crate) data: Meter,
    /// Sub-VMs above the one that executes.
    pub(crate) depth: u32,
    pub(crate) locked: Vec<SlotId>,
    pub(crate) overlay: Overlay,
    /// What messages of this run have sent.
    pub(crate) sent: BigUint,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) nondet: Vec<Vec<u8>>,
    /// The number of the next non-deterministic block.
    pub(crate) next_block: u32,
    /// The block on which this validator did not agree.
    pub(crate) disagreed_at: Option<u32>,
    pub(crate) ticks_nondet: u64,
    pub(crate) diagnostics: Vec<String>,
}

impl core::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Transaction")
            .field("contract", &self.contract)
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

impl Transaction {
    pub(crate) fn time_left(&self) -> Result<Option<Duration>, InternalError> {
        self.patience.left(&*self.node.clock)
    }
}

/// The two RAM budgets.
#[derive(Debug)]
pub(crate) struct RamOfModes {
    deterministic: Ram,
    non_deterministic: Ram,
}

impl RamOfModes {
    pub(crate) fn new(limit: u64) -> Self {
        Self { deterministic: Ram::new(limit), non_deterministic: Ram::new(limit) }
    }

    /// Gives a block what its caller has left, and no more.
    pub(crate) fn begin_block(&mut self) {
        self.non_deterministic.set_limit(self.deterministic.left());
    }

    /// Bytes in use by sub-VMs of a mode.
    pub(crate) fn used_in(&self, mode: Mode) -> u64 {
        match mode {
            Mode::Deterministic => self.deterministic.used(),
            Mode::NonDeterministic => self.non_deterministic.used(),
        }
    }

    #[inline]
    pub(crate) fn of(&mut self, mode: Mode) -> &mut Ram {
        match mode {
            Mode::Deterministic => &mut self.deterministic,
            Mode::NonDeterministic => &mut self.non_deterministic,
        }
    }
}
