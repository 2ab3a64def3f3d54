//! Receipts: what is voted on and applied.

use subvm_core::{PageWrite, Receipt};

use crate::border::{argument, borrowed, guard, or, put, slice};
use crate::error::subvm_error_t;
use crate::{subvm_bytes_t, subvm_word_t};

/// What a run came to, as all nodes agree on it. It never changes; what is asked of it lives as long as it does.
pub struct subvm_receipt_t {
    receipt: Receipt,
    bytes: Vec<u8>,
    proposal: Vec<u8>,
}

/// Gas that a run used.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct subvm_gas_t {
    /// Time gas, in ticks.
    pub time: u64,
    /// Storage gas, in pages.
    pub storage: u64,
    /// Data gas, in bytes.
    pub data: u64,
}

/// A page that a run wrote: 32 bytes of a slot, from byte 32 * `page` on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct subvm_page_t {
    /// The slot.
    pub slot: subvm_word_t,
    /// The page's number.
    pub page: u32,
    /// Its bytes.
    pub content: subvm_word_t,
}

impl subvm_receipt_t {
    pub(crate) fn new(receipt: Receipt) -> Self {
        Self { bytes: receipt.to_bytes(), proposal: receipt.proposal().to_bytes(), receipt }
    }

    pub(crate) fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

/// What `ask` makes of a receipt; `otherwise` of NULL.
///
/// # Safety
/// `receipt` is NULL, or a receipt of the library's.
unsafe fn of<'a, T>(receipt: *const subvm_receipt_t, otherwise: T, ask: impl FnOnce(&'a subvm_receipt_t) -> T) -> T
where
    T: Copy,
{
    or(otherwise, || {
        // SAFETY: as the caller promises.
        unsafe { borrowed(receipt, "receipt") }.map_or(otherwise, ask)
    })
}

fn at(list: &[Vec<u8>], index: usize) -> subvm_bytes_t {
    list.get(index).map_or(subvm_bytes_t::NONE, |bytes| subvm_bytes_t::of(bytes))
}

/// Reads a receipt that another node wrote. Nothing in it is believed beyond its shape. Free it with subvm_receipt_free.
///
/// SUBVM_ERROR_FORMAT where it is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_from_bytes(
    bytes: subvm_bytes_t,
    receipt: *mut *mut subvm_receipt_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let bytes = unsafe { slice(bytes, "bytes")? };
        if receipt.is_null() {
            return Err(argument("receipt is NULL"));
        }
        let read = Receipt::from_bytes(bytes).map_err(|error| subvm_error_t::format("receipt", &error))?;
        // SAFETY: by the rules for pointers.
        unsafe { put(receipt, "receipt", Box::into_raw(Box::new(subvm_receipt_t::new(read)))) }
    })
}

/// Frees a receipt that subvm_receipt_from_bytes made; not one of a report. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_free(receipt: *mut subvm_receipt_t) {
    or((), || {
        if !receipt.is_null() {
            // SAFETY: it is of `subvm_receipt_from_bytes`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(receipt) });
        }
    });
}

/// The canonical bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_bytes(receipt: *const subvm_receipt_t) -> subvm_bytes_t {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, subvm_bytes_t::NONE, |receipt| subvm_bytes_t::of(&receipt.bytes)) }
}

/// The canonical bytes of the proposal that a leader with this receipt sends first: all that a validator needs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_proposal(receipt: *const subvm_receipt_t) -> subvm_bytes_t {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, subvm_bytes_t::NONE, |receipt| subvm_bytes_t::of(&receipt.proposal)) }
}

/// BLAKE3 of the canonical bytes: two nodes agree where theirs are equal. Zero for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_digest(receipt: *const subvm_receipt_t) -> subvm_word_t {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, subvm_word_t::default(), |receipt| subvm_word_t { bytes: receipt.receipt.digest() }) }
}

/// The digest of the consensus parameters. Zero for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_params(receipt: *const subvm_receipt_t) -> subvm_word_t {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, subvm_word_t::default(), |receipt| subvm_word_t { bytes: receipt.receipt.params }) }
}

/// The digest of the message that the contract found, the transaction's instant in it. Zero for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_message_digest(receipt: *const subvm_receipt_t) -> subvm_word_t {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, subvm_word_t::default(), |receipt| subvm_word_t { bytes: receipt.receipt.message }) }
}

/// Whether the run returned, so that its pages and messages count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_returned(receipt: *const subvm_receipt_t) -> bool {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, false, |receipt| receipt.receipt.returned()) }
}

/// What the run came to: a byte that is 0 for a return, 1 for an error of the contract's own, 2 for a broken rule or limit; and then the calldata
/// that it returned, or a text. Where the parameters ask for fingerprints, a failure's is in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_result(receipt: *const subvm_receipt_t) -> subvm_bytes_t {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, subvm_bytes_t::NONE, |receipt| subvm_bytes_t::of(&receipt.receipt.result)) }
}

/// Gas that the run used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_gas(receipt: *const subvm_receipt_t) -> subvm_gas_t {
    // SAFETY: by the rules for pointers.
    unsafe {
        of(receipt, subvm_gas_t::default(), |receipt| {
            let gas = receipt.receipt.gas;
            subvm_gas_t { time: gas.time, storage: gas.storage, data: gas.data }
        })
    }
}

/// How many pages the run wrote: none unless it returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_pages_len(receipt: *const subvm_receipt_t) -> usize {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, 0, |receipt| receipt.receipt.storage.len()) }
}

/// Copies the page number `index` of those that the run wrote, ascending by slot and page. False where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_page(
    receipt: *const subvm_receipt_t,
    index: usize,
    page: *mut subvm_page_t,
) -> bool {
    // SAFETY: by the rules for pointers.
    unsafe {
        of(receipt, false, |receipt| {
            let Some(PageWrite { slot, page: number, content }) = receipt.receipt.storage.get(index) else {
                return false;
            };
            let (slot, content) = (subvm_word_t { bytes: slot.0 }, subvm_word_t { bytes: *content });
            put(page, "page", subvm_page_t { slot, page: *number, content }).is_ok()
        })
    }
}

/// How many requests the run made to the chain, which carries them out: messages, deployments, transfers, events. None unless it returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_messages_len(receipt: *const subvm_receipt_t) -> usize {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, 0, |receipt| receipt.receipt.messages.len()) }
}

/// The canonical calldata of request number `index`, in the order in which they were made. Nothing where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_message(receipt: *const subvm_receipt_t, index: usize) -> subvm_bytes_t {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, subvm_bytes_t::NONE, |receipt| at(&receipt.receipt.messages, index)) }
}

/// How many results of non-deterministic blocks there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_nondet_len(receipt: *const subvm_receipt_t) -> usize {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, 0, |receipt| receipt.receipt.nondet.len()) }
}

/// The result of non-deterministic block number `index`, as the leader posted it: a byte as that of subvm_receipt_result, and its data.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_receipt_nondet(receipt: *const subvm_receipt_t, index: usize) -> subvm_bytes_t {
    // SAFETY: by the rules for pointers.
    unsafe { of(receipt, subvm_bytes_t::NONE, |receipt| at(&receipt.receipt.nondet, index)) }
}
