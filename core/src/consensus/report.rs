//! What a run comes to.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::consensus::profile::Profile;
use crate::consensus::receipt::{self, Difference, Receipt, Vote};
use crate::fingerprint::Fingerprint;
use crate::outcome::Outcome;
use subvm_calldata::Value;

/// What a run came to: the receipt, and beside it what is no part of it.
///
/// ```
/// use subvm_core::{Outcome, Resource, VmError};
/// use subvm_host_mock::{MemoryHost, play};
/// let report = play(&MemoryHost::new(), |machine| machine.work(i64::MAX));
/// assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasTime)));
/// assert!(report.fingerprint.is_some() && !report.receipt.returned());
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    /// How the main sub-VM ended.
    pub outcome: Outcome,
    /// The machine at a failure, where the parameters ask for it.
    pub fingerprint: Option<Fingerprint>,
    /// What is voted on.
    pub receipt: Receipt,
    /// The most RAM that deterministic sub-VMs held, in bytes.
    pub ram_peak: u64,
    /// The most RAM that non-deterministic sub-VMs held, in bytes.
    pub ram_peak_nondet: u64,
    /// Time gas that non-deterministic sub-VMs used, in ticks.
    pub ticks_nondet: u64,
    /// What people should know: why a module was refused, which option helps.
    pub diagnostics: Vec<String>,
    pub(crate) disagreed_at: Option<u32>,
    pub(crate) profile: Profile,
}

impl Report {
    /// How the run failed, where it did: the text of a user error (of a value that is none, its text form), or of a VM error, in the words
    /// of the chain's profile.
    ///
    /// ```
    /// use subvm_host_mock::{MemoryHost, play};
    /// let report = play(&MemoryHost::new(), |machine| machine.work(i64::MAX));
    /// assert_eq!(report.failure().as_deref(), Some("out_of gas time"));
    /// assert_eq!(play(&MemoryHost::new(), |_| Ok(())).failure(), None);
    /// ```
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        Some(match &self.outcome {
            Outcome::Return(_) => return None,
            Outcome::UserError(text) => text.clone(),
            Outcome::UserValue(value) => {
                Value::decode(value).map_or_else(|error| error.to_string(), |value| value.to_string())
            }
            Outcome::VmError(error) => self.profile.text(*error),
        })
    }

    /// The first non-deterministic block on which this validator does not agree with the leader. Where the chain's profile lets the run go on
    /// with the leader's result, nothing else says so but the [`vote`](Self::vote).
    ///
    /// ```
    /// use subvm_host_mock::{MemoryHost, play};
    /// assert_eq!(play(&MemoryHost::new(), |_| Ok(())).disagreement(), None);
    /// ```
    #[must_use]
    pub fn disagreement(&self) -> Option<u32> {
        self.disagreed_at
    }

    /// This node's vote on the leader's receipt.
    ///
    /// ```
    /// use subvm_core::Vote;
    /// use subvm_host_mock::{MemoryHost, play};
    /// let contract = |fee| play(&MemoryHost::new(), move |machine| machine.end_with("Return", fee));
    /// let (own, same, other) = (contract(1), contract(1), contract(2));
    /// assert_eq!(own.vote(&same.receipt), Vote::Agree);
    /// assert_eq!(own.vote(&other.receipt).to_string(), "disagree at result");
    /// ```
    #[must_use]
    pub fn vote(&self, leader: &Receipt) -> Vote {
        match (self.disagreed_at, receipt::vote(Ok(&self.receipt), leader)) {
            // Whatever the leader says its receipt is: it may have foreseen this one.
            (Some(call), Vote::Agree | Vote::Disagree(_)) => {
                Vote::Disagree(Difference { field: "nondet", call: Some(call) })
            }
            (_, vote) => vote,
        }
    }
}
