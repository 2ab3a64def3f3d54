//! Errors: a code for programs, a text for people.

use std::error::Error;
use std::ffi::{CString, c_char};
use std::ptr;

use subvm_core::{InternalError, InternalErrorKind, RulesError};
use subvm_ledger::LedgerError;
use subvm_replay::{ReadError, ReplayError};

use crate::border::{borrowed, or};

/// An argument is wrong: NULL where it may not be, a structure of another size, a number that means nothing.
pub const SUBVM_ERROR_ARGUMENT: u32 = 1;
/// Bytes are not what they should be: a bundle, a message, parameters, a receipt, a proposal, a ballot, calldata or its text.
pub const SUBVM_ERROR_FORMAT: u32 = 2;
/// A package breaks the rules: every node refuses it.
pub const SUBVM_ERROR_REFUSED: u32 = 3;
/// The engine cannot run on this machine, or cannot be made with these options.
pub const SUBVM_ERROR_SETUP: u32 = 4;
/// A part of the node broke a promise, as the conformance kit found.
pub const SUBVM_ERROR_PROMISE: u32 = 5;
/// The library panicked: a bug of it. Nothing unwound into the caller.
pub const SUBVM_ERROR_PANIC: u32 = 6;
/// A ledger is open elsewhere: in another process, or in this one.
pub const SUBVM_ERROR_LOCKED: u32 = 7;
/// A ledger or a recording is not what was written.
pub const SUBVM_ERROR_DAMAGED: u32 = 8;
/// A block height does not fit what a ledger holds, or has no rules. Nothing was changed.
pub const SUBVM_ERROR_HEIGHT: u32 = 9;
/// A file, its disk or the operating system failed. A ledger is then as it was before the call: make room or mend the disk, and open it again.
pub const SUBVM_ERROR_IO: u32 = 10;
/// Another release wrote it, or can run it: a ledger of another layout, a recording of another version, rules that this release does not have.
pub const SUBVM_ERROR_RELEASE: u32 = 11;
/// A run has no result on this node: its deadline passed. As all codes from here on, it makes the node vote *timeout*.
pub const SUBVM_ERROR_DEADLINE: u32 = 16;
/// A run has no result on this node: a callback of its storage, clock or host failed.
pub const SUBVM_ERROR_HOST: u32 = 17;
/// A run has no result on this node: a web or model module failed, or is not there.
pub const SUBVM_ERROR_MODULE: u32 = 18;
/// A run has no result on this node: the engine or the operating system failed.
pub const SUBVM_ERROR_ENGINE: u32 = 19;
/// A run has no result on this node: the parameters are not supported, or the leader's are others.
pub const SUBVM_ERROR_PARAMS: u32 = 20;
/// A run has no result on this node: a rule of the library was broken by itself.
pub const SUBVM_ERROR_BUG: u32 = 21;
/// A run has no result on this node: it was called off.
pub const SUBVM_ERROR_CANCELLED: u32 = 22;

/// What went wrong. Who is given one frees it with subvm_error_free.
#[derive(Debug)]
pub struct subvm_error_t {
    code: u32,
    text: CString,
}

impl subvm_error_t {
    pub(crate) fn new(code: u32, text: &str) -> Self {
        let text = text.replace('\0', "\u{fffd}");
        Self { code, text: CString::new(text).unwrap_or_default() }
    }

    /// An error and its causes, in one line.
    pub(crate) fn of(code: u32, error: &(dyn Error + 'static)) -> Self {
        Self::new(code, &subvm_observe::chain(error))
    }

    pub(crate) fn format(what: &str, error: &dyn Error) -> Self {
        Self::new(SUBVM_ERROR_FORMAT, &format!("{what}: {error}"))
    }

    pub(crate) fn code(&self) -> u32 {
        self.code
    }

    pub(crate) fn text(&self) -> &str {
        self.text.to_str().unwrap_or_default()
    }
}

/// The code of why a run has no result.
pub(crate) fn code_of(error: &InternalError) -> u32 {
    match error.kind() {
        InternalErrorKind::Deadline => SUBVM_ERROR_DEADLINE,
        InternalErrorKind::Host => SUBVM_ERROR_HOST,
        InternalErrorKind::Module => SUBVM_ERROR_MODULE,
        InternalErrorKind::Engine => SUBVM_ERROR_ENGINE,
        InternalErrorKind::Params => SUBVM_ERROR_PARAMS,
        InternalErrorKind::Bug => SUBVM_ERROR_BUG,
        InternalErrorKind::Cancelled => SUBVM_ERROR_CANCELLED,
    }
}

impl From<InternalError> for subvm_error_t {
    fn from(error: InternalError) -> Self {
        Self::of(code_of(&error), &error)
    }
}

impl From<RulesError> for subvm_error_t {
    fn from(error: RulesError) -> Self {
        let code = match error {
            RulesError::None | RulesError::Order { .. } => SUBVM_ERROR_ARGUMENT,
            RulesError::Refused { .. } => SUBVM_ERROR_RELEASE,
            RulesError::Before { .. } => SUBVM_ERROR_HEIGHT,
            RulesError::Format(_) => SUBVM_ERROR_FORMAT,
        };
        Self::of(code, &error)
    }
}

impl From<LedgerError> for subvm_error_t {
    fn from(error: LedgerError) -> Self {
        let code = match &error {
            LedgerError::Locked { .. } => SUBVM_ERROR_LOCKED,
            LedgerError::Damaged { .. } => SUBVM_ERROR_DAMAGED,
            LedgerError::Layout { .. } => SUBVM_ERROR_RELEASE,
            LedgerError::Height { .. }
            | LedgerError::NoState { .. }
            | LedgerError::NotFinal { .. }
            | LedgerError::PastRules { .. } => SUBVM_ERROR_HEIGHT,
            LedgerError::Page { .. } | LedgerError::Refused { .. } => SUBVM_ERROR_ARGUMENT,
            LedgerError::Rules { source, .. } => Self::from(source.clone()).code,
            // A database, what it stands on, and what a later release may add.
            _ => SUBVM_ERROR_IO,
        };
        Self::of(code, &error)
    }
}

impl From<ReplayError> for subvm_error_t {
    fn from(error: ReplayError) -> Self {
        let code = match &error {
            ReplayError::Read(ReadError::Source(_)) => SUBVM_ERROR_IO,
            ReplayError::Read(ReadError::NotARecording) => SUBVM_ERROR_FORMAT,
            ReplayError::Read(ReadError::Version(_)) | ReplayError::Params { .. } => SUBVM_ERROR_RELEASE,
            // Damaged in a block, cut before it says what ran, or saying of it what makes no sense.
            _ => SUBVM_ERROR_DAMAGED,
        };
        Self::of(code, &error)
    }
}

/// The code of an error: SUBVM_ERROR_ARGUMENT and the others. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_error_code(error: *const subvm_error_t) -> u32 {
    or(0, || {
        // SAFETY: by the rules for pointers.
        unsafe { borrowed(error, "error") }.map_or(0, |error| error.code)
    })
}

/// What went wrong, where, and why, as UTF-8 that ends with a zero byte. It lives as long as the error. For people: it may change with any
/// release. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_error_message(error: *const subvm_error_t) -> *const c_char {
    or(ptr::null(), || {
        // SAFETY: by the rules for pointers.
        unsafe { borrowed(error, "error") }.map_or(ptr::null(), |error| error.text.as_ptr())
    })
}

/// Frees an error. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_error_free(error: *mut subvm_error_t) {
    or((), || {
        if !error.is_null() {
            // SAFETY: it was handed out by `guard`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(error) });
        }
    });
}
