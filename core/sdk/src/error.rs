//! What can go wrong, as values.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// What a contract's functions give: an error ends a method, as a user error whose text is the error's.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why something did not work. A method that returns one ends with `UserError`, and its text.
///
/// ```
/// use subvm_sdk::{Error, ErrorKind, Failure};
/// assert_eq!(Error::from("not yours").to_string(), "not yours");
/// let failed = Error::from(ErrorKind::Failed(Failure::Vm("out_of fds".into())));
/// assert_eq!(failed.to_string(), "the sub-VM failed: out_of fds");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<ErrorKind>);

/// The ways in which something does not work.
///
/// ```
/// use subvm_sdk::{Error, ErrorKind};
/// assert_eq!(Error::from("no").kind(), &ErrorKind::User("no".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The contract's own, in words.
    User(String),
    /// Calldata is not of the type that was asked for: where in it, and how.
    Calldata(String, Problem),
    /// Storage holds what this layout did not write: in which field, and how.
    Storage(String, Problem),
    /// The host refused a call: its name, and the errno of `docs/spec/sdk.md` or `docs/spec/wasi.md`.
    Refused(&'static str, u32),
    /// A view tried to change something: what.
    View(&'static str),
    /// Another sub-VM failed: a block, a sandbox, a called contract.
    Failed(Failure),
    /// A module failed, with this code: the web, a model.
    Module(String),
}

/// How another sub-VM failed.
///
/// ```
/// use subvm_sdk::{Error, ErrorKind, Failure};
/// let failure = Failure::User("no such page".into());
/// assert_eq!(Error::from(ErrorKind::Failed(failure)).to_string(), "no such page");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// By its own user error, with this text.
    User(String),
    /// By a VM error, with this code.
    Vm(String),
}

/// How a value is not what was asked for.
///
/// ```
/// use subvm_sdk::{ErrorKind, Problem, data};
/// let error = data::from_bytes::<bool>(&[0x09]).unwrap_err();
/// assert_eq!(error.kind(), &ErrorKind::Calldata(String::new(), Problem::Expected("a boolean")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Bytes are no canonical calldata: the code of `docs/spec/calldata.md`, or what is wrong with a layout.
    Malformed(&'static str),
    /// Another type, or out of its range: what was expected.
    Expected(&'static str),
    /// A field that must be there is not.
    Missing,
    /// A field that nobody knows.
    Unknown,
    /// A variant, or a method, that nobody knows.
    NoSuch(&'static str),
    /// The message sends money, and what it calls takes none.
    NotPayable,
}

impl Error {
    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// This error, found within `outer`: a field, a key, an index.
    #[must_use]
    #[inline(never)]
    pub fn within(mut self, outer: &str) -> Self {
        if let ErrorKind::Calldata(path, _) | ErrorKind::Storage(path, _) = &mut *self.0 {
            if !path.is_empty() {
                path.insert(0, '.');
            }
            path.insert_str(0, outer);
        }
        self
    }

    #[inline(never)]
    pub(crate) fn calldata(path: &str, problem: Problem) -> Self {
        ErrorKind::Calldata(path.into(), problem).into()
    }

    /// Calldata is not what was asked for.
    #[inline(never)]
    pub(crate) fn expected(what: &'static str) -> Self {
        Self::calldata("", Problem::Expected(what))
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        ErrorKind::User(text.into()).into()
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        ErrorKind::User(text).into()
    }
}

impl core::error::Error for Error {}

impl Error {
    /// The text of the user error that this becomes. It takes no formatting, which would be kilobytes of a contract.
    #[must_use]
    pub fn text(&self) -> String {
        let parts: [&str; 6] = match self.kind() {
            ErrorKind::User(text) | ErrorKind::Failed(Failure::User(text)) => ["", "", text, "", "", ""],
            ErrorKind::Calldata(path, problem) => located("calldata", path, *problem),
            ErrorKind::Storage(path, problem) => located("storage", path, *problem),
            ErrorKind::Refused(call, errno) => [call, " was refused: ", errno_text(*errno), "", "", ""],
            ErrorKind::View(what) => ["a view cannot ", what, "", "", "", ""],
            ErrorKind::Failed(Failure::Vm(code)) => ["the sub-VM failed: ", code, "", "", "", ""],
            ErrorKind::Module(code) => ["the module failed: ", code, "", "", "", ""],
        };
        parts.concat()
    }
}

fn located<'a>(what: &'static str, path: &'a str, problem: Problem) -> [&'a str; 6] {
    [what, if path.is_empty() { "" } else { ", " }, path, ": ", problem.text(), problem.what()]
}

/// Its text.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Problem {
    const fn text(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed: ",
            Self::Expected(_) => "expected ",
            Self::Missing => "a field is missing",
            Self::Unknown => "an unknown field",
            Self::NoSuch(_) => "there is no such ",
            Self::NotPayable => "it takes no value",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Malformed(what) | Self::Expected(what) | Self::NoSuch(what) => what,
            Self::Missing | Self::Unknown | Self::NotPayable => "",
        }
    }
}

/// The name of an errno of `genlayer_sdk`. Those of WASI do not occur with what this library asks for.
const fn errno_text(errno: u32) -> &'static str {
    match errno {
        2 => "inval",
        6 => "forbidden",
        7 => "inbalance",
        _ => "errno",
    }
}
