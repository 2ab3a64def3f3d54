//! One transaction, from its message to its receipt.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use num_bigint::BigUint;

use crate::consensus::input::{Entry, Role, Run};
use crate::consensus::permissions::Permissions;
use crate::consensus::profile::{LeaderFaults, Profile};
use crate::consensus::receipt::{Gas, Receipt};
use crate::consensus::report::Report;
use crate::costs::budget::Meter;
use crate::fingerprint::Fingerprint;
use crate::host::{Event, Node};
use crate::ids::Mode;
use crate::outcome::{InternalError, InternalErrorKind, LeaderFault, Outcome, Resource, ShortHash, VmError};
use crate::own;
use crate::room;
use crate::run::engine::Engine;
use crate::run::overlay::Overlay;
use crate::run::spawn::{Child, Ran, run_child};
use crate::run::sub_vm::View;
use crate::run::transaction::{RamOfModes, Transaction};
use subvm_calldata::{Map, Value};

mod prepare;
#[cfg(test)]
mod schedules;

use prepare::{Prepared, prepare};

/// Runs one transaction and hands the node back, however it ends.
///
/// ```
/// use std::sync::Arc;
/// use subvm_core::host::State;
/// use subvm_core::{Entry, Invalid, Message, Outcome, Params, Role, Run, VmError, Vote, run};
/// use subvm_host_mock::{MemoryHost, ScriptedEngine};
///
/// let transaction = Run {
///     message: Message::default(),
///     entry: Entry::Contract,
///     role: Role::Leader,
///     params: Arc::new(Params::default()),
///     state: State::Accepted,
///     deadline: None,
///     cancel: None,
/// };
/// // A chain in memory and an engine for tests, where yours stand in a node.
/// let (node, report) = run(Arc::new(ScriptedEngine::new()), MemoryHost::new().node(), transaction);
/// // There is no contract at the message's address: a result like any other, which all nodes agree on.
/// let report = report?;
/// assert_eq!(report.outcome, Outcome::VmError(VmError::InvalidContract(Invalid::Package)));
/// assert_eq!(report.vote(&report.receipt), Vote::Agree);
/// # drop(node);
/// # Ok::<(), subvm_core::InternalError>(())
/// ```
///
/// # Errors
/// An [`InternalError`] where this node cannot say how the run ends; it then votes *timeout*.
///
/// # Panics
/// When `engine` breaks its contract and keeps what it was handed.
pub fn run(engine: Arc<dyn Engine>, mut node: Node, run: Run) -> (Node, Result<Report, InternalError>) {
    node.guard(engine.catch());
    node.tell(&Event::RunBegins(&run));
    let (mut node, mut result) = run_watched(engine, node, run);
    node.tell(&Event::RunEnds(result.as_ref()));
    if let (true, Ok(report)) = (node.unguard(), &mut result) {
        report.diagnostics.push(PANICKED.to_string());
    }
    (node, result)
}

const PANICKED: &str = "the node's observer panicked, and saw no more of the run";
const PART_PANICKED: &str = "a part of the node panicked when it was asked for what the run needs: its code, locked slots and times; \
    the process's panic message says which";

fn run_watched(engine: Arc<dyn Engine>, mut node: Node, run: Run) -> (Node, Result<Report, InternalError>) {
    let mut prepared = None;
    let calm = (engine.catch())(&mut || prepared = Some(prepare(&mut node, &run)));
    let panicked = || Err(InternalError::new(InternalErrorKind::Bug, PART_PANICKED));
    let prepared = match prepared.filter(|_| calm).unwrap_or_else(panicked) {
        Ok(prepared) => prepared,
        Err(error) => return (node, Err(error)),
    };
    let message_digest = *blake3::hash(&prepared.stdin).as_bytes();
    let (transaction, child) = begin(engine, node, run, prepared);
    let limit = child.as_ref().map_or(0, |child| child.ticks);
    let mut ran = match child {
        Ok(child) => run_child(transaction, child),
        Err(error) => {
            let result = Ok(Outcome::VmError(error));
            Ran { transaction, result, fingerprint: None, ticks: 0, root_hidden: false, refusals: Vec::new() }
        }
    };
    if ran.root_hidden && matches!(ran.result, Ok(Outcome::VmError(VmError::ExitCode(71)))) {
        ran.transaction.diagnostics.push(HIDDEN_ROOT.to_string());
    }
    // A program that fails knows an errno, and not whose rule it was.
    if let Ok(Outcome::VmError(VmError::ExitCode(_) | VmError::Trap(_))) = ran.result {
        ran.transaction.diagnostics.append(&mut ran.refusals);
    }
    finish(ran, limit, message_digest)
}

const HIDDEN_ROOT: &str = "the program ended with exit code 71 after fd_prestat_get answered Notsup: its libc looks for a preopened directory; \
    give it the personality `program` (consensus.personality, `--personality program`) or keep it from opening files";

fn begin(
    engine: Arc<dyn Engine>,
    node: Node,
    run: Run,
    prepared: Prepared,
) -> (Box<Transaction>, Result<Child, VmError>) {
    let (mode, permissions) = match run.entry {
        Entry::Contract => (Mode::Deterministic, Permissions::all()),
        Entry::Restricted(permissions) => (Mode::Deterministic, permissions | Permissions::DETERMINISTIC),
        Entry::Program { mode: Mode::Deterministic, .. } => (Mode::Deterministic, Permissions::DETERMINISTIC),
        Entry::Program { mode, .. } => (mode, Permissions::empty()),
    };
    let (limits, contract) = (&run.params.limits, run.message.contract_address);
    let ticks = i64::try_from(limits.gas_time).unwrap_or(i64::MAX);
    let stack_units = i64::try_from(limits.stack_units).unwrap_or(i64::MAX);
    let child = prepared.package.map(|package| Child {
        main: true,
        mode,
        permissions,
        view: View { state: run.state, overlay: true },
        package,
        message: Arc::new(run.message),
        stdin: prepared.stdin,
        ticks,
        stack_units,
    });
    let mut ram = RamOfModes::new(limits.ram);
    let slots = run.params.profile.rules().ram.locked_slot * prepared.locked.len() as u64;
    let child = match ram.of(mode).keep(slots) {
        Ok(()) => child,
        Err(_) => Err(VmError::OutOf(Resource::Memory)),
    };
    let transaction = Transaction {
        ram,
        storage: Meter::new(limits.gas_storage),
        data: Meter::new(limits.gas_data),
        params: run.params,
        schedule: prepared.schedule,
        engine,
        node,
        role: run.role,
        contract,
        state: run.state,
        patience: prepared.patience,
        moved: Duration::ZERO,
        now: prepared.now,
        datetime: prepared.datetime,
        passed: 0,
        depth: 0,
        locked: prepared.locked,
        overlay: Overlay::default(),
        sent: BigUint::ZERO,
        messages: Vec::new(),
        nondet: Vec::new(),
        next_block: 0,
        disagreed_at: None,
        ticks_nondet: 0,
        diagnostics: Vec::new(),
    };
    (Box::new(transaction), child)
}

fn finish(ran: Ran, limit: i64, message: [u8; 32]) -> (Node, Result<Report, InternalError>) {
    let Ran { transaction, result, fingerprint, ticks, .. } = ran;
    let mut transaction = *transaction;
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => return (transaction.node, Err(error)),
    };
    let (outcome, fingerprint) = match surplus(&transaction) {
        Some(error) => {
            transaction.disagreed_at = None;
            (Outcome::VmError(error), None)
        }
        None => (outcome, fingerprint),
    };
    let returned = matches!(outcome, Outcome::Return(_));
    // A run that failed before its engine did anything has the fingerprint of an empty machine.
    let mut fingerprint =
        fingerprint.or_else(|| (!returned && transaction.params.fingerprints).then(Fingerprint::default));
    if let Some(fingerprint) = &mut fingerprint {
        fingerprint.frames.truncate(transaction.params.limits.frames_listed());
    }
    let result = result_bytes(&outcome, fingerprint.as_ref(), transaction.params.profile);
    let pages = if returned { transaction.overlay.into_pages() } else { Ok(Vec::new()) };
    let (result, pages) = match (result, pages) {
        (Ok(result), Ok(pages)) => (result, pages),
        (Err(error), _) | (_, Err(error)) => return (transaction.node, Err(error)),
    };
    let receipt = Receipt {
        params: transaction.params.digest(),
        message,
        result,
        gas: Gas {
            data: transaction.data.used(),
            storage: transaction.storage.used(),
            time: (limit - ticks).unsigned_abs(),
        },
        storage: pages,
        messages: if returned { transaction.messages } else { Vec::new() },
        nondet: transaction.nondet,
    };
    let report = Report {
        outcome,
        fingerprint,
        receipt,
        ram_peak: transaction.ram.of(Mode::Deterministic).peak(),
        ram_peak_nondet: transaction.ram.of(Mode::NonDeterministic).peak(),
        ticks_nondet: transaction.ticks_nondet,
        diagnostics: transaction.diagnostics,
        disagreed_at: transaction.disagreed_at,
        profile: transaction.params.profile,
    };
    (transaction.node, Ok(report))
}

/// What a leader's results of blocks that the run did not come to make of it, where the profile has a text for them.
fn surplus(transaction: &Transaction) -> Option<VmError> {
    if transaction.params.profile.rules().leader_faults != LeaderFaults::Replaced {
        return None;
    }
    let (Role::Validator { results } | Role::Sync { results }) = &transaction.role else { return None };
    let first = results.get(transaction.next_block as usize)?;
    Some(VmError::LeaderFault(LeaderFault::Extra(ShortHash::of(first))))
}

/// The result of the whole run: code byte ++ calldata.
fn result_bytes(
    outcome: &Outcome,
    fingerprint: Option<&Fingerprint>,
    profile: Profile,
) -> Result<Vec<u8>, InternalError> {
    let message = match outcome {
        Outcome::Return(_) => return outcome.try_to_bytes(),
        Outcome::UserError(text) => Value::Str(room::text(text)?),
        // It was written here.
        Outcome::UserValue(value) => own::try_decode(value)?.unwrap_or(Value::Null),
        Outcome::VmError(error) => Value::Str(profile.text(*error)),
    };
    let failure = Value::Map(Map::from([
        ("fingerprint", fingerprint.map_or(Value::Null, Fingerprint::to_value)),
        ("message", message),
    ]));
    let failure = own::try_encode(&failure)?;
    let mut bytes = room::with(1 + failure.len())?;
    bytes.push(outcome.code());
    bytes.extend_from_slice(&failure);
    Ok(bytes)
}
