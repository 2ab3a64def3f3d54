//! Before anything runs: which parameters can be held to, and what the node knows of the transaction.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::consensus::message::{EntryKind, datetime, grouped_datetime};
use crate::consensus::package::Package;
use crate::consensus::params::Params;
use crate::costs::instructions::Schedule;
use crate::host::{Node, Patience};
use crate::ids::SlotId;
use crate::outcome::{InternalError, InternalErrorKind, VmError};
use crate::room;

use crate::consensus::input::{Entry, Run};

/// What is asked of the node before anything runs.
pub(super) struct Prepared {
    pub(super) schedule: &'static Schedule,
    pub(super) package: Result<Arc<Package>, VmError>,
    pub(super) locked: Vec<SlotId>,
    pub(super) now: u64,
    pub(super) datetime: String,
    pub(super) stdin: Vec<u8>,
    pub(super) patience: Patience,
}

/// Asks the node for what the run needs.
///
/// # Errors
/// Where the parameters cannot be held to, the run is called off already, or the node fails.
pub(super) fn prepare(node: &mut Node, run: &Run) -> Result<Prepared, InternalError> {
    let schedule = check(&run.params)?;
    let patience = Patience { deadline: None, cancel: run.cancel.clone() };
    patience.called_off()?;
    let failed = |what| move |source| InternalError::caused_by(InternalErrorKind::Host, what, source);
    let contract = &run.message.contract_address;
    let rules = run.params.profile.rules();
    let is_contract = matches!(run.entry, Entry::Contract | Entry::Restricted(_));
    let package = if rules.calls_by_convention && is_contract && !run.message.try_is_call()? {
        Err(VmError::MalformedEntry)
    } else {
        let code = node.host.code(run.state, contract).map_err(failed("asking the host for the contract's code"))?;
        code.package()
    };
    let locked = node.host.locked_slots(contract).map_err(failed("asking the host for the contract's locked slots"))?;
    let now = node.clock.transaction_time();
    let datetime = if rules.grouped_fractions { grouped_datetime(now) } else { datetime(now) };
    let stdin = match &run.entry {
        Entry::Program { stdin: Some(stdin), .. } => room::copy(stdin)?,
        _ => run.message.try_to_bytes(EntryKind::Main, &datetime, None)?,
    };
    let deadline = run.deadline.map(|allowed| node.clock.elapsed().saturating_add(allowed));
    let patience = Patience { deadline, ..patience };
    Ok(Prepared { schedule, package, locked, now, datetime, stdin, patience })
}

/// The prices of a run. What no run can be held to is refused before anything runs.
fn check(params: &Params) -> Result<&'static Schedule, InternalError> {
    let refused = |what| InternalError::new(InternalErrorKind::Params, what);
    params.supported().map_err(refused)?;
    Schedule::of(params.schedule)
        .ok_or_else(|| refused("parameters ask for a schedule that this release has not".into()))
}
