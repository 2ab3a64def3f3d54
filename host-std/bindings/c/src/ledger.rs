//! The embedded ledger: where receipts are applied to, block by block.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use subvm_core::{PageWrite, RuleSets, SlotId};
use subvm_ledger::{Applied, Heights, History, Ledger, RedbLedger, RedbOptions};

use crate::border::{Sized_, argument, array, borrowed, guard, or, put, sized, slice, text};
use crate::error::subvm_error_t;
use crate::receipt::{subvm_page_t, subvm_receipt_t};
use crate::{subvm_address_t, subvm_bytes_t};

/// How a ledger is opened. None of it changes what is in it. Where all but `size` is zero, it is the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_ledger_options_t {
    /// sizeof(subvm_ledger_options_t).
    pub size: usize,
    /// Bytes of the file that are kept in memory; 0: 1 GiB. Less than 1 MiB is an error.
    pub cache_bytes: u64,
    /// Blocks below the finalized height whose states can still be read; some 200 bytes for each page that a block writes.
    pub history: u64,
    /// Whether the file is not read through and verified first: for a file system that checks its content.
    pub unverified: bool,
}

impl Sized_ for subvm_ledger_options_t {
    const NAME: &'static str = "subvm_ledger_options_t";
}

/// Where contracts' storage is: one file of an embedded database, of one process. What was finalized never changes again; what was accepted since can
/// be rolled back. Each change is there as a whole or not at all, whenever the process is killed, and on disk when its function returned. Any number
/// of threads may use it at once; runs read a snapshot of it. Free it with subvm_ledger_free. `docs/ledger.md` is for those who keep one.
pub struct subvm_ledger_t(Mutex<RedbLedger>);

/// How far a ledger is, in block heights. Height 0 is the empty state before the first block.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct subvm_heights_t {
    /// The highest block that a receipt was applied for, or that was finalized.
    pub accepted: u64,
    /// The highest finalized block.
    pub finalized: u64,
    /// The lowest whose state can be read.
    pub lowest: u64,
}

impl subvm_heights_t {
    pub(crate) fn new(Heights { accepted, finalized }: Heights, lowest: u64) -> Self {
        Self { accepted, finalized, lowest }
    }
}

/// What a transaction of a block wrote: the pages of `receipt`, or, where that is NULL, `pages`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_applied_t {
    /// The contract that the transaction was for.
    pub contract: subvm_address_t,
    /// Its receipt.
    pub receipt: *const subvm_receipt_t,
    /// Pages.
    pub pages: *const subvm_page_t,
    /// How many.
    pub pages_len: usize,
}

impl subvm_ledger_t {
    fn lock(&self) -> MutexGuard<'_, RedbLedger> {
        // A change that panicked was taken back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> Result<subvm_ledger::Snapshot, subvm_error_t> {
        Ok(self.lock().snapshot()?)
    }
}

/// # Safety
/// As for [`put`].
unsafe fn give(
    to: *mut *mut subvm_ledger_t,
    open: impl FnOnce() -> Result<RedbLedger, subvm_error_t>,
) -> Result<(), subvm_error_t> {
    if to.is_null() {
        return Err(argument("ledger is NULL"));
    }
    let opened = Box::into_raw(Box::new(subvm_ledger_t(Mutex::new(open()?))));
    // SAFETY: as the caller promises.
    unsafe { put(to, "ledger", opened) }
}

/// Opens the ledger in a directory, whose path is UTF-8, and makes both where they are missing. `options` may be NULL. One of an earlier release is
/// migrated.
///
/// SUBVM_ERROR_LOCKED where it is open already, SUBVM_ERROR_DAMAGED where the file is not what was written, SUBVM_ERROR_RELEASE where a later release
/// wrote it, SUBVM_ERROR_IO where the operating system fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_open(
    directory: subvm_bytes_t,
    options: *const subvm_ledger_options_t,
    ledger: *mut *mut subvm_ledger_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (directory, options) =
            unsafe { (text(directory, "directory")?, if options.is_null() { None } else { Some(sized(options)?) }) };
        if directory.is_empty() {
            return Err(argument("directory is empty: subvm_ledger_in_memory makes a ledger that has none"));
        }
        let mut chosen = RedbOptions::default();
        if let Some(options) = options {
            if options.cache_bytes != 0 {
                let cache = usize::try_from(options.cache_bytes);
                chosen.cache = cache.map_err(|_| argument("options.cache_bytes is more than there are addresses"))?;
            }
            chosen = RedbOptions { verify: !options.unverified, history: options.history, ..chosen };
        }
        // SAFETY: by the rules for pointers.
        unsafe { give(ledger, || Ok(RedbLedger::open_with(Path::new(directory), chosen)?)) }
    })
}

/// Makes a ledger that is gone when it is freed: for tests.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_in_memory(ledger: *mut *mut subvm_ledger_t) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        unsafe { give(ledger, || Ok(RedbLedger::in_memory()?)) }
    })
}

/// How far it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_heights(
    ledger: *const subvm_ledger_t,
    heights: *mut subvm_heights_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let mut ledger = unsafe { borrowed(ledger, "ledger")? }.lock();
        let found = subvm_heights_t::new(ledger.heights()?, ledger.lowest()?);
        // SAFETY: by the rules for pointers.
        unsafe { put(heights, "heights", found) }
    })
}

/// Applies the `len` receipts of a block to the accepted state, in their order, in one transaction: all of them are there afterwards, or none. Where
/// pages repeat, the last one stands; a receipt of a run that failed has none. A block may be applied in several calls; who crashed between them rolls
/// back to the block before, and applies it again.
///
/// SUBVM_ERROR_HEIGHT where the height is finalized already, or lower than what was applied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_apply(
    ledger: *const subvm_ledger_t,
    height: u64,
    receipts: *const subvm_applied_t,
    len: usize,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (ledger, receipts) = unsafe { (borrowed(ledger, "ledger")?, array(receipts, len, "receipts")?) };
        let mut written = Vec::with_capacity(receipts.len());
        for applied in receipts {
            // SAFETY: by the rules for pointers.
            let (receipt, pages) =
                unsafe { (applied.receipt.as_ref(), array(applied.pages, applied.pages_len, "pages of a receipt")?) };
            let pages = match receipt {
                Some(_) if !pages.is_empty() => {
                    return Err(argument("an element of receipts has both a receipt and pages: give one"));
                }
                Some(receipt) => receipt.receipt().storage.clone(),
                None => pages.iter().map(PageWrite::from).collect(),
            };
            written.push((applied.contract.into(), pages));
        }
        let block: Vec<_> = written.iter().map(|(contract, pages)| Applied { contract: *contract, pages }).collect();
        Ok(ledger.lock().apply_block(&block, height)?)
    })
}

impl From<&subvm_page_t> for PageWrite {
    fn from(page: &subvm_page_t) -> Self {
        Self { slot: SlotId(page.slot.bytes), page: page.page, content: page.content.bytes }
    }
}

/// Makes all blocks up to a height final. What is final already stays so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_finalize(ledger: *const subvm_ledger_t, height: u64) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        Ok(unsafe { borrowed(ledger, "ledger")? }.lock().finalize(height)?)
    })
}

/// Takes back all accepted blocks above a height.
///
/// SUBVM_ERROR_HEIGHT where some of them are final.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_rollback(ledger: *const subvm_ledger_t, height: u64) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        Ok(unsafe { borrowed(ledger, "ledger")? }.lock().rollback(height)?)
    })
}

/// Forgets the states of heights below a height, which then is the lowest that can be read.
///
/// SUBVM_ERROR_HEIGHT where it is above what is final.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_prune(ledger: *const subvm_ledger_t, height: u64) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        Ok(unsafe { borrowed(ledger, "ledger")? }.lock().prune(height)?)
    })
}

/// Keeps the rules by height (subvm_rules_encode), so that blocks that are there are replayed under what they ran under. A node gives them at each
/// start: those of heights that come may change.
///
/// SUBVM_ERROR_HEIGHT where they would be others for a block that was applied, or where the first block that can be run has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_set_rules(
    ledger: *const subvm_ledger_t,
    rules: subvm_bytes_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (ledger, rules) = unsafe { (borrowed(ledger, "ledger")?, slice(rules, "rules")?) };
        let rules = RuleSets::from_bytes(rules)?;
        Ok(ledger.lock().set_rules(&rules)?)
    })
}

/// Makes the file as small as what it holds allows, which takes as long as to write it anew. SUBVM_ERROR_ARGUMENT while there is a snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_compact(ledger: *const subvm_ledger_t) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        Ok(unsafe { borrowed(ledger, "ledger")? }.lock().compact()?)
    })
}

/// Closes a ledger that no thread uses, and whose snapshots were freed. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ledger_free(ledger: *mut subvm_ledger_t) {
    or((), || {
        if !ledger.is_null() {
            // SAFETY: it is of `give`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(ledger) });
        }
    });
}
