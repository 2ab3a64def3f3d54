//! Arguments.

use core::fmt;

use super::Strings;
use crate::costs::{ARG, ARGS, ARGS_BYTES};

/// Checked arguments, laid out once as guests get them. The default is none.
///
/// ```
/// use subvm_core::wasi::Args;
/// let args = Args::new(["prog", "--flag"]).unwrap();
/// assert_eq!(args.iter().collect::<Vec<_>>(), ["prog", "--flag"]);
/// assert!(Args::new(["bell\x07"]).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args(Strings);

/// An argument that is refused; each names it by its place, from 0.
///
/// ```
/// use subvm_core::wasi::{Args, ArgsError};
/// assert_eq!(Args::new(["prog", "a\0b"]), Err(ArgsError::Control(1)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgsError {
    /// There are more than 1024.
    TooMany,
    /// It has more than 65,536 bytes.
    TooLong(usize),
    /// With it, they have more than 1 MiB.
    TooLongTogether(usize),
    /// It is not UTF-8.
    NotUtf8(usize),
    /// It holds a NUL, or another control character but tab and newline.
    Control(usize),
}

impl Args {
    /// Checks and lays out arguments, the program's name first.
    ///
    /// # Errors
    /// For the first that the rules refuse.
    pub fn new(args: impl IntoIterator<Item: AsRef<[u8]>>) -> Result<Self, ArgsError> {
        let mut strings = Strings::default();
        let mut total = 0_usize;
        for (index, arg) in args.into_iter().enumerate() {
            let arg = arg.as_ref();
            if index >= ARGS {
                return Err(ArgsError::TooMany);
            }
            check(index, arg)?;
            total = total.saturating_add(arg.len());
            if total > ARGS_BYTES {
                return Err(ArgsError::TooLongTogether(index));
            }
            strings.push(&[arg]);
        }
        Ok(Self(strings))
    }

    /// The arguments, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        // Each was checked.
        self.0.iter().map(|arg| core::str::from_utf8(arg).unwrap_or_default())
    }

    #[inline]
    pub(crate) fn strings(&self) -> &Strings {
        &self.0
    }
}

fn check(index: usize, arg: &[u8]) -> Result<(), ArgsError> {
    if arg.len() > ARG {
        return Err(ArgsError::TooLong(index));
    }
    let text = core::str::from_utf8(arg).map_err(|_| ArgsError::NotUtf8(index))?;
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n')) {
        return Err(ArgsError::Control(index));
    }
    Ok(())
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "more than {ARGS} arguments"),
            Self::TooLong(index) => write!(f, "argument {index} has more than {ARG} bytes"),
            Self::TooLongTogether(index) => {
                write!(f, "with argument {index}, the arguments have more than {ARGS_BYTES} bytes")
            }
            Self::NotUtf8(index) => write!(f, "argument {index} is not UTF-8"),
            Self::Control(index) => write!(f, "argument {index} holds a control character other than tab and newline"),
        }
    }
}

impl core::error::Error for ArgsError {}
