//! Why a sub-VM did not fall off the end of its entry.

use alloc::string::{String, ToString};

use subvm_core::{InternalError, Invalid, VmError};
use subvm_lower::Refusal;

/// Why a sub-VM did not fall off the end of its entry. `E` is the engine's own error.
///
/// ```
/// use subvm_core::Invalid;
/// use subvm_link::{Refused, Stopped};
/// let stopped: Stopped<()> = Refused::new(Invalid::WasmLinking, "it imports what is not there").into();
/// assert!(matches!(stopped, Stopped::Refused(_)));
/// ```
#[derive(Debug)]
pub enum Stopped<E> {
    /// The guest was unwound, or never began: by a trap, or by what a host call left behind.
    Unwound(E),
    /// The package cannot run, on any node.
    Refused(Refused),
    /// This node failed.
    Internal(InternalError),
}

impl<E> From<Refused> for Stopped<E> {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl<E> From<InternalError> for Stopped<E> {
    fn from(error: InternalError) -> Self {
        Self::Internal(error)
    }
}

/// Why a package cannot run: what consensus sees, and what people should know.
///
/// ```
/// use subvm_link::Refused;
/// use subvm_lower::{Options, lower};
/// let refused: Refused = lower(b"\0asm", &Options::default()).unwrap_err().into();
/// assert_eq!(refused.error.to_string(), "invalid_contract wasm validating");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What its run ends with.
    pub error: VmError,
    /// Why. It is no part of any result.
    pub why: String,
}

impl Refused {
    /// A package with this fault.
    pub fn new(what: Invalid, why: impl Into<String>) -> Self {
        Self { error: VmError::InvalidContract(what), why: why.into() }
    }
}

/// A module that is not lowered.
impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(Invalid::WasmValidating, refusal.to_string())
    }
}
