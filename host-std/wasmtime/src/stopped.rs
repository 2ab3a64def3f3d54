//! Why a sub-VM did not fall off the end of its entry.

use subvm_core::{InternalError, Invalid, Outcome, VmError};

/// A program that ran, as far as it got.
pub(super) type Ended = Result<Outcome, Stopped>;

/// Why a sub-VM did not fall off the end of its entry.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The guest was unwound, or never began: by a trap, or by what stands in [`Running::end`](super::running::Running::end).
    Unwound(wasmtime::Error),
    /// The package cannot run.
    Refused(Refused),
    /// This node failed.
    Internal(InternalError),
}

impl From<wasmtime::Error> for Stopped {
    fn from(error: wasmtime::Error) -> Self {
        Self::Unwound(error)
    }
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<InternalError> for Stopped {
    fn from(error: InternalError) -> Self {
        Self::Internal(error)
    }
}

/// Why a package cannot run: what consensus sees, and what people should know.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) error: VmError,
    pub(super) why: String,
}

impl Refused {
    pub(super) fn new(what: Invalid, why: impl Into<String>) -> Self {
        Self { error: VmError::InvalidContract(what), why: why.into() }
    }

    /// A module that the linker does not take.
    pub(super) fn unlinkable(error: &wasmtime::Error) -> Self {
        Self::new(Invalid::WasmLinking, format!("{error:#}"))
    }
}
