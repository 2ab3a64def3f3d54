//! How a sub-VM ends: [`Outcome`], which contracts and votes see, and [`InternalError`], which neither does.
//!
//! Source: `docs/spec/sub-vm.md`, *Outcomes*.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::room;

mod internal;
mod leader_fault;
mod vm_error;

pub use internal::{HostError, InternalError, InternalErrorKind};
pub use leader_fault::{LeaderFault, ShortHash};
pub use vm_error::{Invalid, Resource, Trap, UnknownVmError, VmError};

/// What a sub-VM that ran comes to. Its bytes are voted on.
///
/// ```
/// use subvm_core::Outcome;
/// assert_eq!(Outcome::UserError("no funds".into()).to_bytes(), b"\x01no funds");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned: the canonical calldata encoding of its value.
    Return(Vec<u8>),
    /// The contract failed of its own will, with this text.
    UserError(String),
    /// The contract failed of its own will, with a value that is no text: its canonical calldata encoding. Under the profile
    /// [`GenVm0_3`](crate::Profile::GenVm0_3) alone.
    UserValue(Vec<u8>),
    /// It broke a rule or a limit.
    VmError(VmError),
}

impl Outcome {
    /// The calldata encoding of null, which is what falling off the end returns.
    pub const NULL: [u8; 1] = [0];

    /// `Return(null)`.
    #[must_use]
    pub fn null() -> Self {
        Self::Return(Self::NULL.to_vec())
    }

    /// The code byte: 0 for a return, 1 for a user error, 2 for a VM error.
    ///
    /// ```
    /// use subvm_core::{Outcome, Resource, VmError};
    /// assert_eq!(Outcome::UserError("no funds".into()).code(), 1);
    /// assert_eq!(Outcome::VmError(VmError::OutOf(Resource::Fds)).code(), 2);
    /// ```
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Return(_) => 0,
            Self::UserError(_) | Self::UserValue(_) => 1,
            Self::VmError(_) => 2,
        }
    }

    /// The bytes that a parent reads from its descriptor and a leader posts: code ++ data.
    ///
    /// ```
    /// use subvm_core::{Outcome, Trap, VmError};
    /// assert_eq!(Outcome::null().to_bytes(), [0, 0]);
    /// assert_eq!(Outcome::VmError(VmError::Trap(Trap::Unreachable)).to_bytes(), b"\x02wasm_trap unreachable");
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// [`to_bytes`](Self::to_bytes), of what a guest chose.
    ///
    /// # Errors
    /// An internal error where there is no room for them.
    pub(crate) fn try_to_bytes(&self) -> Result<Vec<u8>, InternalError> {
        let data = match self {
            Self::Return(value) | Self::UserValue(value) => value.len(),
            Self::UserError(text) => text.len(),
            Self::VmError(_) => 0,
        };
        let mut bytes = room::with(1 + data)?;
        self.write(&mut bytes);
        Ok(bytes)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.code());
        match self {
            Self::Return(value) | Self::UserValue(value) => bytes.extend_from_slice(value),
            Self::UserError(text) => bytes.extend_from_slice(text.as_bytes()),
            Self::VmError(error) => bytes.extend_from_slice(alloc::format!("{error}").as_bytes()),
        }
    }
}

/// Why a sub-VM stops running now. One pointer wide, so that the calls that go on pay nothing for it.
///
/// ```
/// use subvm_core::{End, Outcome, Trap, VmError};
/// let end = End::from(Trap::Unreachable);
/// assert_eq!(end.into_result()?, Outcome::VmError(VmError::Trap(Trap::Unreachable)));
/// # Ok::<(), subvm_core::InternalError>(())
/// ```
#[derive(Debug)]
pub struct End(Box<Result<Outcome, InternalError>>);

impl End {
    /// What the sub-VM comes to.
    ///
    /// # Errors
    /// Where no outcome is to be had.
    pub fn into_result(self) -> Result<Outcome, InternalError> {
        *self.0
    }
}

// Cold: calls that go on are not to carry the making of it.
impl From<Outcome> for End {
    #[cold]
    fn from(outcome: Outcome) -> Self {
        Self(Box::new(Ok(outcome)))
    }
}

impl From<VmError> for End {
    fn from(error: VmError) -> Self {
        Outcome::VmError(error).into()
    }
}

impl From<Trap> for End {
    #[cold]
    fn from(trap: Trap) -> Self {
        VmError::Trap(trap).into()
    }
}

impl From<Resource> for End {
    #[cold]
    fn from(resource: Resource) -> Self {
        VmError::OutOf(resource).into()
    }
}

impl From<InternalError> for End {
    #[cold]
    fn from(error: InternalError) -> Self {
        Self(Box::new(Err(error)))
    }
}
