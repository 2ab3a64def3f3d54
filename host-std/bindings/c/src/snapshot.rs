//! Reading a ledger: what runs are given, and what others ask for.

use std::ffi::c_void;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use subvm_core::SlotId;
use subvm_core::host::{HostError, State, Storage};
use subvm_ledger::{History, Snapshot};

use crate::border::{argument, borrowed, guard, or, put, text, written};
use crate::buffer::subvm_buffer_t;
use crate::error::subvm_error_t;
use crate::ledger::{subvm_heights_t, subvm_ledger_t};
use crate::node::{SUBVM_STATE_ACCEPTED, SUBVM_STATE_FINALIZED, subvm_storage_t};
use crate::{subvm_address_t, subvm_bytes_t, subvm_word_t};

/// A ledger's state at one moment: what is applied later does not show. Any number of threads may use it, one at a time: threads that run at once
/// take one each, which is cheap. It keeps space of the file from being used anew, so it should live no longer than a run. Free it with
/// subvm_snapshot_free.
pub struct subvm_snapshot_t(Mutex<Moment>);

struct Moment {
    snapshot: Snapshot,
    /// The block whose state it shows; nothing: the newest.
    height: Option<u64>,
}

impl subvm_snapshot_t {
    fn lock(&self) -> MutexGuard<'_, Moment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moment {
    fn read(
        &mut self,
        state: u32,
        contract: &subvm_address_t,
        slot: &subvm_word_t,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), subvm_error_t> {
        let (contract, slot) = ((*contract).into(), SlotId(slot.bytes));
        let state = match state {
            SUBVM_STATE_ACCEPTED => State::Accepted,
            SUBVM_STATE_FINALIZED => State::Finalized,
            other => return Err(argument(format!("state is {other}: no SUBVM_STATE_*"))),
        };
        if let Some(height) = self.height {
            return Ok(self.snapshot.read_at(height, &contract, &slot, index, into)?);
        }
        let read = self.snapshot.read(state, &contract, &slot, index, into);
        read.map_err(|error: HostError| match error.downcast::<subvm_ledger::LedgerError>() {
            Ok(error) => (*error).into(),
            // Bytes that are not within the slot.
            Err(error) => argument(error.to_string()),
        })
    }
}

/// Takes a snapshot. `height` may be NULL: it shows the newest state, accepted and finalized. Else it shows the state of that height, which stands for
/// both: for replaying the block after it.
///
/// SUBVM_ERROR_HEIGHT where that state is not kept any more, or is not there yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_snapshot(
    ledger: *const subvm_ledger_t,
    height: *const u64,
    snapshot: *mut *mut subvm_snapshot_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (ledger, height) = unsafe { (borrowed(ledger, "ledger")?, height.as_ref().copied()) };
        if snapshot.is_null() {
            return Err(argument("snapshot is NULL"));
        }
        let mut taken = ledger.snapshot()?;
        if let Some(height) = height {
            // Refused now, and not at a run's first read.
            taken.root(height)?;
        }
        let made = Box::into_raw(Box::new(subvm_snapshot_t(Mutex::new(Moment { snapshot: taken, height }))));
        // SAFETY: by the rules for pointers.
        unsafe { put(snapshot, "snapshot", made) }
    })
}

/// What is called back for a run.
unsafe extern "C" fn read(
    context: *mut c_void,
    state: u32,
    contract: *const subvm_address_t,
    slot: *const subvm_word_t,
    index: u32,
    into: *mut u8,
    len: usize,
    error: *mut subvm_buffer_t,
) -> i32 {
    or(1, || {
        // SAFETY: as the header describes the callback; the context is the snapshot.
        let failed = unsafe { subvm_snapshot_read(context.cast(), state, contract, slot, index, into, len) };
        if failed.is_null() {
            return 0;
        }
        // SAFETY: it was just made.
        let failed = unsafe { Box::from_raw(failed) };
        // SAFETY: as the header describes the callback.
        if let Ok(error) = unsafe { written(error, "error") } {
            error.set(failed.text().as_bytes().to_vec());
        }
        1
    })
}

/// Fills in a table that reads the snapshot: the storage of a node, as long as the snapshot lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_snapshot_storage(
    snapshot: *const subvm_snapshot_t,
    storage: *mut subvm_storage_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        unsafe { borrowed(snapshot, "snapshot")? };
        // It is only read through this.
        let context = snapshot.cast_mut().cast();
        let table = subvm_storage_t { size: size_of::<subvm_storage_t>(), context, read: Some(read) };
        // SAFETY: by the rules for pointers.
        unsafe { put(storage, "storage", table) }
    })
}

/// Fills all `len` bytes of `into` from a slot of a contract, starting at byte `index`, as subvm_storage_t.read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_snapshot_read(
    snapshot: *const subvm_snapshot_t,
    state: u32,
    contract: *const subvm_address_t,
    slot: *const subvm_word_t,
    index: u32,
    into: *mut u8,
    len: usize,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (snapshot, contract, slot) =
            unsafe { (borrowed(snapshot, "snapshot")?, borrowed(contract, "contract")?, borrowed(slot, "slot")?) };
        if len as u64 > 1 << 32 || (into.is_null() && len != 0) {
            return Err(argument(format!("into is NULL, or its length {len} is more than a slot has")));
        }
        let into = if len == 0 {
            &mut []
        } else {
            // SAFETY: by the rules for pointers, these may be written, by nobody else; they hold something from here on.
            unsafe {
                into.write_bytes(0, len);
                std::slice::from_raw_parts_mut(into, len)
            }
        };
        snapshot.lock().read(state, contract, slot, index, into)?;
        Ok(())
    })
}

/// How far the ledger was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_snapshot_heights(
    snapshot: *const subvm_snapshot_t,
    heights: *mut subvm_heights_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let moment = unsafe { borrowed(snapshot, "snapshot")? }.lock();
        let found = subvm_heights_t::new(moment.snapshot.heights()?, moment.snapshot.lowest()?);
        // SAFETY: by the rules for pointers.
        unsafe { put(heights, "heights", found) }
    })
}

/// The rules by height that it keeps, as canonical bytes for subvm_rules_at; nothing where none were kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_snapshot_rules(
    snapshot: *const subvm_snapshot_t,
    rules: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (snapshot, rules) = unsafe { (borrowed(snapshot, "snapshot")?, written(rules, "rules")?) };
        let found = snapshot.lock().snapshot.rules()?;
        rules.set(found.map(|found| found.to_bytes()).unwrap_or_default());
        Ok(())
    })
}

/// The root of the state of a height that is kept: the same for every ledger that holds the same pages. `docs/spec/state.md` says what it is.
///
/// SUBVM_ERROR_HEIGHT where that state is not kept any more, or is not there yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_snapshot_root(
    snapshot: *const subvm_snapshot_t,
    height: u64,
    root: *mut subvm_word_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let bytes = unsafe { borrowed(snapshot, "snapshot")? }.lock().snapshot.root(height)?;
        // SAFETY: by the rules for pointers.
        unsafe { put(root, "root", subvm_word_t { bytes }) }
    })
}

/// A proof of what page number `page` of a slot holds in the state of a height, for subvm_proof_page.
///
/// SUBVM_ERROR_HEIGHT as for subvm_snapshot_root, SUBVM_ERROR_ARGUMENT for a page outside of its slot of 2^27.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_snapshot_prove(
    snapshot: *const subvm_snapshot_t,
    height: u64,
    contract: *const subvm_address_t,
    slot: *const subvm_word_t,
    page: u32,
    proof: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (snapshot, proof) = unsafe { (borrowed(snapshot, "snapshot")?, written(proof, "proof")?) };
        // SAFETY: by the rules for pointers.
        let (contract, slot) = unsafe { (borrowed(contract, "contract")?, borrowed(slot, "slot")?) };
        let made = snapshot.lock().snapshot.prove(height, &(*contract).into(), &SlotId(slot.bytes), page)?;
        proof.set(made.to_bytes());
        Ok(())
    })
}

/// Writes a backup into a directory, whose path is UTF-8 and which holds no ledger, while others go on with theirs: all of it is read and written. It
/// appears when it is whole; subvm_ledger_open opens it.
///
/// SUBVM_ERROR_ARGUMENT where there is a ledger, SUBVM_ERROR_LOCKED where one is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_snapshot_backup(
    snapshot: *const subvm_snapshot_t,
    directory: subvm_bytes_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (snapshot, directory) = unsafe { (borrowed(snapshot, "snapshot")?, text(directory, "directory")?) };
        if directory.is_empty() {
            return Err(argument("directory is empty"));
        }
        Ok(snapshot.lock().snapshot.backup(Path::new(directory))?)
    })
}

/// Frees a snapshot that no run uses. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_snapshot_free(snapshot: *mut subvm_snapshot_t) {
    or((), || {
        if !snapshot.is_null() {
            // SAFETY: it is of `subvm_ledger_snapshot`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(snapshot) });
        }
    });
}
