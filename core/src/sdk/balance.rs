//! `get_balance`, `get_self_balance`.

use num_bigint::BigUint;

use crate::consensus::permissions::Permissions;
use crate::consensus::profile::Balances;
use crate::ids::Address;
use crate::outcome::{InternalError, InternalErrorKind};
use crate::run::sub_vm::Guest;
use crate::sdk::{Answer, array};
use crate::wasi::mem::Place;

const NEEDS: Permissions = Permissions::DETERMINISTIC.union(Permissions::READ_STORAGE);

/// Writes the balance of the account at `address`, 256 bits, little-endian.
///
/// # Errors
/// `forbidden` without `DETERMINISTIC` and `READ_STORAGE`, unless the profile lets anybody ask.
pub(super) fn get_balance(guest: &mut Guest<'_>, address: u32, result: u32) -> Answer {
    if guest.rules()?.balances == Balances::Readers {
        guest.need(NEEDS)?;
    }
    let address = Address(array(guest.mem, address)?);
    let place = Place::<32>::check(guest.mem, result, 1)?;
    let state = guest.vm.view.state;
    let host = &mut guest.vm.transaction_mut()?.node.host;
    place.put(guest.mem, host.balance(state, &address).map_err(asking)?);
    Ok(())
}

/// Writes the contract's own balance, less what this run has sent.
///
/// # Errors
/// `forbidden` without `DETERMINISTIC`, and without `READ_STORAGE` where the profile asks for that.
pub(super) fn get_self_balance(guest: &mut Guest<'_>, result: u32) -> Answer {
    guest.need(match guest.rules()?.balances {
        Balances::Readers => NEEDS,
        Balances::Anybody => Permissions::DETERMINISTIC,
    })?;
    let place = Place::<32>::check(guest.mem, result, 1)?;
    let balance = guest.own_balance()?.to_bytes_le();
    let mut bytes = [0; 32];
    // A balance has at most 32 bytes, and nothing is ever added to it.
    bytes.iter_mut().zip(balance).for_each(|(byte, digit)| *byte = digit);
    place.put(guest.mem, bytes);
    Ok(())
}

impl Guest<'_> {
    /// What the contract that runs may still send.
    pub(super) fn own_balance(&mut self) -> Result<BigUint, InternalError> {
        let address = self.vm.message.contract_address;
        let view = self.vm.view;
        let transaction = self.vm.transaction_mut()?;
        let balance = BigUint::from_bytes_le(&transaction.node.host.balance(view.state, &address).map_err(asking)?);
        if !view.overlay || address != transaction.contract {
            return Ok(balance);
        }
        // Never more was sent than was there; a host that changes its mind must not make this panic.
        Ok(if balance >= transaction.sent { balance - &transaction.sent } else { BigUint::ZERO })
    }
}

fn asking(source: crate::outcome::HostError) -> InternalError {
    InternalError::caused_by(InternalErrorKind::Host, "asking the host for a balance", source)
}
