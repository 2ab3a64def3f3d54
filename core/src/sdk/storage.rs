//! `storage_read`, `storage_write`.

use crate::consensus::page::{self, BYTES as PAGE};
use crate::consensus::permissions::Permissions;
use crate::ids::{Mode, SlotId};
use crate::outcome::{InternalError, InternalErrorKind, Resource};
use crate::run::sub_vm::{Guest, SubVm, View, absent};
use crate::run::transaction::Transaction;
use crate::sdk::{Answer, Errno, array};
use crate::wasi::call::Stop;
use crate::wasi::mem;

/// Reads `len` bytes of a slot from byte `index` into `buf`.
///
/// # Errors
/// `inval` for a range beyond 2^32; `forbidden` without `DETERMINISTIC` and `READ_STORAGE`, unless the profile lets blocks read.
pub(super) fn storage_read(guest: &mut Guest<'_>, slot: u32, index: u32, buf: u32, len: u32) -> Answer {
    check_range(index, len)?;
    // What a block may read it may not write: its parent's storage, as it stands when the block runs.
    let in_block = guest.vm.mode == Mode::NonDeterministic;
    if !(in_block && guest.vm.transaction_ref()?.params.profile.rules().nondet_reads) {
        guest.need(Permissions::DETERMINISTIC | Permissions::READ_STORAGE)?;
    }
    guest.charge_storage(len)?;
    let slot = SlotId(array(guest.mem, slot)?);
    let buffer = mem::range(guest.mem, buf, len)?;
    let bytes = mem::bytes_mut(guest.mem, buffer);
    let SubVm { view: View { state, overlay }, message, transaction, .. } = &mut *guest.vm;
    let contract = &message.contract_address;
    let transaction = transaction.as_deref_mut().ok_or_else(absent)?;
    transaction.node.storage.read(*state, contract, &slot, index, bytes).map_err(reading)?;
    if *overlay && *contract == transaction.contract {
        transaction.overlay.read_over(slot, index, bytes);
    }
    Ok(())
}

/// Writes `len` bytes from `buf` to a slot at byte `index`. Nothing reaches the node: the pages come out in the receipt.
///
/// # Errors
/// `inval` for a range beyond 2^32; `forbidden` without `DETERMINISTIC` and `WRITE_STORAGE`, or for a locked slot. Ends the sub-VM with
/// `out_of gas storage` or `out_of memory` where first-written pages cannot be charged.
pub(super) fn storage_write(guest: &mut Guest<'_>, slot: u32, index: u32, buf: u32, len: u32) -> Answer {
    check_range(index, len)?;
    guest.need(Permissions::DETERMINISTIC | Permissions::WRITE_STORAGE)?;
    guest.charge_storage(len)?;
    let slot = SlotId(array(guest.mem, slot)?);
    let buffer = mem::range(guest.mem, buf, len)?;
    let View { state, .. } = guest.vm.view;
    let mode = guest.vm.mode;
    let bytes = mem::bytes(guest.mem, buffer);
    let Transaction { locked, overlay, storage, ram, node, contract, params, .. } = guest.vm.transaction_mut()?;
    if locked.contains(&slot) {
        return Err(Stop::Errno(Errno::Forbidden));
    }
    if let Some(written) = overlay.written(slot, index, bytes.len()) {
        written.copy_from_slice(bytes);
        return Ok(());
    }
    let pages = overlay.new_pages(slot, index, bytes.len());
    storage.charge(pages).map_err(|_| Resource::GasStorage)?;
    ram.of(mode).keep(pages * params.profile.rules().ram.page).map_err(|_| Resource::Memory)?;
    overlay.write(slot, index, bytes, |page| {
        let mut base = [0; PAGE];
        node.storage.read(state, contract, &slot, page * PAGE as u32, &mut base).map_err(reading)?;
        Ok(base)
    })
}

fn check_range(index: u32, len: u32) -> Answer {
    if page::range(index, len as usize).is_err() { Err(Stop::Errno(Errno::Inval)) } else { Ok(()) }
}

fn reading(source: crate::outcome::HostError) -> InternalError {
    InternalError::caused_by(InternalErrorKind::Host, "reading the contract's storage", source)
}
