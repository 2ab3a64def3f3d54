//! What is this node's own, and no contract's.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// Why a node's part could not do what it was asked; ends up in the cause chain of an [`InternalError`].
///
/// ```
/// use subvm_core::host::HostError;
/// let error: HostError = "the disk is gone".into();
/// let other = HostError::from(std::io::Error::other("the disk is gone"));
/// assert_eq!(error.to_string(), other.to_string());
/// ```
pub type HostError = Box<dyn core::error::Error + Send + Sync + 'static>;

/// Why a node cannot say how a run ends. It never reaches a contract, unwinds every sub-VM and makes the node vote *timeout*.
///
/// ```
/// use std::error::Error;
/// use subvm_core::{InternalError, InternalErrorKind};
/// let error = InternalError::caused_by(InternalErrorKind::Host, "reading storage", "the disk is gone".into());
/// assert_eq!(error.to_string(), "reading storage");
/// assert_eq!(error.source().expect("it has a cause").to_string(), "the disk is gone");
/// ```
#[derive(Debug)]
pub struct InternalError {
    kind: InternalErrorKind,
    what: String,
    source: Option<HostError>,
}

/// Whose fault an internal error is.
///
/// ```
/// use subvm_core::{InternalError, InternalErrorKind};
/// /// Whether another attempt may go better.
/// fn passing(error: &InternalError) -> bool {
///     matches!(error.kind(), InternalErrorKind::Deadline | InternalErrorKind::Host | InternalErrorKind::Module)
/// }
/// assert!(passing(&InternalError::new(InternalErrorKind::Deadline, "the deadline passed")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternalErrorKind {
    /// The wall-clock deadline passed.
    Deadline,
    /// A trait that the node implements failed.
    Host,
    /// A web or model module failed or is not there.
    Module,
    /// The engine or the operating system failed.
    Engine,
    /// The leader's receipt was made under other consensus parameters.
    Params,
    /// A rule of this library was broken by itself.
    Bug,
    /// The node called the run off: [`Cancel`](crate::Cancel).
    Cancelled,
}

impl InternalError {
    /// An error without a cause of its own.
    #[must_use]
    pub fn new(kind: InternalErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None }
    }

    /// An error that `source` brought about.
    #[must_use]
    pub fn caused_by(kind: InternalErrorKind, what: impl Into<String>, source: HostError) -> Self {
        Self { kind, what: what.into(), source: Some(source) }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> InternalErrorKind {
        self.kind
    }
}

impl fmt::Display for InternalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl core::error::Error for InternalError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
