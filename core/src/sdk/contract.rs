//! Children in the same mode: sandboxes and called contracts.

use alloc::sync::Arc;

use crate::consensus::message::{EntryKind, Message};
use crate::consensus::permissions::Permissions;
use crate::ids::State;
use crate::outcome::{InternalError, InternalErrorKind, Outcome, VmError};
use crate::run::spawn::Child;
use crate::run::sub_vm::{Guest, View};
use crate::sdk::gl_call::{Given, Granted};
use crate::sdk::request::{CallContract, CalledState, Sandbox};

impl Guest<'_> {
    /// Runs the same contract again. What it wrote, sent or spent stays, however it ends.
    pub(super) fn sandbox(&mut self, sandbox: &Sandbox) -> Granted {
        let permissions = self.vm.permissions.sandbox(sandbox.allow_write_storage, sandbox.allow_send_messages);
        let child = self.same_contract(self.vm.mode, EntryKind::Sandbox, permissions, &sandbox.data, None)?;
        let outcome = self.spawn_within(child, sandbox.gas_time)?;
        Ok(Given::Bytes(self.rules()?.result(&outcome)?))
    }

    /// Calls another contract, which can only read.
    pub(super) fn call_contract(&mut self, call: CallContract) -> Granted {
        self.need(Permissions::DETERMINISTIC | Permissions::CALL_OTHERS)?;
        let outcome = match self.callee(call)? {
            Ok(child) => self.spawn_within(child, None)?,
            Err(error) => Outcome::VmError(error),
        };
        Ok(Given::Bytes(self.rules()?.result(&outcome)?))
    }

    /// The callee, or why there is none at the address.
    fn callee(&mut self, call: CallContract) -> Result<Result<Child, VmError>, InternalError> {
        let (mode, permissions) = (self.vm.mode, self.vm.permissions.call_contract());
        let own_writes = self.rules()?.own_call_sees_writes;
        let transaction = self.vm.transaction_mut()?;
        let view = match call.state {
            CalledState::Default => View { state: transaction.state, overlay: own_writes },
            CalledState::LatestFinal => View { state: State::Finalized, overlay: false },
            CalledState::LatestNonFinal => View { state: State::Accepted, overlay: false },
        };
        let code = transaction.node.host.code(view.state, &call.address).map_err(|source| {
            InternalError::caused_by(InternalErrorKind::Host, "asking the host for a called contract's code", source)
        })?;
        let package = match code.package() {
            Ok(package) => package,
            Err(error) => return Ok(Err(error)),
        };
        let mut message = Message {
            contract_address: call.address,
            value: 0.into(),
            is_init: false,
            ..self.vm.message.with_data(call.calldata)
        };
        message.stack.push(self.vm.message.contract_address);
        let datetime = &self.vm.transaction_ref()?.datetime;
        Ok(Ok(Child {
            main: false,
            mode,
            permissions,
            view,
            package,
            stdin: message.try_to_bytes(EntryKind::Main, datetime, None)?,
            message: Arc::new(message),
            ticks: 0,
            stack_units: 0,
        }))
    }
}
