//! Starting a sub-VM, and giving its budgets back to its parent when it has ended.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::consensus::message::{EntryKind, Message};
use crate::consensus::package::Package;
use crate::consensus::permissions::Permissions;
use crate::costs;
use crate::costs::instructions::Schedule;
use crate::host::Event;
use crate::ids::Mode;
use crate::outcome::{End, InternalError, InternalErrorKind, Invalid, Outcome, Resource, VmError};
use crate::room;
use crate::run::engine::Finished;
use crate::run::sub_vm::{Guest, SubVm, View};
use crate::run::transaction::Transaction;
use crate::wasi;

/// What a sub-VM starts with.
pub(crate) struct Child {
    pub(crate) main: bool,
    pub(crate) mode: Mode,
    pub(crate) permissions: Permissions,
    pub(crate) view: View,
    pub(crate) package: Arc<Package>,
    pub(crate) message: Arc<Message>,
    /// Descriptor 0.
    pub(crate) stdin: Vec<u8>,
    /// Time gas.
    pub(crate) ticks: i64,
    /// Stack units, before entering is charged.
    pub(crate) stack_units: i64,
}

/// A sub-VM that has ended, or could not start, and the transaction it hands back.
pub(crate) struct Ran {
    pub(crate) transaction: Box<Transaction>,
    pub(crate) result: Result<Outcome, InternalError>,
    pub(crate) fingerprint: Option<crate::fingerprint::Fingerprint>,
    /// Time gas left; not negative.
    pub(crate) ticks: i64,
    /// Whether a libc was told that there is no preopened directory.
    pub(crate) root_hidden: bool,
    /// What people should know of the last calls that a rule refused.
    pub(crate) refusals: Vec<String>,
}

/// Runs a sub-VM: enters it, lets the engine run it, and releases what it held.
///
/// # Panics
/// When the engine breaks its contract and keeps the transaction.
pub(crate) fn run_child(mut transaction: Box<Transaction>, child: Child) -> Ran {
    let mark = transaction.ram.of(child.mode).mark();
    let (mode, ticks) = (child.mode, child.ticks);
    transaction.node.tell(&Event::SubVmBegins {
        mode,
        depth: transaction.depth,
        contract: &child.message.contract_address,
        permissions: child.permissions,
        ticks,
    });
    let engine = Arc::clone(&transaction.engine);
    let mut ran = match enter(&mut transaction, child) {
        Err(error) => {
            let result = Ok(Outcome::VmError(error));
            Ran { transaction, result, fingerprint: None, ticks, root_hidden: false, refusals: Vec::new() }
        }
        Ok(mut vm) => {
            transaction.depth += 1;
            vm.transaction = Some(transaction);
            let Finished { mut vm, result, fingerprint } = engine.run(vm);
            #[expect(clippy::expect_used, reason = "a broken engine, never a guest: see Engine::run")]
            let mut transaction = vm.transaction.take().expect("the engine hands the sub-VM back as it got it");
            transaction.depth -= 1;
            transaction.passed = vm.wasi.passed();
            let root_hidden = vm.wasi.prestat_refused();
            let refusals = if vm.main { vm.wasi.refusals() } else { Vec::new() };
            Ran { transaction, result, fingerprint, ticks: vm.ticks.clamp(0, ticks), root_hidden, refusals }
        }
    };
    ran.transaction.ram.of(mode).release_to(mark);
    let used = (ticks - ran.ticks).unsigned_abs();
    ran.transaction.node.tell(&Event::SubVmEnds { mode, result: ran.result.as_ref(), ticks: used });
    ran
}

/// Checks and charges what entering costs.
fn enter(transaction: &mut Transaction, child: Child) -> Result<Box<SubVm>, VmError> {
    let out_of = VmError::OutOf;
    let stack_units = child.stack_units - costs::SUB_VM_STACK_UNITS as i64;
    if transaction.depth > transaction.params.limits.depth || stack_units < 0 {
        return Err(out_of(Resource::VmRecursion));
    }
    let rules = transaction.params.profile.rules();
    let own = child.view.overlay && child.message.contract_address == transaction.contract;
    let inherited = if own { rules.ram.inherited_page * transaction.overlay.len() as u64 } else { 0 };
    let ram = transaction.ram.of(child.mode);
    // The main sub-VM's message is the node's own.
    let handed = if child.main { 0 } else { costs::MESSAGE_COPIES * child.stdin.len() as u64 };
    let values = if rules.ram.env { child.package.env.values_len() } else { 0 };
    ram.charge(rules.ram.sub_vm + handed + inherited + values).map_err(|_| out_of(Resource::Memory))?;
    // A package need not have come from `Parts::check`.
    if child.package.libraries.len() > costs::LIBRARIES {
        return Err(VmError::InvalidContract(Invalid::Package));
    }
    if child.package.env.is_refused(&transaction.params.refused_env) {
        return Err(VmError::InvalidContract(Invalid::Env));
    }
    let config = wasi::Config {
        mode: child.mode,
        stdin: child.stdin,
        files: Arc::clone(&child.package.files),
        args: Arc::clone(&child.package.args),
        env: Arc::clone(&child.package.env),
        personality: transaction.params.personality,
        now: transaction.now,
        schedule: transaction.schedule,
    };
    let mut wasi = wasi::State::new(config, ram)?;
    wasi.set_passed(transaction.passed);
    wasi.set_seed(rules.seed);
    Ok(Box::new(SubVm {
        ticks: child.ticks,
        stack_units,
        mode: child.mode,
        main: child.main,
        permissions: child.permissions,
        view: child.view,
        message: child.message,
        package: child.package,
        wasi,
        transaction: None,
    }))
}

/// What starting a sub-VM costs, in ticks, whether or not its modules are compiled already: each node pays the same.
pub(crate) fn starting(package: &Package, schedule: &Schedule) -> u64 {
    let libraries = package.libraries.iter().map(|library| library.wasm.len());
    let bytes: usize = libraries.sum::<usize>() + package.start.len();
    schedule.starting(bytes as u64)
}

#[cold]
fn untold() -> InternalError {
    InternalError::new(
        InternalErrorKind::Bug,
        "the engine did not say how many stack units a sub-VM has left that spawns",
    )
}

impl Guest<'_> {
    /// Runs a child in this guest's mode, on what is left of its budgets; `at_most` limits its time gas further.
    pub(crate) fn spawn_within(&mut self, mut child: Child, at_most: Option<u64>) -> Result<Outcome, End> {
        self.charge(starting(&child.package, self.vm.wasi.schedule()))?;
        let cap = at_most.and_then(|cap| i64::try_from(cap).ok()).unwrap_or(i64::MAX);
        child.ticks = cap.min(*self.ticks);
        child.stack_units = self.stack_units;
        if child.stack_units < 0 {
            return Err(untold().into());
        }
        let given = child.ticks;
        let (result, left) = self.spawn(child)?;
        *self.ticks -= given - left;
        Ok(result?)
    }

    /// Runs a non-deterministic child on budgets of its own. The block that it belongs to has paid for its start.
    pub(crate) fn spawn_nondet(&mut self, mut child: Child) -> Result<Outcome, End> {
        let Transaction { params, ticks_nondet, .. } = self.vm.transaction_ref()?;
        let left = params.limits.gas_time_nondet.saturating_sub(*ticks_nondet);
        child.ticks = i64::try_from(left).unwrap_or(i64::MAX);
        child.stack_units = i64::try_from(params.limits.stack_units).unwrap_or(i64::MAX);
        let given = child.ticks;
        let (result, left) = self.spawn(child)?;
        let used = &mut self.vm.transaction_mut()?.ticks_nondet;
        *used = used.saturating_add((given - left).unsigned_abs());
        Ok(result?)
    }

    /// A child's clocks go on where this guest's are. Those of this guest go on where the child's ended, unless only some nodes ran it.
    fn spawn(&mut self, child: Child) -> Result<(Result<Outcome, InternalError>, i64), InternalError> {
        let same_mode = child.mode == self.vm.mode;
        let mut transaction =
            self.vm.transaction.take().ok_or_else(|| {
                InternalError::new(InternalErrorKind::Bug, "a sub-VM spawned while a child of it ran")
            })?;
        transaction.passed = self.vm.wasi.passed();
        let Ran { transaction, result, ticks, .. } = run_child(transaction, child);
        if same_mode {
            self.vm.wasi.set_passed(transaction.passed);
        }
        self.vm.transaction = Some(transaction);
        Ok((result, ticks))
    }

    /// A child of this sub-VM that runs the same contract with `data`, in `mode` and with `permissions`.
    pub(crate) fn same_contract(
        &self,
        mode: Mode,
        kind: EntryKind,
        permissions: Permissions,
        data: &[u8],
        leaders_result: Option<&[u8]>,
    ) -> Result<Child, InternalError> {
        let Transaction { params, datetime, .. } = self.vm.transaction_ref()?;
        let mut message = self.vm.message.with_data(room::copy(data)?);
        message.is_init &= params.profile.rules().child_is_init;
        Ok(Child {
            main: false,
            mode,
            permissions,
            view: self.vm.view,
            package: Arc::clone(&self.vm.package),
            stdin: message.try_to_bytes(kind, datetime, leaders_result)?,
            message: Arc::new(message),
            ticks: 0,
            stack_units: 0,
        })
    }
}
