//! The consensus parameters: with the message, the chain's state and the leader's results, all that may change a receipt.

use alloc::string::String;
use alloc::vec::Vec;

use crate::consensus::config::Refused;
use crate::consensus::profile::Profile;
use crate::costs::instructions::Schedule;
use crate::costs::{self, Limits};
use crate::own;
use subvm_calldata::Encoder;

/// What float instructions do in deterministic mode (`docs/spec/lowering.md`, *Floats*).
///
/// ```
/// use subvm_core::{FloatPolicy, Params};
/// let params = Params { floats: FloatPolicy::Canonical, ..Params::default() };
/// assert_eq!(FloatPolicy::default().name(), "soft");
/// assert_ne!(params.digest(), Params::default().digest(), "a chain has one policy");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum FloatPolicy {
    /// IEEE 754 in integer arithmetic.
    #[default]
    Soft,
    /// Reaching one is `wasm_trap nondet_instruction`.
    Trap,
    /// The hardware's, with canonical NaNs.
    Canonical,
}

impl FloatPolicy {
    /// The name in the parameters' encoding and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Trap => "trap",
            Self::Canonical => "canonical",
        }
    }
}

/// How the file and process interface reads where its users differ: what a libc needs, or the seed to the letter
/// (`docs/spec/wasi.md`, *Personalities*).
///
/// ```
/// use subvm_core::{Params, Personality};
/// let params = Params { personality: Personality::Program, ..Params::default() };
/// assert_eq!(Personality::default().name(), "seed");
/// assert_ne!(params.digest(), Params::default().digest(), "a chain has one personality");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Personality {
    /// The seed to the letter: what contracts have.
    #[default]
    Seed,
    /// What programs of stock libcs expect: what `subvm exec` has.
    Program,
    /// GenVM 0.3's: what contracts have where a chain follows it.
    GenVm,
}

impl Personality {
    /// The name in the parameters' encoding, in the configuration and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Program => "program",
            Self::GenVm => "genvm",
        }
    }
}

/// What all nodes of a chain must have in common.
///
/// # How long a run may work by default
/// An endless loop ends as `out_of gas time`, a result that nodes agree on, and not by the deadline, which is a *timeout* of each. So the
/// default of time gas, [`GAS_TIME`](crate::costs::GAS_TIME), is what the slowest machine can work off in the time that nodes are given:
///
/// | what | how much |
/// |---|--:|
/// | the median price, on the reference machine | .475 ns a tick |
/// | the worst price that is left: loads that miss every cache | 15 times that |
/// | the slowest machine, against the reference | 5 times |
/// | 800,000,000 ticks there | 28.5 s |
/// | the same in non-deterministic sub-VMs before | 57 s |
/// | the default deadline of a node (`run.deadline` of its configuration) | 60 s |
///
/// At the median price a run of all these ticks takes .4 s on the reference machine. A chain whose contracts need more raises both.
///
/// ```
/// use subvm_core::Params;
/// let params = Params::default();
/// assert_eq!(params.digest(), Params::default().digest());
/// assert_ne!(params.digest(), Params { fingerprints: false, ..Params::default() }.digest());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// What float instructions do.
    pub floats: FloatPolicy,
    /// Whose rules contracts find, where lines contradict each other.
    pub profile: Profile,
    /// How the file and process interface reads.
    pub personality: Personality,
    /// The version of the price table.
    pub schedule: u32,
    /// The version of lowering.
    pub lowering: u32,
    /// Every limit that a chain may choose.
    pub limits: Limits,
    /// The names that an environment may not hold.
    pub refused_env: Refused,
    /// Whether a failed run carries a fingerprint.
    pub fingerprints: bool,
    /// Whether modules may use exceptions (`docs/spec/lowering.md`, *Exceptions*). Off by default, for contracts: an engine on an
    /// interpreter has none.
    pub exceptions: bool,
}

/// The version of lowering that this release implements.
pub const LOWERING_VERSION: u32 = 1;
/// The newest version of the price table that this release implements; it has all before it, too ([`Schedule::ALL`]).
pub const SCHEDULE_VERSION: u32 = 1;

impl Default for Params {
    fn default() -> Self {
        Self {
            floats: FloatPolicy::default(),
            profile: Profile::default(),
            personality: Personality::default(),
            schedule: SCHEDULE_VERSION,
            lowering: LOWERING_VERSION,
            limits: Limits::default(),
            refused_env: Refused::default(),
            fingerprints: true,
            exceptions: false,
        }
    }
}

impl Params {
    /// The canonical encoding: a calldata map of every parameter. `personality` and `profile` are left out where they are the seed's, and `exceptions` where it is
    /// false, so that parameters from before there were others have the digest that they had.
    ///
    /// ```
    /// use subvm_core::{Params, calldata::Value};
    /// let params = Value::decode(&Params::default().to_bytes()).unwrap();
    /// assert_eq!(params["limits"]["depth"], Value::from(512));
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (personality, profile) = (self.personality != Personality::Seed, self.profile != Profile::Seed);
        own::written(512, |out| {
            out.map(6 + usize::from(personality) + usize::from(profile) + usize::from(self.exceptions));
            if self.exceptions {
                out.key("exceptions").bool(true);
            }
            out.key("fingerprints").bool(self.fingerprints).key("floats").str(self.floats.name());
            put_limits(out.key("limits"), &self.limits);
            out.key("lowering").int(self.lowering);
            if personality {
                out.key("personality").str(self.personality.name());
            }
            if profile {
                out.key("profile").str(self.profile.name());
            }
            let patterns = self.refused_env.patterns();
            out.key("refused_env").array(patterns.len());
            for pattern in patterns {
                out.str(pattern.as_str());
            }
            out.key("schedule").int(self.schedule);
        })
    }

    /// Whether a run of this release can be held to them: it has their versions, and room for their limits.
    ///
    /// ```
    /// use subvm_core::Params;
    /// assert_eq!(Params::default().supported(), Ok(()));
    /// assert!(Params { schedule: 9, ..Params::default() }.supported().unwrap_err().contains("schedule 9"));
    /// ```
    ///
    /// # Errors
    /// Why not.
    pub fn supported(&self) -> Result<(), String> {
        let Self { schedule, lowering, limits, .. } = self;
        if Schedule::of(*schedule).is_none() || *lowering != LOWERING_VERSION {
            let (schedules, lowerings) = (Schedule::ALL.len(), LOWERING_VERSION);
            return Err(alloc::format!(
                "parameters ask for schedule {schedule} and lowering {lowering}; this release has schedules 1 to {schedules} and lowering {lowerings}"
            ));
        }
        if limits.gas_time.max(limits.gas_time_nondet) > i64::MAX as u64 {
            return Err("parameters allow more time gas than 2^63 - 1 ticks".into());
        }
        if limits.stack_units > costs::STACK_UNITS {
            let most = costs::STACK_UNITS;
            return Err(alloc::format!(
                "parameters allow more than {most} stack units, for which no native stack is reserved"
            ));
        }
        if limits.depth > costs::DEPTH {
            let most = costs::DEPTH;
            return Err(alloc::format!(
                "parameters allow more than {most} nested sub-VMs, for which no addresses are there"
            ));
        }
        if limits.nondet_result < costs::NONDET_RESULT_LEAST {
            return Err("parameters allow no result that stands for one that is too large".into());
        }
        Ok(())
    }

    /// BLAKE3 of the encoding, which stands in every receipt.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }
}

fn put_limits(out: &mut Encoder, limits: &Limits) {
    // Taken apart by name, so that a new limit cannot be left out.
    let Limits {
        ram,
        open_fds,
        depth,
        nondet_blocks,
        stack_units,
        nondet_result,
        fingerprint_frames,
        gas_time,
        gas_time_nondet,
        gas_storage,
        gas_data,
    } = *limits;
    out.map(11);
    out.key("depth").int(depth);
    out.key("fingerprint_frames").int(fingerprint_frames);
    out.key("gas_data").int(gas_data);
    out.key("gas_storage").int(gas_storage);
    out.key("gas_time").int(gas_time);
    out.key("gas_time_nondet").int(gas_time_nondet);
    out.key("nondet_blocks").int(nondet_blocks);
    out.key("nondet_result").int(nondet_result);
    out.key("open_fds").int(open_fds);
    out.key("ram").int(ram);
    out.key("stack_units").int(stack_units);
}
