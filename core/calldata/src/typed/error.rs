//! What went wrong with a type of somebody else's.

use super::super::{DecodeError, EncodeError};
use alloc::string::{String, ToString};
use core::fmt::{self, Display};

/// A refusal to read or write a type.
///
/// Its text may come from the type or from serde: it is for people, never to be hashed.
///
/// ```
/// use subvm_calldata::{SerdeError, from_slice, to_bytes};
/// assert!(matches!(to_bytes(&1.5_f64), Err(SerdeError::Unsupported(_))));
/// assert!(matches!(from_slice::<u8>(b""), Err(SerdeError::Decode(_))));
/// assert!(matches!(from_slice::<u8>(b"\x00"), Err(SerdeError::Type(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SerdeError {
    /// The bytes are no canonical calldata.
    Decode(DecodeError),
    /// The content has no encoding.
    Encode(EncodeError),
    /// The type has something that calldata has not.
    Unsupported(&'static str),
    /// The type refuses the content.
    Type(String),
}

impl From<DecodeError> for SerdeError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for SerdeError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl Display for SerdeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Unsupported(what) => f.write_str(what),
            Self::Type(text) => f.write_str(text),
        }
    }
}

impl core::error::Error for SerdeError {}

impl serde::ser::Error for SerdeError {
    fn custom<T: Display>(text: T) -> Self {
        Self::Type(text.to_string())
    }
}

impl serde::de::Error for SerdeError {
    fn custom<T: Display>(text: T) -> Self {
        Self::Type(text.to_string())
    }
}
