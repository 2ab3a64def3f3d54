//! How a run ended, in GenVM's words.

use subvm_calldata::Value;
use subvm_core::fingerprint::Fingerprint;
use subvm_core::{Outcome, Resource, VmError};

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
    /// What no parent may catch, of a run within another executor's.
    FatalVmError = 4,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Return => "Return",
            Self::UserError => "UserError",
            Self::VmError => "VmError",
            Self::InternalError => "InternalError",
            Self::FatalVmError => "FatalVmError",
        }
    }

    /// The name in a sub-VM's hash, which spells one otherwise.
    pub(crate) fn small_name(self) -> &'static str {
        if matches!(self, Self::VmError | Self::FatalVmError) { "VMError" } else { self.name() }
    }
}

impl Ended {
    /// Of the main sub-VM.
    pub(crate) fn of(outcome: &Outcome, fingerprint: Option<Fingerprint>, line: Line) -> Self {
        let (kind, data) = match outcome {
            Outcome::Return(bytes) => (Kind::Return, Value::decode(bytes).unwrap_or(Value::Null)),
            Outcome::UserError(text) => (Kind::UserError, Value::from(text.as_str())),
            Outcome::UserValue(bytes) => (Kind::UserError, Value::decode(bytes).unwrap_or(Value::Null)),
            Outcome::VmError(error) => (Kind::VmError, Value::from(line.profile().text(*error))),
        };
        Self { kind, data, fingerprint }
    }

    pub(crate) fn vm_error(error: VmError, line: Line) -> Self {
        Self { kind: Kind::VmError, data: Value::from(line.profile().text(error)), fingerprint: None }
    }

    /// A VM error that only this executor comes to.
    pub(crate) fn said(text: &str) -> Self {
        Self { kind: Kind::VmError, data: Value::from(text), fingerprint: None }
    }

    /// Of a run within another executor's, whose own parents may not catch that the time is used up.
    pub(crate) fn within(&mut self, outcome: &Outcome) {
        if *outcome == Outcome::VmError(VmError::OutOf(Resource::GasTime)) {
            self.kind = Kind::FatalVmError;
        }
    }

    pub(crate) fn internal(why: &str) -> Self {
        Self { kind: Kind::InternalError, data: Value::from(why), fingerprint: None }
    }
}
