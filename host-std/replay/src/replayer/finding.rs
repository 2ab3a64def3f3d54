//! Where a replay leaves its recording.

use std::fmt;

use subvm_core::InternalErrorKind;

use crate::format::function::Function;
use crate::format::record::{Ask, Ends, Record, RunEnds};

/// Whether a replayed run was the recorded one.
///
/// ```
/// assert_eq!(subvm_replay::Verdict::Same.to_string(), "the run is the recorded one");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// It was, to its end.
    Same,
    /// It was, as far as the recording goes, which was cut.
    Ends,
    /// It was, to where the recorded run was stopped by its deadline or its engine.
    Stopped(InternalErrorKind),
    /// It does something else at some point: the module, the engine or the machine is not the recorded one.
    Differs(Box<Finding>),
    /// It needs the package with this digest, which the recording names and does not hold.
    NoPackage([u8; 32]),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("the run is the recorded one"),
            Self::Ends => f.write_str("the run is the recorded one as far as the recording goes: it was cut"),
            Self::Stopped(InternalErrorKind::Deadline) => {
                f.write_str("the run is the recorded one, to where its deadline stopped that")
            }
            Self::Stopped(InternalErrorKind::Cancelled) => {
                f.write_str("the run is the recorded one, to where its node called it off")
            }
            Self::Stopped(_) => f.write_str("the run is the recorded one, to where its engine failed"),
            Self::Differs(finding) => write!(f, "{finding}"),
            Self::NoPackage(digest) => {
                f.write_str("the recording does not hold the package ")?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// The first thing that a replayed run does otherwise than the recorded one.
///
/// ```
/// use subvm_replay::{Answer, Ask, Asked, Finding, Found, Record};
/// let recorded = Record::Asked(Asked { ask: Ask::TransactionTime, answer: Answer::Nanos(1) });
/// let finding = Finding { call: 3, path: vec![0, 2], within: None, recorded, found: Found::Ask(Ask::Elapsed) };
/// assert_eq!(
///     finding.to_string(),
///     "the run differs after 3 host calls, in sub-VM 0.2: recorded: the transaction's time: 1 ns; here: asks for elapsed time"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Host calls that had begun.
    pub call: u64,
    /// The sub-VM: from the main one down, each by its number among its parent's children.
    pub path: Vec<u64>,
    /// The host call that it is in.
    pub within: Option<Function>,
    /// What the recording has.
    pub recorded: Record,
    /// What the run did.
    pub found: Found,
}

/// What a replayed run did.
///
/// ```
/// use subvm_replay::{Ask, Found};
/// assert_eq!(Found::Ask(Ask::Random { len: 8 }).to_string(), "asks for 8 random bytes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A call, a sub-VM, or an end.
    Record(Record),
    /// It asked the node.
    Ask(Ask),
}

impl Found {
    /// Whether the engine failed.
    pub(super) fn engine_fails(&self) -> bool {
        let kind = match self {
            Self::Record(Record::Ends(Ends { result: Err(kind), .. })) => *kind,
            Self::Record(Record::RunEnds(RunEnds(Err((kind, _))))) => *kind,
            _ => return false,
        };
        kind == InternalErrorKind::Engine
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(record) => write!(f, "{record}"),
            Self::Ask(ask) => write!(f, "asks for {ask}"),
        }
    }
}

/// A sub-VM by its path, as `0.2.1`.
pub(crate) fn dotted(path: &[u64]) -> String {
    path.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

impl Finding {
    /// Where it is, for people.
    ///
    /// See [`Finding`] for an example.
    #[must_use]
    pub fn place(&self) -> String {
        let Self { call, path, within, .. } = self;
        let sub_vm = if path.is_empty() { String::new() } else { format!(", in sub-VM {}", dotted(path)) };
        let function = within.map(|function| format!(", within {}", function.name())).unwrap_or_default();
        format!("after {call} host calls{sub_vm}{function}")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recorded, found, .. } = self;
        write!(f, "the run differs {}: recorded: {recorded}; here: {found}", self.place())
    }
}
