//! Why a sub-VM did not fall off the end of its entry.

use alloc::format;
use alloc::string::String;

use subvm_core::{InternalError, Invalid, Outcome, VmError};
use wasmi::errors::{ErrorKind, InstantiationError};

/// A program that ran, as far as it got.
pub(crate) type Ended = Result<Outcome, Stopped>;

/// Why a sub-VM did not fall off the end of its entry.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The guest was unwound, or never began: by a trap, or by what stands in [`Running::end`](crate::running::Running::end).
    Unwound(wasmi::Error),
    /// The package cannot run.
    Refused(Refused),
    /// This node failed.
    Internal(InternalError),
}

impl From<wasmi::Error> for Stopped {
    fn from(error: wasmi::Error) -> Self {
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
pub(crate) struct Refused {
    pub(crate) error: VmError,
    pub(crate) why: String,
}

impl Refused {
    pub(crate) fn new(what: Invalid, why: impl Into<String>) -> Self {
        Self { error: VmError::InvalidContract(what), why: why.into() }
    }

    /// A module that the linker does not take.
    pub(crate) fn unlinkable(error: &wasmi::Error) -> Self {
        Self::new(Invalid::WasmLinking, format!("{error}"))
    }
}

/// What an error of making an instance is: of its imports, or of what ran since.
pub(crate) fn of_instantiation(error: wasmi::Error) -> Stopped {
    match error.kind() {
        ErrorKind::Linker(_)
        | ErrorKind::Instantiation(
            InstantiationError::MismatchedNumberOfImports { .. }
            | InstantiationError::ImportTypeMismatch { .. }
            | InstantiationError::GlobalTypeMismatch { .. }
            | InstantiationError::FuncTypeMismatch { .. }
            | InstantiationError::TableTypeMismatch { .. }
            | InstantiationError::MemoryTypeMismatch { .. },
        ) => Refused::unlinkable(&error).into(),
        _ => error.into(),
    }
}
