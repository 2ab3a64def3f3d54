//! `proc_*`.

use crate::outcome::End;
use crate::outcome::{Outcome, VmError};
use crate::wasi::Done;
use crate::wasi::call::Cx;

/// Does nothing: there is nobody to yield to.
pub(super) fn sched_yield(_: &mut Cx<'_>) -> Done {
    Ok(())
}

/// Ends the sub-VM: with `Return(null)` for 0, else with `exit_code`, the code as i32.
pub(super) fn proc_exit(_: &mut Cx<'_>, rval: u32) -> Done {
    let outcome = match rval.cast_signed() {
        0 => Outcome::null(),
        code => Outcome::VmError(VmError::ExitCode(code)),
    };
    Err(End::from(outcome).into())
}
