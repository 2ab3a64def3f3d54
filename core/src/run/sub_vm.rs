//! A sub-VM: what the engine runs, and what it asks while it does.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::consensus::message::Message;
use crate::consensus::package::Package;
use crate::consensus::params::Params;
use crate::consensus::permissions::Permissions;
use crate::costs::SetUp;
use crate::costs::budget::Exhausted;
use crate::costs::instructions::Schedule;
use crate::host::Patience;
use crate::ids::Mode;
use crate::ids::State;
use crate::outcome::{InternalError, InternalErrorKind, Outcome, Resource, VmError};
use crate::run::transaction::Transaction;
use crate::wasi;
use crate::wasi::call::Cx;

/// Notes for people that a run keeps, and characters that each may have: a guest brings them about.
const DIAGNOSTICS: usize = 64;
const DIAGNOSTIC: usize = 1024;

/// One WebAssembly store with its instances, file tree, descriptors, random state and permissions.
///
/// The engine owns it while it runs; through it passes the transaction's state, which has one owner at a time.
///
/// ```
/// use subvm_core::{Mode, costs::SetUp};
/// use subvm_host_mock::{MemoryHost, play};
/// let report = play(&MemoryHost::new(), |machine| {
///     let vm = machine.guest().vm;
///     assert_eq!((vm.mode(), vm.package().libraries.len()), (Mode::Deterministic, 0));
///     assert!(vm.params()?.fingerprints && vm.time_left()?.is_none(), "no deadline");
///     assert_eq!(vm.fingerprint_frames()?, 128);
///     // An instance of 100 bytes more than are included in the price of a start.
///     let ticks = vm.ticks;
///     vm.charge_set_up(&[SetUp { bytes: 16_484, ..SetUp::default() }]).unwrap();
///     assert_eq!(vm.ticks, ticks - 100);
///     // As a memory that grows by a page, and then cannot.
///     let used = vm.ram_used();
///     vm.charge_ram(65_536).unwrap();
///     assert_eq!(vm.ram_used() - used, 65_536);
///     vm.release_ram(65_536);
///     vm.diagnose("for people");
///     Ok(())
/// });
/// assert_eq!(report.diagnostics, ["for people"]);
/// ```
#[derive(Debug)]
pub struct SubVm {
    /// Time gas left, in ticks. The engine sets its counter from it and writes it back at the end.
    pub ticks: i64,
    /// Stack units left, likewise.
    pub stack_units: i64,
    pub(crate) mode: Mode,
    pub(crate) main: bool,
    pub(crate) permissions: Permissions,
    pub(crate) view: View,
    pub(crate) message: Arc<Message>,
    pub(crate) package: Arc<Package>,
    pub(crate) wasi: wasi::State,
    pub(crate) transaction: Option<Box<Transaction>>,
}

/// Which storage a sub-VM reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// The state before the run.
    pub(crate) state: State,
    /// Whether the run's own writes lie over it.
    pub(crate) overlay: bool,
}

/// A guest at a host call: its memory, its counters, and its sub-VM.
///
/// ```
/// use subvm_core::{Guest, sdk};
/// use subvm_host_mock::{MemoryHost, play};
/// play(&MemoryHost::new(), |machine| {
///     let mut guest: Guest<'_> = machine.guest();
///     let before = *guest.ticks;
///     assert_eq!(sdk::entry::get_self_balance(&mut guest, 64)?, 0);
///     assert!(*guest.ticks < before && guest.mem[64..96] == [0; 32]);
///     Ok(())
/// });
/// ```
#[derive(Debug)]
pub struct Guest<'a> {
    /// The caller's memory 0; empty where its module has none.
    pub mem: &'a mut [u8],
    /// Time gas left, in ticks.
    pub ticks: &'a mut i64,
    /// Stack units left; any negative number where [`sdk::spawns`](crate::sdk::spawns) said that nobody will ask.
    pub stack_units: i64,
    /// The sub-VM.
    pub vm: &'a mut SubVm,
}

impl Guest<'_> {
    /// The surroundings of one call of [`wasi::entry`].
    ///
    /// # Errors
    /// An internal error when the transaction is elsewhere, which the engine must not let happen.
    #[inline]
    pub fn cx(&mut self) -> Result<Cx<'_>, InternalError> {
        let transaction = self.vm.transaction.as_deref_mut().ok_or_else(absent)?;
        Ok(Cx {
            mem: self.mem,
            ticks: self.ticks,
            wasi: &mut self.vm.wasi,
            ram: transaction.ram.of(self.vm.mode),
            limits: &transaction.params.limits,
            node: &mut transaction.node,
            patience: &transaction.patience,
        })
    }
}

#[cold]
pub(crate) fn absent() -> InternalError {
    InternalError::new(InternalErrorKind::Bug, "a sub-VM was used while a child of it ran")
}

impl SubVm {
    /// The code to run.
    #[must_use]
    pub fn package(&self) -> &Arc<Package> {
        &self.package
    }

    /// Whether every node must reproduce it.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The consensus parameters.
    ///
    /// # Errors
    /// An internal error when the transaction is elsewhere.
    pub fn params(&self) -> Result<&Params, InternalError> {
        Ok(&self.transaction_ref()?.params)
    }

    /// What instructions and host calls cost.
    ///
    /// ```
    /// use subvm_core::costs::instructions::Schedule;
    /// use subvm_host_mock::{MemoryHost, play};
    /// play(&MemoryHost::new(), |machine| {
    ///     assert_eq!(machine.guest().vm.schedule(), &Schedule::V1);
    ///     Ok(())
    /// });
    /// ```
    #[must_use]
    pub fn schedule(&self) -> &'static Schedule {
        self.wasi.schedule()
    }

    /// How long it may still run; nothing where there is no deadline.
    ///
    /// # Errors
    /// An internal error when the deadline has passed, or the run was called off.
    pub fn time_left(&self) -> Result<Option<Duration>, InternalError> {
        self.transaction_ref()?.time_left()
    }

    /// What may end the run before its budgets do. An engine looks at [`time_left`](Self::time_left) every few milliseconds where there is
    /// anything in it.
    ///
    /// # Errors
    /// An internal error when the transaction is elsewhere.
    pub fn patience(&self) -> Result<&Patience, InternalError> {
        Ok(&self.transaction_ref()?.patience)
    }

    /// Does what is no work of the run's own, as an engine that compiles: the deadline moves by as long as that takes, by the node's clock, and
    /// by no more than `at_most` for a whole run. Results do not depend on it.
    ///
    /// # Errors
    /// An internal error when the transaction is elsewhere, or the deadline has passed before; nothing is done then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use subvm_host_mock::{MemoryHost, play};
    /// let host = MemoryHost::new();
    /// let clock = host.clone();
    /// play(&host, move |machine| {
    ///     let vm = machine.guest().vm;
    ///     vm.beside_deadline(Duration::from_secs(60), || clock.pass(Duration::from_secs(30)))?;
    ///     assert!(vm.time_left()?.is_none(), "without a deadline it may take what it takes");
    ///     Ok(())
    /// });
    /// ```
    pub fn beside_deadline(&mut self, at_most: Duration, act: impl FnOnce()) -> Result<(), InternalError> {
        let transaction = self.transaction_mut()?;
        transaction.time_left()?;
        let before = transaction.node.clock.elapsed();
        act();
        let took = transaction.node.clock.elapsed().saturating_sub(before);
        let moves = took.min(at_most.saturating_sub(transaction.moved));
        transaction.moved += moves;
        let deadline = &mut transaction.patience.deadline;
        *deadline = deadline.map(|deadline| deadline.saturating_add(moves));
        Ok(())
    }

    /// Charges RAM for an instance, and for a wasm memory or table, before it is created or grows.
    ///
    /// # Errors
    /// [`Exhausted`] when it is not there.
    pub fn charge_ram(&mut self, bytes: u64) -> Result<(), Exhausted> {
        let mode = self.mode;
        self.transaction.as_deref_mut().map_or(Err(Exhausted), |transaction| transaction.ram.of(mode).charge(bytes))
    }

    /// Bytes of RAM that sub-VMs of this one's mode hold; 0 where the transaction is elsewhere.
    #[must_use]
    pub fn ram_used(&self) -> u64 {
        self.transaction.as_deref().map_or(0, |transaction| transaction.ram.used_in(self.mode))
    }

    /// Charges time for setting up the instances of all its modules, before the first one is made: [`SetUp::ticks`].
    ///
    /// # Errors
    /// [`Exhausted`] when it is not there: the sub-VM ends, as [`conclude`](Self::conclude) will say.
    pub fn charge_set_up(&mut self, instances: &[SetUp]) -> Result<(), Exhausted> {
        self.ticks = self.ticks.saturating_sub_unsigned(SetUp::ticks(instances, self.wasi.schedule()));
        if self.ticks < 0 { Err(Exhausted) } else { Ok(()) }
    }

    /// Gives back RAM that was charged for growth that then failed.
    pub fn release_ram(&mut self, bytes: u64) {
        let mode = self.mode;
        if let Some(transaction) = self.transaction.as_deref_mut() {
            transaction.ram.of(mode).release(bytes);
        }
    }

    /// Notes, for people, why something ended as it did. It is no part of any result. Where there is no room for another note, `text` is not
    /// written at all: a guest may be refused millions of times.
    pub fn diagnose(&mut self, text: impl fmt::Display) {
        let Some(transaction) = self.transaction.as_deref_mut() else { return };
        if transaction.diagnostics.len() < DIAGNOSTICS {
            transaction.diagnostics.push(text.to_string().chars().take(DIAGNOSTIC).collect());
        }
    }

    /// Settles how the sub-VM ends, once the engine has written the counters back: requests to modules that nobody waits for are given up,
    /// negative ticks are `out_of gas time` whatever happened, and the main sub-VM's result is charged as data.
    ///
    /// # Errors
    /// An internal error stays one.
    pub fn conclude(&mut self, ended: Result<Outcome, InternalError>) -> Result<Outcome, InternalError> {
        if let Some(transaction) = self.transaction.as_deref_mut() {
            self.wasi.cancel_pending(&mut *transaction.node.modules);
        }
        let mut outcome = ended?;
        if self.ticks < 0 {
            self.ticks = 0;
            outcome = Outcome::VmError(VmError::OutOf(Resource::GasTime));
        }
        if self.main && self.transaction_mut()?.data.charge(carried(&outcome)).is_err() {
            outcome = Outcome::VmError(VmError::OutOf(Resource::GasData));
        }
        Ok(outcome)
    }

    /// Whether [`wants_fingerprint`](Self::wants_fingerprint) may hold once what the guest ends with is [settled](Self::conclude): also where
    /// it returns more than it has data gas for. Who captures frames only where they are wanted asks this as the guest ends.
    #[must_use]
    pub fn may_want_fingerprint(&self, result: &Result<Outcome, InternalError>) -> bool {
        let fits =
            |outcome| self.transaction_ref().is_ok_and(|transaction| carried(outcome) <= transaction.data.left());
        match result {
            Ok(outcome) if self.main && !fits(outcome) => {
                self.wants_fingerprint(&Ok(Outcome::VmError(VmError::OutOf(Resource::GasData))))
            }
            _ => self.wants_fingerprint(result),
        }
    }

    /// Whether the engine is to take a fingerprint of the machine, having come to `result`.
    #[must_use]
    pub fn wants_fingerprint(&self, result: &Result<Outcome, InternalError>) -> bool {
        let failed = matches!(result, Ok(Outcome::UserError(_) | Outcome::UserValue(_) | Outcome::VmError(_)));
        failed && self.main && self.transaction_ref().is_ok_and(|transaction| transaction.params.fingerprints)
    }

    /// How many of the innermost frames a fingerprint lists: more need not be looked at.
    ///
    /// # Errors
    /// An internal error when the transaction is elsewhere.
    pub fn fingerprint_frames(&self) -> Result<usize, InternalError> {
        Ok(self.params()?.limits.frames_listed())
    }

    pub(crate) fn transaction_ref(&self) -> Result<&Transaction, InternalError> {
        self.transaction.as_deref().ok_or_else(absent)
    }

    pub(crate) fn transaction_mut(&mut self) -> Result<&mut Transaction, InternalError> {
        self.transaction.as_deref_mut().ok_or_else(absent)
    }
}

/// The bytes of data gas that the main sub-VM's end is charged.
fn carried(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Return(value) | Outcome::UserValue(value) => 1 + value.len() as u64,
        Outcome::UserError(text) => 1 + text.len() as u64,
        // Bounded by the list of texts.
        Outcome::VmError(_) => 0,
    }
}
