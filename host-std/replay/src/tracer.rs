//! From what an observer sees to records: the same for who records and for who replays.

use subvm_core::costs::instructions::Schedule;
use subvm_core::host::{Call, Event};
use subvm_core::{InternalError, Outcome, Report};

use crate::format::function::Function;
use crate::format::record::{Begins, Ends, Enters, Exits, Record, RunEnds};
use crate::format::sample::Sample;

/// The prices of a run, by their version. A run of a version that this release has not makes no call.
pub(crate) fn prices(version: u32) -> &'static Schedule {
    Schedule::of(version).unwrap_or(&Schedule::V1)
}

/// The record of a call that begins; nothing for a function that no recording knows.
pub(crate) fn enters(call: &Call<'_>, mem: &[u8], ticks: i64, prices: &Schedule) -> Option<Record> {
    let function = Function::of(call)?;
    let given = function.given(call.args, mem, ticks, prices);
    Some(Record::Enters(Enters { function, ticks, args: Enters::args_of(call.args), given }))
}

/// The record of a call that ends.
pub(crate) fn exits(call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64) -> Option<Record> {
    let function = Function::of(call)?;
    let moved = if errno == Some(0) { function.moved(call.args, mem) } else { None };
    Some(Record::Exits(Exits { errno, ticks, moved }))
}

/// The record of a sub-VM that begins or ends.
pub(crate) fn sub_vm(event: &Event<'_>) -> Option<Record> {
    Some(match *event {
        Event::SubVmBegins { mode, contract, permissions, ticks, .. } => {
            Record::Begins(Begins { mode, contract: *contract, permissions, ticks })
        }
        Event::SubVmEnds { result, ticks, .. } => {
            let result = result.map(|outcome| Sample::of(&Outcome::to_bytes(outcome))).map_err(InternalError::kind);
            Record::Ends(Ends { result, ticks })
        }
        _ => return None,
    })
}

/// The record of the end of a run.
pub(crate) fn run_ends(result: Result<&Report, &InternalError>) -> RunEnds {
    RunEnds(result.map(|report| report.receipt.digest()).map_err(|error| (error.kind(), text(error))))
}

/// What an error says, with its causes.
pub(crate) fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += ": ";
        text += &error.to_string();
        cause = error.source();
    }
    text
}
