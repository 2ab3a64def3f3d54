//! What a validator keeps to vote: its ballots, and the secret that hides them until they are opened.

use std::collections::BTreeMap;

use subvm_core::Ballot;
use subvm_core::wire::{Source, put_uint};

use crate::chain::Chain;
use crate::extension::{Extension, Item};
use crate::form::Form;
use crate::ids::Key;
use crate::job::JobKey;
use crate::poll::Poll;
use crate::tx::said;

/// A validator's ballots. What it says is bound to its key, and the same after a restart where the ballots were kept.
///
/// ```
/// use std::sync::Arc;
/// use subvm_chain::{Chain, Extension, Voter, sample};
/// let chain = Chain::new(Arc::new(sample::genesis(4)), Arc::new(subvm_host_mock::ScriptedEngine::new()))?;
/// let voter = Voter::new([9; 32], sample::signer(0).verifying_key().to_bytes());
/// let said = voter.extension(&chain, 1_000);
/// assert_eq!(said, Extension { time: 1_000, items: Vec::new() });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Voter {
    secret: [u8; 32],
    key: Key,
    ballots: BTreeMap<JobKey, Ballot>,
}

impl std::fmt::Debug for Voter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voter").field("ballots", &self.ballots.len()).finish_non_exhaustive()
    }
}

impl Voter {
    /// A validator of this key that has not voted. The secret is the node's own, as random as its key: whoever knows it can read ballots before
    /// they are opened.
    #[must_use]
    pub fn new(secret: [u8; 32], key: Key) -> Self {
        Self { secret, key, ballots: BTreeMap::new() }
    }

    /// Whether there is a ballot already.
    #[must_use]
    pub fn has(&self, job: &JobKey) -> bool {
        self.ballots.contains_key(job)
    }

    /// Keeps what a job came to. The first ballot stands: what it was committed to cannot change.
    pub fn keep(&mut self, job: JobKey, ballot: Ballot) {
        self.ballots.entry(job).or_insert(ballot);
    }

    /// Forgets what the chain does not ask for any more.
    pub fn forget(&mut self, chain: &Chain) {
        self.ballots.retain(|job, _| chain.poll(&job.call).is_some_and(|poll| job.is_about(poll)));
    }

    /// The ballots, to be kept on a disk before an extension is sent: without them a node that starts again cannot open what it committed to.
    ///
    /// ```
    /// use subvm_chain::Voter;
    /// let voter = Voter::new([9; 32], [1; 32]);
    /// let mut again = Voter::new([9; 32], [1; 32]);
    /// again.restore(&voter.to_bytes())?;
    /// assert!(again.restore(b"garbage").is_err());
    /// # Ok::<(), &'static str>(())
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_uint(&mut out, self.ballots.len() as u64);
        for (job, ballot) in &self.ballots {
            job.call.put(&mut out);
            job.poll.put(&mut out);
            job.about.put(&mut out);
            ballot.put(&mut out);
        }
        out
    }

    /// Takes back what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    /// Where they are no ballots; nothing is changed then.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let mut source = Source(bytes);
        let kept = source.list(|source| {
            let job = JobKey { call: Form::take(source)?, poll: Form::take(source)?, about: Form::take(source)? };
            Ok((job, Ballot::take(source)?))
        });
        let kept = kept.map_err(said)?;
        if !source.0.is_empty() {
            return Err("bytes follow the ballots");
        }
        self.ballots.extend(kept);
        Ok(())
    }

    /// What to say beside a precommit, now: it waits for nothing. `time` is this node's clock.
    #[must_use]
    pub fn extension(&self, chain: &Chain, time: u64) -> Extension {
        let own = chain.genesis().validators.iter().position(|validator| validator.key == self.key);
        let Some(own) = own.map(|at| at as u16) else { return Extension { time, items: Vec::new() } };
        let items = self.ballots.iter().filter_map(|(job, ballot)| {
            let poll = chain.poll(&job.call).filter(|poll| job.is_about(poll))?;
            poll.committee.binary_search(&own).ok()?;
            self.item(job, poll, own, *ballot)
        });
        Extension { time, items: items.take(Extension::ITEMS).collect() }
    }

    fn item(&self, job: &JobKey, poll: &Poll, own: u16, ballot: Ballot) -> Option<Item> {
        let (call, number, salt) = (job.call, poll.number, self.salt(job));
        let commitment = ballot.commit(&poll.proposal.digest(), &self.key, &salt);
        if !poll.opening {
            let new = !poll.commits.contains_key(&own);
            return new.then_some(Item::Commit { call, poll: number, commitment });
        }
        let mine = poll.commits.get(&own) == Some(&commitment) && !poll.opened.contains_key(&own);
        mine.then_some(Item::Open { call, poll: number, ballot, salt })
    }

    /// A salt that only this node can know, and that it need not keep.
    fn salt(&self, job: &JobKey) -> [u8; 32] {
        let mut bytes = Vec::new();
        job.call.put(&mut bytes);
        job.poll.put(&mut bytes);
        job.about.put(&mut bytes);
        *blake3::keyed_hash(&self.secret, &bytes).as_bytes()
    }
}

impl JobKey {
    pub(crate) fn is_about(&self, poll: &Poll) -> bool {
        self.poll == Some(poll.number) && self.about == poll.subject()
    }
}

impl Poll {
    /// What a ballot is about: the proposal, and what every node comes to with it.
    pub(crate) fn subject(&self) -> [u8; 32] {
        crate::ids::digest("subject of a ballot", &[&self.about, &self.agreed])
    }
}
