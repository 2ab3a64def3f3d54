//! Whose rules contracts find: subvm's own, or those of a line of GenVM. Source: `docs/genvm.md`, *Profiles*.

use alloc::vec::Vec;

use crate::outcome::Outcome;
use crate::own;
use subvm_calldata::Value;

/// Whose rules contracts find, where lines contradict each other. Part of the consensus parameters.
///
/// ```
/// use subvm_core::{Params, Profile};
/// let params = Params { profile: Profile::GenVm0_2, ..Params::default() };
/// assert_eq!(Profile::default().name(), "seed");
/// assert_ne!(params.digest(), Params::default().digest(), "a chain has one profile");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// subvm's own.
    #[default]
    Seed,
    /// Those of GenVM 0.1.
    GenVm0_1,
    /// Those of GenVM 0.2.
    GenVm0_2,
    /// Those of GenVM 0.3.
    GenVm0_3,
}

/// How a sandbox is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SandboxFields {
    /// What it may write and send, each by itself, and its time gas.
    Own,
    /// `allow_write_ops`: writes and messages, both or neither.
    WriteOps,
    /// Each by itself, runners that it may register, and the runner that it runs.
    Runner,
}

/// How a sub-VM hands a user error to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserErrors {
    /// As text.
    Text,
    /// As calldata.
    Calldata,
}

/// What profiles differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The fields of `Sandbox`.
    pub(crate) sandbox: SandboxFields,
    /// A user error in the result of a sub-VM.
    pub(crate) user_errors: UserErrors,
    /// Whether messages to contracts may say what they pay for themselves: `use_balance`, `fee_params`.
    pub(crate) fees: bool,
    /// Whether `response_format` may be left out.
    pub(crate) format_default: bool,
    /// Whether a web request may have no body, and `sign`.
    pub(crate) web_default: bool,
    /// Whether `Trace` takes `{"RuntimeMicroSec": null}`.
    pub(crate) trace_map: bool,
    /// Whether there are `Yield` and `GetTimestamp`.
    pub(crate) timestamp: bool,
    /// Whether non-deterministic blocks read storage.
    pub(crate) nondet_reads: bool,
    /// Whether sandboxes and blocks of a deployment know that it is one.
    pub(crate) child_is_init: bool,
    /// Whether fractions of a second are written in groups of three digits.
    pub(crate) grouped_fractions: bool,
}

const SEED: Rules = Rules {
    sandbox: SandboxFields::Own,
    user_errors: UserErrors::Text,
    fees: false,
    format_default: false,
    web_default: false,
    trace_map: false,
    timestamp: false,
    nondet_reads: false,
    child_is_init: true,
    grouped_fractions: false,
};

const GENVM_0_2: Rules = Rules { sandbox: SandboxFields::WriteOps, format_default: true, trace_map: true, ..SEED };

const GENVM_0_3: Rules = Rules {
    sandbox: SandboxFields::Runner,
    user_errors: UserErrors::Calldata,
    fees: true,
    web_default: true,
    timestamp: true,
    nondet_reads: true,
    child_is_init: false,
    grouped_fractions: true,
    ..GENVM_0_2
};

impl Rules {
    /// The bytes of a sub-VM's result, as its parent reads them and a leader posts them.
    pub(crate) fn result(&self, outcome: &Outcome) -> Vec<u8> {
        match (outcome, self.user_errors) {
            (Outcome::UserError(text), UserErrors::Calldata) => {
                let mut bytes = alloc::vec![outcome.code()];
                bytes.extend(own::encode(&Value::Str(text.clone())));
                bytes
            }
            _ => outcome.to_bytes(),
        }
    }
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 4] = [Self::Seed, Self::GenVm0_1, Self::GenVm0_2, Self::GenVm0_3];

    /// The name in the parameters' encoding.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::GenVm0_1 => "genvm-0.1",
            Self::GenVm0_2 => "genvm-0.2",
            Self::GenVm0_3 => "genvm-0.3",
        }
    }

    pub(crate) const fn rules(self) -> &'static Rules {
        match self {
            Self::Seed => &SEED,
            Self::GenVm0_1 | Self::GenVm0_2 => &GENVM_0_2,
            Self::GenVm0_3 => &GENVM_0_3,
        }
    }
}
