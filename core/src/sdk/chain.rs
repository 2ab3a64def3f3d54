//! Messages to the chain, which the receipt carries, and calls of the layer below.

use alloc::vec::Vec;

use num_bigint::BigUint;

use crate::consensus::permissions::Permissions;
use crate::costs::calls::Price;
use crate::host::EthAnswer;
use crate::ids::Address;
use crate::outcome::{End, InternalError, InternalErrorKind, VmError};
use crate::own;
use crate::room;
use crate::run::sub_vm::Guest;
use crate::sdk::Errno;
use crate::sdk::gl_call::{Given, Granted};
use crate::wasi::call::Stop;
use subvm_calldata::{Map, Value};

impl Guest<'_> {
    /// Accepts a message, for which `needs` is needed beside determinism: it goes into the receipt as it came, and the node acts on it when it
    /// applies the receipt.
    pub(super) fn accept(&mut self, needs: Permissions, value: &BigUint, request: Vec<u8>) -> Granted {
        self.need(Permissions::DETERMINISTIC | needs)?;
        // Asked only where it matters: a host call less, and none that could fail, for an event.
        if *value != BigUint::ZERO {
            self.charge_call(Price::Node, 1)?;
            if *value > self.own_balance()? {
                return Err(Stop::Errno(Errno::Inbalance));
            }
        }
        self.charge_carried(request.len() as u64)?;
        let transaction = self.vm.transaction_mut()?;
        room::grow(&mut transaction.messages, 1)?;
        transaction.sent += value;
        transaction.messages.push(request);
        Ok(Given::Nothing)
    }

    /// Calls a contract of the layer below, which cannot change anything.
    pub(super) fn eth_call(&mut self, address: &Address, calldata: &[u8]) -> Granted {
        self.need(Permissions::DETERMINISTIC | Permissions::CALL_OTHERS)?;
        self.charge_call(Price::EthCall, 1)?;
        let (state, ends) = (self.vm.view.state, self.rules()?.eth_failures_end);
        let host = &mut self.vm.transaction_mut()?.node.host;
        let answer = host.eth_call(state, address, calldata).map_err(|source| {
            InternalError::caused_by(InternalErrorKind::Host, "calling a contract of the layer below", source)
        })?;
        let failure = match answer {
            EthAnswer::Returned(_) => None,
            EthAnswer::Reverted(_) => Some(VmError::EvmReverted),
            EthAnswer::Refused => Some(VmError::Forbidden),
        };
        if let Some(error) = failure.filter(|_| ends) {
            return Err(End::from(error).into());
        }
        Ok(Given::Bytes(own::try_encode(&match answer {
            EthAnswer::Returned(bytes) => Value::Bytes(bytes),
            EthAnswer::Reverted(bytes) => Value::Map(Map::from([("revert", Value::Bytes(bytes))])),
            EthAnswer::Refused => Value::Map(Map::from([("refused", Value::Null)])),
        })?))
    }
}
