//! Ends and roles in few words, all from short lists: labels of metrics, fields of events.

use std::error::Error;

use subvm_core::{InternalError, InternalErrorKind, Mode, Outcome, Role, VmError};

/// How something ended: one of four.
pub(super) fn outcome(result: Result<&Outcome, &InternalError>) -> &'static str {
    match result {
        Ok(Outcome::Return(_)) => "return",
        Ok(Outcome::UserError(_) | Outcome::UserValue(_)) => "user_error",
        Ok(Outcome::VmError(_)) => "vm_error",
        Err(_) => "internal_error",
    }
}

/// Why it ended so, without the numbers and texts that guests choose; nothing for a return and a user error.
pub(super) fn reason(result: Result<&Outcome, &InternalError>) -> &'static str {
    match result {
        Ok(Outcome::Return(_) | Outcome::UserError(_) | Outcome::UserValue(_)) => "",
        Ok(Outcome::VmError(error)) => match error {
            VmError::ExitCode(_) => "exit_code",
            VmError::Trap(trap) => trap.text(),
            VmError::OutOf(resource) => resource.text(),
            VmError::InvalidContract(what) => what.text(),
            VmError::ValidatorDisagrees { .. } => "validator_disagrees",
            VmError::AbsentLeaderNondetOutput => "absent_leader_nondet_output",
            VmError::LeaderFault(_) => "leader_fault",
            VmError::MalformedEntry => "malformed_entry",
            VmError::EvmReverted => "evm_reverted",
            VmError::Forbidden => "forbidden",
        },
        Err(error) => kind(error.kind()),
    }
}

/// Whose fault an internal error is, in one word: a label of metrics, and a code for programs.
///
/// ```
/// assert_eq!(subvm_observe::kind(subvm_core::InternalErrorKind::Deadline), "deadline");
/// ```
#[must_use]
pub const fn kind(kind: InternalErrorKind) -> &'static str {
    match kind {
        InternalErrorKind::Deadline => "deadline",
        InternalErrorKind::Host => "host",
        InternalErrorKind::Module => "module",
        InternalErrorKind::Engine => "engine",
        InternalErrorKind::Params => "params",
        InternalErrorKind::Bug => "bug",
        InternalErrorKind::Cancelled => "cancelled",
    }
}

pub(super) fn role(role: &Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Validator { .. } => "validator",
        Role::Sync { .. } => "sync",
    }
}

pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Deterministic => "det",
        Mode::NonDeterministic => "nondet",
    }
}

/// An error and its causes, in one line.
///
/// ```
/// let error = std::io::Error::other("the disk is full");
/// assert_eq!(subvm_observe::chain(&error), "the disk is full");
/// ```
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |error| (**error).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
