//! How a run ended, in GenVM's words.

use subvm_calldata::Value;
use subvm_core::fingerprint::Fingerprint;
use subvm_core::{Invalid, Outcome, Resource, VmError};

use crate::execute::Line;

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) kind: Kind,
    /// The value, or the text of a VM error or an internal one.
    pub(crate) data: Value,
    pub(crate) fingerprint: Option<Fingerprint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Return = 0,
    UserError = 1,
    VmError = 2,
    InternalError = 3,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Return => "Return",
            Self::UserError => "UserError",
            Self::VmError => "VmError",
            Self::InternalError => "InternalError",
        }
    }

    /// The name in a sub-VM's hash, which spells one otherwise.
    pub(crate) fn small_name(self) -> &'static str {
        if self == Self::VmError { "VMError" } else { self.name() }
    }
}

impl Ended {
    /// Of the main sub-VM; `loading` is what loading its code came to, where that failed.
    pub(crate) fn of(outcome: &Outcome, fingerprint: Option<Fingerprint>, loading: Option<&str>, line: Line) -> Self {
        let (kind, data) = match outcome {
            Outcome::Return(bytes) => (Kind::Return, Value::decode(bytes).unwrap_or(Value::Null)),
            Outcome::UserError(text) => (Kind::UserError, Value::from(text.as_str())),
            Outcome::VmError(VmError::InvalidContract(Invalid::Package)) => {
                let text = loading.unwrap_or("invalid_contract runner malformed");
                (Kind::VmError, Value::from(spelled(text, line)))
            }
            Outcome::VmError(error) => (Kind::VmError, Value::from(text(*error, line))),
        };
        Self { kind, data, fingerprint }
    }

    pub(crate) fn vm_error(text: &str) -> Self {
        Self { kind: Kind::VmError, data: Value::from(text), fingerprint: None }
    }

    pub(crate) fn internal(why: &str) -> Self {
        Self { kind: Kind::InternalError, data: Value::from(why), fingerprint: None }
    }
}

/// The text of a VM error, in a line's words.
pub(crate) fn text(error: VmError, line: Line) -> String {
    match (error, line) {
        // Time gas stands where GenVM has the wall clock.
        (VmError::OutOf(Resource::GasTime), _) => "timeout".into(),
        (VmError::AbsentLeaderNondetOutput, Line::V0_3) => "leader_fault nondet_output absent".into(),
        (VmError::OutOf(Resource::Memory), Line::V0_2) => "OOM RAM".into(),
        (VmError::OutOf(Resource::WasmMemory), Line::V0_2) => "OOM RAM memory".into(),
        (VmError::OutOf(Resource::WasmTable), Line::V0_2) => "OOM RAM table".into(),
        (VmError::OutOf(Resource::Fds), Line::V0_2) => "OOM RAM limit".into(),
        (VmError::OutOf(Resource::GasStorage), Line::V0_2) => "OOM storage".into(),
        (VmError::OutOf(Resource::GasStorage), Line::V0_3) => "out_of storage".into(),
        (error, _) => error.to_string(),
    }
}

/// A text of 0.3 as a line spells it.
fn spelled(text: &str, line: Line) -> &str {
    match (text, line) {
        ("invalid_contract runner absent", Line::V0_2) => "invalid_contract absent_runner_comment",
        ("invalid_contract runner malformed", Line::V0_2) => "invalid_contract malformed_runner",
        (text, _) => text,
    }
}

/// A result of a block, with the text of its VM error in a line's words.
pub(crate) fn posted(result: &[u8], line: Line) -> Vec<u8> {
    match result.split_first() {
        Some((2, text)) => {
            let text = String::from_utf8_lossy(text);
            let spelled = text.parse().map_or_else(|_| text.to_string(), |error| self::text(error, line));
            [&[2][..], spelled.as_bytes()].concat()
        }
        _ => result.to_vec(),
    }
}

/// The same, the other way round. What subvm has no word for stays as it is, and is refused as malformed.
pub(crate) fn proposed(result: &[u8], line: Line) -> Vec<u8> {
    match result.split_first() {
        Some((2, text)) => {
            let known = |error: &VmError| self::text(*error, line).as_bytes() == text;
            let all = Resource::ALL.iter().map(|resource| VmError::OutOf(*resource));
            let found = all.chain([VmError::AbsentLeaderNondetOutput]).find(known);
            found.map_or_else(|| result.to_vec(), |error| [&[2][..], error.to_string().as_bytes()].concat())
        }
        _ => result.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_blocks_are_translated_there_and_back() {
        for line in [Line::V0_2, Line::V0_3] {
            for own in [&b"\0\0"[..], b"\x01no funds", b"\x02out_of memory", b"\x02exit_code 3", b"\x02out_of gas time"]
            {
                assert_eq!(proposed(&posted(own, line), line), own, "{line:?}");
            }
        }
        assert_eq!(posted(b"\x02out_of memory", Line::V0_2), b"\x02OOM RAM");
    }
}
