//! One run.

use std::sync::Arc;
use std::time::Duration;

use subvm_core::host::{Observer, State};
use subvm_core::{Engine, Entry, Mode, Proposal, Receipt, Report, Role, Run};

use crate::border::{Sized_, argument, borrowed, guard, put, sized, slice};
use crate::caller::{Place, on_another_thread};
use crate::cancel::subvm_cancel_t;
use crate::engine::subvm_engine_t;
use crate::error::subvm_error_t;
use crate::log::logged;
use crate::node::{SUBVM_STATE_ACCEPTED, SUBVM_STATE_FINALIZED, subvm_node_t};
use crate::observer::{observer, subvm_observer_t};
use crate::recording::subvm_recording_t;
use crate::report::subvm_report_t;
use crate::{message, params, parts, subvm_bytes_t};

/// Runs non-deterministic blocks and proposes their results.
pub const SUBVM_ROLE_LEADER: u32 = 0;
/// Checks the results that a leader proposed.
pub const SUBVM_ROLE_VALIDATOR: u32 = 1;
/// Takes the leader's results on trust: a node that catches up.
pub const SUBVM_ROLE_SYNC: u32 = 2;

/// The contract at the message's address runs, with all permissions: a transaction.
pub const SUBVM_ENTRY_CONTRACT: u32 = 0;
/// A plain program runs, deterministic: the package at the message's address.
pub const SUBVM_ENTRY_PROGRAM: u32 = 1;
/// A plain program runs, non-deterministic: the package at the message's address.
pub const SUBVM_ENTRY_PROGRAM_NONDET: u32 = 2;

/// Callbacks are called wherever the run is: on stacks of the engine's own (with 2 MiB of room) and, for sub-VMs within sub-VMs, on threads of its
/// own; one at a time. For C and its like: it costs nothing.
pub const SUBVM_CALLBACKS_ANYWHERE: u32 = 0;
/// Callbacks are called on the thread that called subvm_run, on its own stack; the run is on another thread meanwhile. For languages whose run times
/// look at stacks, as Go's: each callback costs two changes of threads, 6 microseconds of processor time.
pub const SUBVM_CALLBACKS_ON_CALLER: u32 = 1;

/// One transaction to run.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_run_t {
    /// sizeof(subvm_run_t).
    pub size: usize,
    /// The canonical bytes of the message: subvm_message_encode.
    pub message: subvm_bytes_t,
    /// The canonical bytes of the consensus parameters: subvm_params_encode.
    pub params: subvm_bytes_t,
    /// SUBVM_ENTRY_CONTRACT or another.
    pub entry: u32,
    /// SUBVM_ROLE_LEADER or another.
    pub role: u32,
    /// For a validator, the leader's proposal; for a node that catches up, the leader's receipt; for a leader, nothing.
    pub leader: subvm_bytes_t,
    /// The state that the run reads: SUBVM_STATE_ACCEPTED or SUBVM_STATE_FINALIZED.
    pub state: u32,
    /// SUBVM_CALLBACKS_ANYWHERE or SUBVM_CALLBACKS_ON_CALLER.
    pub callbacks: u32,
    /// For a program, what is on its standard input; NULL: the message. For a contract it is not looked at.
    pub program_input: *const subvm_bytes_t,
    /// Nanoseconds, by the clock's elapsed time, that the run may take; longer is SUBVM_ERROR_DEADLINE. 0: for ever.
    pub deadline_nanos: u64,
    /// What calls the run off; NULL: nothing does.
    pub cancel: *const subvm_cancel_t,
}

impl Sized_ for subvm_run_t {
    const NAME: &'static str = "subvm_run_t";
}

/// # Safety
/// The pointers in `run` are as the header says.
unsafe fn taken(run: &subvm_run_t) -> Result<Run, subvm_error_t> {
    // SAFETY: in all of these, as the caller promises.
    let (message, params, leader, input, cancel) = unsafe {
        let input = run.program_input.as_ref().map(|input| slice(*input, "run.program_input")).transpose()?;
        let leader = slice(run.leader, "run.leader")?;
        (slice(run.message, "run.message")?, slice(run.params, "run.params")?, leader, input, run.cancel.as_ref())
    };
    let program = |mode| Entry::Program { mode, stdin: input.map(Arc::from) };
    Ok(Run {
        message: message::decoded(message)?,
        entry: match run.entry {
            SUBVM_ENTRY_CONTRACT => Entry::Contract,
            SUBVM_ENTRY_PROGRAM => program(Mode::Deterministic),
            SUBVM_ENTRY_PROGRAM_NONDET => program(Mode::NonDeterministic),
            other => return Err(argument(format!("run.entry is {other}: no SUBVM_ENTRY_*"))),
        },
        role: match run.role {
            SUBVM_ROLE_LEADER if leader.is_empty() => Role::Leader,
            SUBVM_ROLE_LEADER => return Err(argument("run.leader is there, and run.role is SUBVM_ROLE_LEADER")),
            SUBVM_ROLE_VALIDATOR => {
                let proposal = Proposal::from_bytes(leader);
                proposal.map_err(|error| subvm_error_t::format("run.leader", &error))?.validator()
            }
            SUBVM_ROLE_SYNC => {
                let receipt = Receipt::from_bytes(leader);
                let receipt = receipt.map_err(|error| subvm_error_t::format("run.leader", &error))?;
                Role::Sync { results: receipt.nondet }
            }
            other => return Err(argument(format!("run.role is {other}: no SUBVM_ROLE_*"))),
        },
        params: Arc::new(params::decoded(params)?),
        state: match run.state {
            SUBVM_STATE_ACCEPTED => State::Accepted,
            SUBVM_STATE_FINALIZED => State::Finalized,
            other => return Err(argument(format!("run.state is {other}: no SUBVM_STATE_*"))),
        },
        deadline: (run.deadline_nanos != 0).then(|| Duration::from_nanos(run.deadline_nanos)),
        cancel: cancel.map(|cancel| cancel.0.clone()),
    })
}

/// What looks on while a transaction runs. It changes no receipt.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_watch_t {
    /// sizeof(subvm_watch_t).
    pub size: usize,
    /// What records the run, and had none yet; NULL: nothing does.
    pub recording: *const subvm_recording_t,
    /// Who is told of the run while it passes by; NULL: nobody is.
    pub observer: *const subvm_observer_t,
}

impl Sized_ for subvm_watch_t {
    const NAME: &'static str = "subvm_watch_t";
}

/// What goes to the thread of the run: pointers only.
#[derive(Clone, Copy)]
struct Borrowed {
    node: *const subvm_node_t,
    watch: Option<subvm_watch_t>,
}

// SAFETY: who calls `subvm_run` waits for the thread, and leaves the node alone meanwhile.
unsafe impl Send for Borrowed {}

/// # Safety
/// As for [`parts::node`].
unsafe fn run(engine: Arc<dyn Engine>, lent: Borrowed, run: Run, place: &Place) -> Result<Report, subvm_error_t> {
    // SAFETY: as the caller promises.
    let mut node = unsafe { parts::node(lent.node, place)? };
    if let Some(watch) = lent.watch {
        // SAFETY: as the caller promises.
        let observer = unsafe { observer(watch.observer, place)? };
        node.observer = observer.map(|observer| Box::new(observer) as Box<dyn Observer>);
    }
    let node = logged(node);
    let act = |node| subvm_core::run(engine, node, run);
    // SAFETY: as the caller promises.
    let report = match lent.watch.and_then(|watch| unsafe { watch.recording.as_ref() }) {
        Some(recording) => recording.around(node, act)?,
        None => act(node).1,
    };
    Ok(report?)
}

/// # Safety
/// As for the function of C.
unsafe fn begin(
    engine: *const subvm_engine_t,
    lent: Borrowed,
    transaction: *const subvm_run_t,
    report: *mut *mut subvm_report_t,
) -> Result<(), subvm_error_t> {
    // SAFETY: by the rules for pointers.
    let (engine, asked) = unsafe { (borrowed(engine, "engine")?.engine(), sized(transaction)?) };
    if report.is_null() {
        return Err(argument("report is NULL"));
    }
    // SAFETY: by the rules for pointers.
    let transaction = unsafe { taken(&asked)? };
    let done = match asked.callbacks {
        // SAFETY: by the rules for pointers.
        SUBVM_CALLBACKS_ANYWHERE => unsafe { run(engine, lent, transaction, &Place::Anywhere)? },
        SUBVM_CALLBACKS_ON_CALLER => on_another_thread(move |place| {
            let lent = lent;
            // SAFETY: by the rules for pointers.
            unsafe { run(engine, lent, transaction, &place) }
        })??,
        other => return Err(argument(format!("run.callbacks is {other}: no SUBVM_CALLBACKS_*"))),
    };
    let done = Box::into_raw(Box::new(subvm_report_t::new(done)));
    // SAFETY: by the rules for pointers.
    unsafe { put(report, "report", done) }
}

/// Runs a transaction to its end on the thread that calls; any number of threads may. `report` is set where there is one, which subvm_report_free
/// frees: a run that failed by the contract's fault has one, too. Nothing happens to any state: what the run wrote and sent stands in the receipt.
///
/// An error from SUBVM_ERROR_DEADLINE on says that this node cannot say what the transaction comes to: it votes *timeout*. Another one says that the
/// run did not begin.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_run(
    engine: *const subvm_engine_t,
    node: *const subvm_node_t,
    transaction: *const subvm_run_t,
    report: *mut *mut subvm_report_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        unsafe { begin(engine, Borrowed { node, watch: None }, transaction, report) }
    })
}

/// As subvm_run, and something looks on: the receipt is the same. A recording has the run, and is ended, also where the run ends with an error from
/// SUBVM_ERROR_DEADLINE on; where the run did not begin, it is as it was. An observer is told of the run on the way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_run_watched(
    engine: *const subvm_engine_t,
    node: *const subvm_node_t,
    transaction: *const subvm_run_t,
    watch: *const subvm_watch_t,
    report: *mut *mut subvm_report_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        unsafe { begin(engine, Borrowed { node, watch: Some(sized(watch)?) }, transaction, report) }
    })
}
