//! `proc_exit`.

use subvm_core::{Outcome, VmError};

use crate::support::Guest;

#[test]
fn proc_exit_0_returns_null() {
    assert_eq!(Guest::new().call("proc_exit", &[0]), Err(Outcome::Return(vec![0])));
}

#[test]
fn proc_exit_of_another_code_is_a_vm_error_with_the_code_as_i32() {
    for (code, number) in [(1, 1), (71, 71), (0x7FFF_FFFF, i32::MAX), (0x8000_0000, i32::MIN), (0xFFFF_FFFF, -1)] {
        let error = VmError::ExitCode(number);
        assert_eq!(Guest::new().call("proc_exit", &[code]), Err(Outcome::VmError(error)));
        assert_eq!(error.to_string(), format!("exit_code {number}"));
    }
}
