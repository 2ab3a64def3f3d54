//! What is going to happen, in virtual time.

use std::collections::BTreeMap;
use std::rc::Rc;

use arc_malachitebft_core_consensus::{Input, LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_core_types::{Round, Timeout};
use subvm_bft::{Addr, Ctx, H};
use subvm_chain::{CallId, JobKey};
use subvm_core::{Ballot, Proposal};

use crate::rng::Rng;
use crate::scenario::Scenario;

/// Bytes of a signature.
const SIGNATURE: u64 = 64;

/// A block on its way.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) height: H,
    pub(crate) round: Round,
    pub(crate) valid_round: Round,
    pub(crate) proposer: Addr,
    pub(crate) bytes: Rc<Vec<u8>>,
}

/// What may happen to a validator.
#[derive(Clone)]
pub(crate) enum Event {
    Consensus(Box<SignedConsensusMsg<Ctx>>),
    Liveness(Box<LivenessMsg<Ctx>>),
    Block(Sent),
    Tx(Rc<Vec<u8>>),
    Input(Box<Input<Ctx>>),
    /// The timer of this number is over.
    Timeout(Timeout, u64),
    Propose(H, Round),
    /// It goes on with the next height.
    Start,
    /// It asks somebody for what it has missed.
    Poll,
    Restart,
    /// A run beside the chain is over.
    Led(JobKey, Option<Proposal>),
    Judged(JobKey, Ballot),
    /// Somebody may appeal.
    Appeal(CallId),
}

/// Since when a validator computes.
pub(crate) struct Pace {
    clock: fn() -> u64,
    since: u64,
}

impl Pace {
    pub(crate) fn new(clock: fn() -> u64) -> Self {
        Self { clock, since: clock() }
    }

    /// Microseconds since then.
    pub(crate) fn spent(&self) -> u64 {
        ((self.clock)() - self.since) / 1_000
    }
}

/// All that is going to happen.
pub(crate) struct Queue {
    /// Microseconds since the beginning.
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    /// Messages that were sent, lost and repeated.
    pub(crate) sent: [u64; 3],
    /// Bytes of those that were sent, where they are measured.
    pub(crate) bytes: u64,
    /// Where what is computed takes time: since when.
    pub(crate) pace: Option<Pace>,
    events: BTreeMap<(u64, u64), (u16, Event)>,
    sequence: u64,
}

impl Queue {
    pub(crate) fn new(seed: u64) -> Self {
        Self { now: 0, rng: Rng::new(seed), sent: [0; 3], bytes: 0, pace: None, events: BTreeMap::new(), sequence: 0 }
    }

    /// Something happens after so many microseconds.
    pub(crate) fn after(&mut self, time: u64, node: u16, event: Event) {
        self.sequence += 1;
        let spent = self.pace.as_ref().map_or(0, Pace::spent);
        self.events.insert((self.now + spent + time, self.sequence), (node, event));
    }

    /// Something is sent over the network: it may be lost, come twice, and overtake others.
    pub(crate) fn send(&mut self, scenario: &Scenario, to: u16, event: Event) {
        self.sent[0] += 1;
        if self.pace.is_some() {
            self.bytes += event.bytes();
        }
        let stable = self.now >= scenario.stable;
        if !stable && self.rng.chance(scenario.lost) {
            self.sent[1] += 1;
            return;
        }
        let delay = if stable { (500, 20_000) } else { scenario.delay };
        if self.rng.chance(scenario.repeated) {
            self.sent[2] += 1;
            let time = self.rng.between(delay);
            self.after(time, to, event.clone());
        }
        let time = self.rng.between(delay);
        self.after(time, to, event);
    }

    /// What happens next.
    pub(crate) fn next(&mut self) -> Option<(u16, Event)> {
        let ((time, _), next) = self.events.pop_first()?;
        self.now = time;
        Some(next)
    }
}

impl Event {
    /// Bytes of it on the network; of certificates, which are rare where nothing is lost, none.
    fn bytes(&self) -> u64 {
        let length = match self {
            Self::Consensus(message) => match &**message {
                SignedConsensusMsg::Vote(vote) => borsh::object_length(&vote.message),
                SignedConsensusMsg::Proposal(proposal) => borsh::object_length(&proposal.message),
            },
            Self::Block(sent) => return sent.bytes.len() as u64,
            _ => return 0,
        };
        length.map_or(0, |length| length as u64 + SIGNATURE)
    }

    /// A number for its kind, for the digest of a run.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Self::Consensus(_) => 0,
            Self::Liveness(_) => 1,
            Self::Block(_) => 2,
            Self::Tx(_) => 3,
            Self::Input(_) => 4,
            Self::Timeout(..) => 5,
            Self::Propose(..) => 6,
            Self::Start => 7,
            Self::Poll => 8,
            Self::Restart => 9,
            Self::Led(..) => 10,
            Self::Judged(..) => 11,
            Self::Appeal(_) => 12,
        }
    }
}
