//! Before anything runs: which parameters can be held to, and what the node knows of the transaction.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::consensus::message::{EntryKind, datetime, grouped_datetime};
use crate::consensus::package::Package;
use crate::consensus::params::Params;
use crate::consensus::params::{LOWERING_VERSION, SCHEDULE_VERSION};
use crate::costs;
use crate::host::{Node, Patience};
use crate::ids::SlotId;
use crate::outcome::{InternalError, InternalErrorKind, VmError};

use crate::consensus::input::{Entry, Run};

/// What is asked of the node before anything runs.
pub(super) struct Prepared {
    pub(super) package: Result<Arc<Package>, VmError>,
    pub(super) locked: Vec<SlotId>,
    pub(super) now: u64,
    pub(super) datetime: String,
    pub(super) stdin: Arc<[u8]>,
    pub(super) patience: Patience,
}

/// Asks the node for what the run needs.
///
/// # Errors
/// Where the parameters cannot be held to, the run is called off already, or the node fails.
pub(super) fn prepare(node: &mut Node, run: &Run) -> Result<Prepared, InternalError> {
    check(&run.params)?;
    let patience = Patience { deadline: None, cancel: run.cancel.clone() };
    patience.called_off()?;
    let failed = |what| move |source| InternalError::caused_by(InternalErrorKind::Host, what, source);
    let contract = &run.message.contract_address;
    let code = node.host.code(run.state, contract).map_err(failed("asking the host for the contract's code"))?;
    let locked = node.host.locked_slots(contract).map_err(failed("asking the host for the contract's locked slots"))?;
    let now = node.clock.transaction_time();
    let grouped = run.params.profile.rules().grouped_fractions;
    let datetime = if grouped { grouped_datetime(now) } else { datetime(now) };
    let stdin = match &run.entry {
        Entry::Program { stdin: Some(stdin), .. } => Arc::clone(stdin),
        _ => run.message.to_bytes(EntryKind::Main, &datetime, None).into(),
    };
    let deadline = run.deadline.map(|allowed| node.clock.elapsed().saturating_add(allowed));
    let patience = Patience { deadline, ..patience };
    Ok(Prepared { package: code.package(), locked, now, datetime, stdin, patience })
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
