//! One transaction, from its message to its receipt.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use num_bigint::BigUint;

use crate::calldata::{Map, Value};
use crate::costs;
use crate::fingerprint::Fingerprint;
use crate::host::{Event, Node, State};
use crate::message::{EntryKind, Message, datetime};
use crate::overlay::Overlay;
use crate::own;
use crate::params::{LOWERING_VERSION, SCHEDULE_VERSION};
use crate::permissions::Permissions;
use crate::receipt::{self, Difference, Gas, Receipt, Vote};
use crate::spawn::{Child, Ran, run_child};
use crate::sub_vm::View;
use crate::transaction::{RamOfModes, Role, Transaction};
use crate::{Engine, InternalError, InternalErrorKind, Meter, Mode, Outcome, Package, Params, SlotId, VmError};

/// What runs.
///
/// ```
/// use subvm_core::{Entry, Mode};
/// let program = Entry::Program { mode: Mode::Deterministic, stdin: Some(b"1 2 3"[..].into()) };
/// assert_ne!(program, Entry::Contract);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The contract at the message's address, deterministic, with all permissions.
    Contract,
    /// A plain program, without permissions beyond its mode: the package at the message's address, with this on its standard input
    /// (nothing: the extended message).
    Program {
        /// Its mode.
        mode: Mode,
        /// Descriptor 0.
        stdin: Option<Arc<[u8]>>,
    },
}

/// One transaction to run.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use subvm_core::{Entry, Message, Params, Role, Run, host::State};
/// let leader = Run {
///     message: Message::default(),
///     entry: Entry::Contract,
///     role: Role::Leader,
///     params: Arc::new(Params::default()),
///     state: State::Accepted,
///     deadline: Some(Duration::from_secs(10)),
/// };
/// let validator = Run { role: Role::Validator { results: vec![vec![0, 0]] }, ..leader };
/// # assert_eq!(validator.entry, Entry::Contract);
/// ```
#[derive(Clone, Debug)]
pub struct Run {
    /// The message.
    pub message: Message,
    /// What runs.
    pub entry: Entry,
    /// The part that this node plays.
    pub role: Role,
    /// The consensus parameters.
    pub params: Arc<Params>,
    /// The state that the run reads.
    pub state: State,
    /// How long the run may take, by the clock's elapsed time. Longer is an internal error.
    pub deadline: Option<Duration>,
}

/// What a run came to: the receipt, and beside it what is no part of it.
///
/// ```
/// use subvm_core::{Outcome, Resource, VmError};
/// use subvm_host_mock::{MemoryHost, play};
/// let report = play(&MemoryHost::new(), |machine| machine.work(i64::MAX));
/// assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasTime)));
/// assert!(report.fingerprint.is_some() && !report.receipt.returned());
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    /// How the main sub-VM ended.
    pub outcome: Outcome,
    /// The machine at a failure, where the parameters ask for it.
    pub fingerprint: Option<Fingerprint>,
    /// What is voted on.
    pub receipt: Receipt,
    /// The most RAM that deterministic sub-VMs held, in octets.
    pub ram_peak: u64,
    /// The most RAM that non-deterministic sub-VMs held, in octets.
    pub ram_peak_nondet: u64,
    /// Time gas that non-deterministic sub-VMs used, in ticks.
    pub ticks_nondet: u64,
    /// What people should know: why a module was refused, which option helps.
    pub diagnostics: Vec<String>,
    disagreed_at: Option<u32>,
}

impl Report {
    /// This node's vote on the leader's receipt.
    ///
    /// ```
    /// use subvm_core::Vote;
    /// use subvm_host_mock::{MemoryHost, play};
    /// let contract = |fee| play(&MemoryHost::new(), move |machine| machine.end_with("Return", fee));
    /// let (own, same, other) = (contract(1), contract(1), contract(2));
    /// assert_eq!(own.vote(&same.receipt), Vote::Agree);
    /// assert_eq!(own.vote(&other.receipt).to_string(), "disagree at result");
    /// ```
    #[must_use]
    pub fn vote(&self, leader: &Receipt) -> Vote {
        match (self.disagreed_at, receipt::vote(Ok(&self.receipt), leader)) {
            // Whatever the leader says its receipt is: it may have foreseen this one.
            (Some(call), Vote::Agree | Vote::Disagree(_)) => {
                Vote::Disagree(Difference { field: "nondet", call: Some(call) })
            }
            (_, vote) => vote,
        }
    }
}

/// Runs one transaction and hands the node back, however it ends.
///
/// The engine here is the least that one can be; the node (not shown) is that of [`host`](crate::host).
///
/// ```
/// # use std::time::Duration;
/// # use subvm_core::host::{Clock, Code, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream};
/// # use subvm_core::{Address, SlotId};
/// #
/// # /// A node that has nothing.
/// # struct Nothing;
/// #
/// # impl Storage for Nothing {
/// #     fn read(&mut self, _: State, _: &Address, _: &SlotId, _: u32, into: &mut [u8]) -> Result<(), HostError> {
/// #         into.fill(0);
/// #         Ok(())
/// #     }
/// # }
/// #
/// # impl Clock for Nothing {
/// #     fn transaction_time(&self) -> u64 {
/// #         1_704_067_200_000_000_000
/// #     }
/// #     fn elapsed(&self) -> Duration {
/// #         Duration::ZERO
/// #     }
/// # }
/// #
/// # impl Rng for Nothing {
/// #     fn fill(&mut self, _: &mut [u8]) -> Result<(), HostError> {
/// #         Err("there is no generator".into())
/// #     }
/// # }
/// #
/// # impl Host for Nothing {
/// #     fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
/// #         Ok([0; 32])
/// #     }
/// #     fn code(&mut self, _: State, _: &Address) -> Result<Code, HostError> {
/// #         Ok(Code::Nothing)
/// #     }
/// #     fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
/// #         Ok(Vec::new())
/// #     }
/// #     fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<Vec<u8>, HostError> {
/// #         Err("there is no layer below".into())
/// #     }
/// #     fn output(&mut self, _: Stream, _: &[u8]) {}
/// # }
/// #
/// # impl Modules for Nothing {
/// #     fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
/// #         Err("there are no modules".into())
/// #     }
/// #     fn wait(&mut self, _: RequestId, _: Duration) -> Result<Progress, HostError> {
/// #         Err("nothing was started".into())
/// #     }
/// #     fn cancel(&mut self, _: RequestId) {}
/// # }
/// #
/// # impl Nothing {
/// #     fn node() -> Node {
/// #         Node {
/// #             storage: Box::new(Nothing),
/// #             clock: Box::new(Nothing),
/// #             rng: Box::new(Nothing),
/// #             host: Box::new(Nothing),
/// #             modules: Box::new(Nothing),
/// #             observer: None,
/// #         }
/// #     }
/// # }
///
/// use std::sync::Arc;
/// use subvm_core::{
///     Engine, Entry, Finished, Invalid, Message, Outcome, Params, Role, Run, SubVm, VmError, run,
/// };
///
/// /// An engine whose guests all return null.
/// struct Idle;
///
/// impl Engine for Idle {
///     fn run(&self, mut vm: Box<SubVm>) -> Finished {
///         let result = vm.conclude(Ok(Outcome::null()));
///         Finished { vm, result, fingerprint: None }
///     }
/// }
///
/// let transaction = Run {
///     message: Message::default(),
///     entry: Entry::Contract,
///     role: Role::Leader,
///     params: Arc::new(Params::default()),
///     state: State::Accepted,
///     deadline: None,
/// };
/// let (node, report) = run(Arc::new(Idle), Nothing::node(), transaction);
/// // There is no contract at the message's address: a result like any other, which all nodes agree on.
/// let report = report?;
/// assert_eq!(report.outcome, Outcome::VmError(VmError::InvalidContract(Invalid::Package)));
/// assert_eq!(report.vote(&report.receipt), subvm_core::Vote::Agree);
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
            Ran { transaction, result, fingerprint: None, ticks: 0, root_hidden: false }
        }
    };
    if ran.root_hidden && matches!(ran.result, Ok(Outcome::VmError(VmError::ExitCode(71)))) {
        ran.transaction.diagnostics.push(HIDDEN_ROOT.to_string());
    }
    finish(ran, limit, message_digest)
}

const HIDDEN_ROOT: &str = "the program ended with exit code 71 after fd_prestat_get answered Notsup: its libc looks for a preopened directory; \
    announce the root (announce_root, `--announce-root true`) or keep it from opening files";

/// What is asked of the node before anything runs.
struct Prepared {
    package: Result<Arc<Package>, VmError>,
    locked: Vec<SlotId>,
    now: u64,
    datetime: String,
    stdin: Arc<[u8]>,
    deadline: Option<Duration>,
}

fn prepare(node: &mut Node, run: &Run) -> Result<Prepared, InternalError> {
    check(&run.params)?;
    let failed = |what| move |source| InternalError::caused_by(InternalErrorKind::Host, what, source);
    let contract = &run.message.contract_address;
    let code = node.host.code(run.state, contract).map_err(failed("asking the host for the contract's code"))?;
    let locked = node.host.locked_slots(contract).map_err(failed("asking the host for the contract's locked slots"))?;
    let now = node.clock.transaction_time();
    let datetime = datetime(now);
    let stdin = match &run.entry {
        Entry::Program { stdin: Some(stdin), .. } => Arc::clone(stdin),
        _ => run.message.to_octets(EntryKind::Main, &datetime, None).into(),
    };
    let deadline = run.deadline.map(|allowed| node.clock.elapsed().saturating_add(allowed));
    Ok(Prepared { package: code.package(), locked, now, datetime, stdin, deadline })
}

/// What no run can be held to is refused before anything runs.
fn check(params: &Params) -> Result<(), InternalError> {
    let refused = |what: String| Err(InternalError::new(InternalErrorKind::Params, what));
    let Params { schedule, lowering, limits, .. } = params;
    if (*schedule, *lowering) != (SCHEDULE_VERSION, LOWERING_VERSION) {
        return refused(alloc::format!(
            "parameters ask for schedule {schedule} and lowering {lowering}; this release has {SCHEDULE_VERSION} and {LOWERING_VERSION}"
        ));
    }
    if limits.gas_time.max(limits.gas_time_nondet) > i64::MAX as u64 {
        return refused("parameters allow more time gas than 2^63 - 1 ticks".into());
    }
    if limits.stack_units > costs::STACK_UNITS {
        let most = costs::STACK_UNITS;
        return refused(alloc::format!(
            "parameters allow more than {most} stack units, for which no native stack is reserved"
        ));
    }
    if limits.depth > costs::DEPTH {
        let most = costs::DEPTH;
        return refused(alloc::format!(
            "parameters allow more than {most} nested sub-VMs, for which no addresses are there"
        ));
    }
    if limits.nondet_result < costs::NONDET_RESULT_LEAST {
        return refused("parameters allow no result that stands for one that is too large".into());
    }
    Ok(())
}

fn begin(
    engine: Arc<dyn Engine>,
    node: Node,
    run: Run,
    prepared: Prepared,
) -> (Box<Transaction>, Result<Child, VmError>) {
    let (mode, permissions) = match run.entry {
        Entry::Contract => (Mode::Deterministic, Permissions::all()),
        Entry::Program { mode: Mode::Deterministic, .. } => (Mode::Deterministic, Permissions::DETERMINISTIC),
        Entry::Program { mode, .. } => (mode, Permissions::empty()),
    };
    let limits = &run.params.limits;
    let ticks = i64::try_from(limits.gas_time).unwrap_or(i64::MAX);
    let stack_units = i64::try_from(limits.stack_units).unwrap_or(i64::MAX);
    let child = prepared.package.map(|package| Child {
        main: true,
        mode,
        permissions,
        view: View { state: run.state, overlay: true },
        package,
        message: Arc::new(run.message.clone()),
        stdin: prepared.stdin,
        ticks,
        stack_units,
    });
    let transaction = Transaction {
        ram: RamOfModes::new(limits.ram),
        storage: Meter::new(limits.gas_storage),
        data: Meter::new(limits.gas_data),
        params: run.params,
        engine,
        node,
        role: run.role,
        contract: run.message.contract_address,
        state: run.state,
        deadline: prepared.deadline,
        now: prepared.now,
        datetime: prepared.datetime,
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
    let returned = matches!(outcome, Outcome::Return(_));
    // A run that failed before its engine did anything has the fingerprint of an empty machine.
    let fingerprint = fingerprint.or_else(|| (!returned && transaction.params.fingerprints).then(Fingerprint::default));
    let receipt = Receipt {
        params: transaction.params.digest(),
        message,
        result: result_octets(&outcome, fingerprint.as_ref()),
        gas: Gas {
            data: transaction.data.used(),
            storage: transaction.storage.used(),
            time: (limit - ticks).unsigned_abs(),
        },
        storage: if returned { transaction.overlay.into_pages() } else { Vec::new() },
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
    };
    (transaction.node, Ok(report))
}

/// The result of the whole run: code octet ++ calldata.
fn result_octets(outcome: &Outcome, fingerprint: Option<&Fingerprint>) -> Vec<u8> {
    let text = match outcome {
        Outcome::Return(_) => return outcome.to_octets(),
        Outcome::UserError(text) => text.clone(),
        Outcome::VmError(error) => error.to_string(),
    };
    let failure = Value::Map(Map::from([
        ("fingerprint", fingerprint.map_or(Value::Null, Fingerprint::to_value)),
        ("message", Value::Str(text)),
    ]));
    let mut octets = alloc::vec![outcome.code()];
    octets.extend_from_slice(&own::encode(&failure));
    octets
}
