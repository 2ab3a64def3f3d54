//! Whose rules contracts find: subvm's own, or those of a line of GenVM. Source: `docs/genvm.md`, *Profiles*.

use alloc::string::String;
use alloc::vec::Vec;

use crate::consensus::permissions::Permissions;
use crate::consensus::words::{self, Words};
use crate::costs;
use crate::outcome::{InternalError, Outcome, VmError};
use crate::room;
use subvm_calldata::ValueRef;

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

/// What a validator's disagreement does to its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disagreement {
    /// It ends it.
    Ends,
    /// It is reported, and the run goes on with the leader's result.
    Reported,
}

/// What becomes of what a leader posted where that is no result, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaderFaults {
    /// It ends the run, with one text for all.
    End,
    /// A VM error that says which fault stands in its place, and the block goes on with it.
    Replaced,
}

/// Who may ask for balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balances {
    /// Who may read storage.
    Readers,
    /// Anybody, of any account; only deterministic sub-VMs of what is left of the contract's own.
    Anybody,
}

/// What seeds the deterministic random generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seed {
    /// The same words in every sub-VM.
    Fixed,
    /// SHA3-256 of descriptor 0.
    Message,
}

/// What sub-VMs are charged in RAM, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RamCosts {
    /// For a sub-VM.
    pub(crate) sub_vm: u64,
    /// For a storage page at its first write.
    pub(crate) page: u64,
    /// For a page written so far that a child sees, until it ends.
    pub(crate) inherited_page: u64,
    /// For a locked slot, for the run.
    pub(crate) locked_slot: u64,
    /// Whether the values of its environment count.
    pub(crate) env: bool,
    /// What has to be left for a web request, and for rendering.
    pub(crate) web: [u64; 2],
    /// Whether a block has what its caller has left, and not a budget that all blocks share.
    pub(crate) block_has_callers: bool,
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
    /// Whether a web request has one of seven methods.
    pub(crate) known_methods: bool,
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
    /// What a validator's disagreement does.
    pub(crate) disagreement: Disagreement,
    /// What a leader's missing or malformed result does.
    pub(crate) leader_faults: LeaderFaults,
    /// Whether a contract that calls itself sees what the run wrote.
    pub(crate) own_call_sees_writes: bool,
    /// Whether the calldata of a called contract has to be a call: a method's name, `args`, `kwargs`.
    pub(crate) calls_by_convention: bool,
    /// Who may ask for balances.
    pub(crate) balances: Balances,
    /// What an event needs beside determinism.
    pub(crate) event_needs: Permissions,
    /// What seeds `random_get`.
    pub(crate) seed: Seed,
    /// Whether calls of the layer below that revert, or are refused, end the sub-VM.
    pub(crate) eth_failures_end: bool,
    /// What VM errors are called.
    pub(crate) words: &'static Words,
    /// What is charged in RAM.
    pub(crate) ram: RamCosts,
}

const SEED: Rules = Rules {
    sandbox: SandboxFields::Own,
    user_errors: UserErrors::Text,
    fees: false,
    format_default: false,
    web_default: false,
    known_methods: false,
    trace_map: false,
    timestamp: false,
    nondet_reads: false,
    child_is_init: true,
    grouped_fractions: false,
    disagreement: Disagreement::Ends,
    leader_faults: LeaderFaults::End,
    own_call_sees_writes: true,
    calls_by_convention: false,
    balances: Balances::Readers,
    event_needs: Permissions::SEND_MESSAGES,
    seed: Seed::Fixed,
    eth_failures_end: false,
    words: &words::OWN,
    ram: RamCosts {
        sub_vm: costs::SUB_VM,
        page: costs::STORAGE_PAGE,
        inherited_page: 0,
        locked_slot: 0,
        env: false,
        web: [0; 2],
        block_has_callers: false,
    },
};

const GENVM_0_1: Rules = Rules {
    sandbox: SandboxFields::WriteOps,
    format_default: true,
    known_methods: true,
    trace_map: true,
    balances: Balances::Anybody,
    event_needs: Permissions::WRITE_STORAGE,
    words: &words::V0_2,
    ..SEED
};

/// Effects are no calls of the host any more, so that nobody sees them before the run has ended; and the host is told of disagreements.
const GENVM_0_2: Rules = Rules { own_call_sees_writes: false, disagreement: Disagreement::Reported, ..GENVM_0_1 };

const GENVM_0_3: Rules = Rules {
    sandbox: SandboxFields::Runner,
    user_errors: UserErrors::Calldata,
    fees: true,
    web_default: true,
    timestamp: true,
    nondet_reads: true,
    child_is_init: false,
    grouped_fractions: true,
    leader_faults: LeaderFaults::Replaced,
    calls_by_convention: true,
    seed: Seed::Message,
    eth_failures_end: true,
    words: &words::V0_3,
    ram: RamCosts {
        sub_vm: 128 << 20,
        page: 256,
        inherited_page: 128,
        locked_slot: 32,
        env: true,
        web: [64 << 10, 128 << 20],
        block_has_callers: true,
    },
    ..GENVM_0_2
};

impl Rules {
    /// The bytes of a sub-VM's result, as its parent reads them and a leader posts them.
    ///
    /// # Errors
    /// An internal error where there is no room for them.
    pub(crate) fn result(&self, outcome: &Outcome) -> Result<Vec<u8>, InternalError> {
        match (outcome, self.user_errors) {
            (Outcome::UserError(text), UserErrors::Calldata) => {
                // The code, and the text's head.
                let mut bytes = room::with(12 + text.len())?;
                bytes.push(outcome.code());
                ValueRef::Str(text).encode_into(&mut bytes);
                Ok(bytes)
            }
            (Outcome::VmError(error), _) => Ok(self.failed(*error)),
            _ => outcome.try_to_bytes(),
        }
    }

    /// The same of a VM error, whose text is bounded.
    pub(crate) fn failed(&self, error: VmError) -> Vec<u8> {
        [&[Outcome::VmError(error).code()][..], self.words.text(error).as_bytes()].concat()
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

    /// What this profile calls a VM error: the text that contracts, receipts and votes have.
    ///
    /// ```
    /// use subvm_core::{Profile, Resource, VmError};
    /// let error = VmError::OutOf(Resource::GasTime);
    /// assert_eq!([Profile::Seed, Profile::GenVm0_3].map(|profile| profile.text(error)), ["out_of gas time", "timeout"]);
    /// ```
    #[must_use]
    pub fn text(self, error: VmError) -> String {
        self.rules().words.text(error)
    }

    /// Whether a sub-VM has a number of calls and of values on its stack, beside stack units: 1,024 and 65,535.
    ///
    /// ```
    /// use subvm_core::Profile;
    /// assert!(Profile::GenVm0_1.counts_calls() && !Profile::Seed.counts_calls());
    /// ```
    #[must_use]
    pub const fn counts_calls(self) -> bool {
        !matches!(self, Self::Seed)
    }

    pub(crate) const fn rules(self) -> &'static Rules {
        match self {
            Self::Seed => &SEED,
            Self::GenVm0_1 => &GENVM_0_1,
            Self::GenVm0_2 => &GENVM_0_2,
            Self::GenVm0_3 => &GENVM_0_3,
        }
    }
}
