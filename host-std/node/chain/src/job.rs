//! Work beside the chain: a leader's run, and a validator's. They may take as long as the web does; no block waits for them.

use std::sync::Arc;

use subvm_core::{Address, Ballot, InternalError, Proposal, Role};

use crate::call::Call;
use crate::exec::{Outside, Seen, Vm};
use crate::ids::{CallId, TxId, address};
use crate::poll::Poll;
use crate::runner::Purpose;
use crate::world::{Case, Chainwide};

/// Which job it is. Two of the same key come to the same on the same node, and one run is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKey {
    /// The call.
    pub call: CallId,
    /// The number of the vote, where results are judged.
    pub poll: Option<u32>,
    /// The digest of the leader's proposal and of the receipt that every node comes to with it; zeros where there is none yet.
    pub about: [u8; 32],
}

/// A run that a node can make beside the chain. It holds all that it takes, and may be sent to another thread.
#[derive(Clone)]
pub struct Job {
    key: JobKey,
    vm: Vm,
    call: Arc<Call>,
    seen: Seen,
    /// Who is to run it: those who may lead, or the committee.
    by: Vec<Address>,
    proposal: Option<Arc<Proposal>>,
    /// The last block when it was made.
    height: u64,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Job {
    pub(crate) fn lead(all: &Chainwide, case: &Case, height: u64) -> Self {
        let keys = all.genesis.validators.iter().map(|validator| address(&validator.key));
        let by = keys.filter(|who| !case.led.contains(who)).collect();
        let key = JobKey { call: case.call.id, poll: None, about: [0; 32] };
        let (call, seen, proposal) = (Arc::clone(&case.call), case.seen.clone(), None);
        Self { key, vm: all.vm.clone(), call, seen, by, proposal, height }
    }

    pub(crate) fn check(all: &Chainwide, case: &Case, poll: &Poll, height: u64) -> Self {
        let of = |number: &u16| all.genesis.validators.get(usize::from(*number)).map(|one| address(&one.key));
        let by = poll.committee.iter().filter_map(of).collect();
        let key = JobKey { call: case.call.id, poll: Some(poll.number), about: poll.subject() };
        let (call, seen, proposal) = (Arc::clone(&case.call), case.seen.clone(), Some(Arc::clone(&poll.proposal)));
        Self { key, vm: all.vm.clone(), call, seen, by, proposal, height }
    }

    /// Which it is.
    #[must_use]
    pub fn key(&self) -> JobKey {
        self.key
    }

    /// The contract that runs.
    #[must_use]
    pub fn contract(&self) -> Address {
        self.call.contract
    }

    /// The transaction that it is for.
    #[must_use]
    pub fn tx(&self) -> TxId {
        self.call.tx
    }

    /// Whether a validator is to run it: as a leader, if it proposes a block soon and has not led the call before; or as one of the committee.
    #[must_use]
    pub fn is_for(&self, who: &Address) -> bool {
        self.by.contains(who)
    }

    /// The leader's proposal, where there is one to be judged; without one it is a leader's job.
    #[must_use]
    pub fn proposal(&self) -> Option<&Arc<Proposal>> {
        self.proposal.as_ref()
    }

    /// Runs it as a leader. Blocks as long as the web does.
    ///
    /// # Errors
    /// Where this node has no results: another leads then.
    pub fn run_as_leader(&self, outside: Outside) -> Result<Proposal, InternalError> {
        let about = self.call.about(self.height, Purpose::Lead);
        self.vm.run(&self.seen, &self.call, Role::Leader, outside, &about).map(|report| report.receipt.proposal())
    }

    /// Runs it as a validator. Blocks as long as the web does; a node that comes to nothing says *timeout*.
    #[must_use]
    pub fn run_as_validator(&self, outside: Outside) -> Ballot {
        let Some(proposal) = &self.proposal else { return Ballot::Timeout };
        let about = self.call.about(self.height, Purpose::Judge);
        match self.vm.run(&self.seen, &self.call, proposal.validator(), outside, &about) {
            Ok(report) => report.ballot(proposal),
            Err(_) => Ballot::Timeout,
        }
    }
}
