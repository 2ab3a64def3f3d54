//! Why a contract or runner cannot be loaded.

use std::fmt;

use subvm_core::{Invalid, PackageError};

use crate::action::ManifestError;
use crate::archive::ArchiveError;
use crate::id::{IdError, RunnerId};
use crate::source::SourceError;

/// Why a contract or runner cannot be loaded, with where it stands and what to do.
///
/// ```
/// use subvm_core::{Invalid, Mode};
/// use subvm_runners::{Blame, Loader, Nowhere};
/// let error = Loader::new(Nowhere).contract(b"print('hi')\n", Mode::Deterministic).unwrap_err();
/// assert_eq!(error.blame(), Blame::Contract(Invalid::RunnerAbsent));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RunnerError {
    /// It has too many bytes.
    TooLarge {
        /// Bytes that it has.
        bytes: usize,
        /// Bytes that it may have.
        most: usize,
    },
    /// A text without a comment that could say what it is.
    Absent,
    /// It is neither an archive nor a module nor UTF-8.
    NotUtf8 {
        /// What is not.
        what: &'static str,
        /// The first byte that is not.
        at: usize,
    },
    /// The version that it says is none.
    Version(String),
    /// An archive that is malformed.
    Archive(ArchiveError),
    /// An archive without `runner.json`.
    NoManifest,
    /// A `runner.json` that is malformed.
    Manifest(ManifestError),
    /// An action names a runner in a way that is none.
    Id(IdError),
    /// An action names a runner without a digest, and the source of runners knows none under that name.
    Floating(RunnerId),
    /// A runner that nobody has.
    NotFound(RunnerId),
    /// A runner that is there, and is another: its bytes have another digest.
    Changed {
        /// The runner.
        id: Box<RunnerId>,
        /// The id that its bytes have.
        found: Box<RunnerId>,
    },
    /// A runner that this node cannot read.
    Source {
        /// The runner.
        id: RunnerId,
        /// Why.
        error: SourceError,
    },
    /// An action cannot be followed.
    Action {
        /// The runner whose it is.
        runner: String,
        /// Which it is, as a path through its `runner.json`.
        action: String,
        /// Why.
        why: String,
    },
    /// The actions of a contract start no module.
    NoStart,
    /// Something within a runner, which this is.
    Within {
        /// The runner.
        id: RunnerId,
        /// What is wrong there.
        error: Box<RunnerError>,
    },
    /// The parts make no package.
    Package(PackageError),
}

/// Whose fault it is that a contract cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The contract's: every node comes to this VM error, `invalid_contract`.
    Contract(Invalid),
    /// This node's: others may load it. An internal error.
    Node,
}

impl RunnerError {
    /// Whose fault it is, and what it is to consensus.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Absent | Self::NotFound(_) => Blame::Contract(Invalid::RunnerAbsent),
            Self::NotUtf8 { .. } => Blame::Contract(Invalid::NotUtf8Text),
            Self::Changed { .. } | Self::Source { .. } => Blame::Node,
            Self::Within { error, .. } if error.blame() == Blame::Node => Blame::Node,
            _ => Blame::Contract(Invalid::RunnerMalformed),
        }
    }
}

impl fmt::Display for RunnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, most } => {
                write!(f, "{bytes} bytes, where a contract or runner has {most} at most")
            }
            Self::Absent => f.write_str(
                "nothing says what runs it: begin the text with a comment such as # { \"Depends\": \"<runner>\" }",
            ),
            Self::NotUtf8 { what, at } => write!(f, "{what} is not UTF-8 from byte {at} on"),
            Self::Version(why) => f.write_str(why),
            Self::Archive(error) => write!(f, "{error}"),
            Self::NoManifest => f.write_str("the archive holds no runner.json"),
            Self::Manifest(error) => write!(f, "{error}"),
            Self::Id(error) => write!(f, "{error}"),
            Self::Floating(id) => {
                write!(
                    f,
                    "the runner {id} names no digest, and floating names are not allowed here: pin it as <name>:<digest>"
                )
            }
            Self::NotFound(id) => write!(f, "the runner {id} is not there: put its archive into the registry"),
            Self::Changed { id, found } => {
                write!(f, "the runner {id} has changed: its bytes are those of {found}; put the archive back")
            }
            Self::Source { id, error } => write!(f, "the runner {id} cannot be read: {error}"),
            Self::Action { runner, action, why } => write!(f, "runner.json of {runner}: {action}: {why}"),
            Self::NoStart => f.write_str("its actions start no module: StartWasm is missing"),
            Self::Within { id, error } => write!(f, "the runner {id}: {error}"),
            Self::Package(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for RunnerError {}

impl From<ArchiveError> for RunnerError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

impl From<ManifestError> for RunnerError {
    fn from(error: ManifestError) -> Self {
        Self::Manifest(error)
    }
}

impl From<IdError> for RunnerError {
    fn from(error: IdError) -> Self {
        Self::Id(error)
    }
}
