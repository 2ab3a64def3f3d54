//! What takes long, beside consensus: runs that ask the web or a model, as leader or as validator. A slow site delays its own call and
//! nothing else: blocks go on, and a ballot that is not there yet comes later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use subvm_chain::{CallId, Job, JobKey, Outside};
use subvm_config::Services;
use subvm_core::{Ballot, Cancel, Proposal};
use subvm_observe::telemetry;
use subvm_system::random::SystemRng;
use tokio::sync::{Semaphore, mpsc};

/// Heights after which a leader's run that came to nothing is tried again.
const AGAIN: u64 = 5;

/// What a job came to.
pub(crate) enum Done {
    Led(JobKey, Option<Proposal>),
    Checked(JobKey, Ballot),
}

enum Standing {
    Running(Cancel),
    /// A ballot, which the voter has; or a proposal, which is among `proposals`.
    Done,
    /// A leader's run failed, at this height.
    Failed(u64),
}

/// They.
pub(crate) struct Jobs {
    services: Services,
    slots: Arc<Semaphore>,
    deadline: Duration,
    standing: BTreeMap<JobKey, Standing>,
    proposals: BTreeMap<CallId, (JobKey, Proposal)>,
    tell: mpsc::UnboundedSender<Done>,
    #[cfg(feature = "faults")]
    fault: crate::fault::Fault,
}

impl Jobs {
    /// Its results come out of the receiver.
    pub(crate) fn new(config: &crate::config::Config, services: Services) -> (Self, mpsc::UnboundedReceiver<Done>) {
        let (tell, told) = mpsc::unbounded_channel();
        let jobs = Self {
            services,
            slots: Arc::new(Semaphore::new(config.jobs.at_once)),
            deadline: config.jobs.deadline(),
            standing: BTreeMap::new(),
            proposals: BTreeMap::new(),
            tell,
            #[cfg(feature = "faults")]
            fault: config.fault,
        };
        (jobs, told)
    }

    /// Begins what the chain wants of this node, and calls off what it wants no more. `leads` says whether this node proposes soon.
    pub(crate) fn follow(&mut self, height: u64, wanted: impl Iterator<Item = Job>, leads: bool) {
        let wanted: BTreeMap<JobKey, Job> = wanted.map(|job| (job.key(), job)).collect();
        self.standing.retain(|key, standing| {
            let keep = wanted.contains_key(key);
            if let (false, Standing::Running(cancel)) = (keep, standing) {
                cancel.cancel();
            }
            keep
        });
        self.proposals.retain(|_, (key, _)| wanted.contains_key(key));
        for (key, job) in wanted {
            let due = match self.standing.get(&key) {
                None => leads || job.proposal().is_some(),
                Some(Standing::Failed(at)) => leads && height >= at + AGAIN,
                Some(Standing::Running(_) | Standing::Done) => false,
            };
            if due {
                self.begin(key, job);
            }
        }
        metrics::gauge!("node_jobs")
            .set(self.standing.values().filter(|s| matches!(s, Standing::Running(_))).count() as f64);
    }

    fn begin(&mut self, key: JobKey, job: Job) {
        let cancel = Cancel::new();
        self.standing.insert(key, Standing::Running(cancel.clone()));
        let (slots, tell, deadline) = (Arc::clone(&self.slots), self.tell.clone(), self.deadline);
        let services = self.services.clone();
        #[cfg(feature = "faults")]
        let fault = self.fault;
        tokio::spawn(async move {
            let Ok(slot) = slots.acquire_owned().await else { return };
            let run = tokio::task::spawn_blocking(move || {
                let outside = Outside {
                    modules: Box::new(services.module_set()),
                    rng: Box::new(SystemRng::new()),
                    observer: Some(telemetry(None)),
                    deadline: Some(deadline),
                    cancel: Some(cancel),
                };
                if job.proposal().is_none() {
                    let proposal = job.run_as_leader(outside);
                    let proposal = proposal.inspect_err(
                        |error| tracing::warn!(tx = %job.tx(), %error, "this node has no results to propose"),
                    );
                    let proposal = proposal.ok();
                    #[cfg(feature = "faults")]
                    let proposal = fault.proposal(proposal);
                    Done::Led(key, proposal)
                } else {
                    let ballot = job.run_as_validator(outside);
                    #[cfg(feature = "faults")]
                    let ballot = fault.ballot(ballot);
                    Done::Checked(key, ballot)
                }
            });
            let done = run.await;
            drop(slot);
            if let Ok(done) = done {
                let _ = tell.send(done);
            }
        });
    }

    /// A leader's run ended. What it came to can be proposed.
    pub(crate) fn led(&mut self, height: u64, key: JobKey, proposal: Option<Proposal>) {
        // It may have been called off meanwhile.
        let Some(standing) = self.standing.get_mut(&key) else { return };
        match proposal {
            Some(proposal) => {
                *standing = Standing::Done;
                self.proposals.insert(key.call, (key, proposal));
            }
            None => *standing = Standing::Failed(height),
        }
    }

    /// A validator's run ended. Whether its ballot is still wanted.
    pub(crate) fn checked(&mut self, key: &JobKey) -> bool {
        self.standing.get_mut(key).map(|standing| *standing = Standing::Done).is_some()
    }

    /// What this node can propose.
    pub(crate) fn proposals(&self) -> Vec<(CallId, Proposal)> {
        self.proposals.iter().map(|(call, (_, proposal))| (*call, proposal.clone())).collect()
    }
}
