//! The application: what answers consensus. It decides nothing itself: whether a block is valid, what it does and what is voted are
//! `subvm-chain`'s. What is slow runs [beside](crate::jobs), what must survive is [kept](crate::store) before consensus is answered.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_malachitebft_app_channel::app::consensus::VoteExtensionError;
use arc_malachitebft_app_channel::app::engine::host::{HeightParams, Next, SyncedValueOutcome};
use arc_malachitebft_app_channel::app::types::core::{
    CommitCertificate, Context as _, ExtendedCommitCertificate, LinearTimeouts, Round, Validity, VoteExtensionPolicy,
    VoteExtensions,
};
use arc_malachitebft_app_channel::app::types::{LocallyProposedValue, PeerId, ProposedValue};
use arc_malachitebft_app_channel::{AppMsg, Channels};
use eyre::{Context as _, bail, eyre};
use subvm_bft::{Addr, Ctx, H, Id, Part, Set};
use subvm_chain::{Block, Chain, Extension, Fault, JobKey, Voter};
use subvm_core::{Address, Ballot, Difference, Engine, Vote};
use subvm_ledger::{Ledger, RedbLedger};
use tokio::sync::mpsc;

use crate::config::{Config, Keep, Timing};
use crate::forget;
use crate::jobs::{Done, Jobs};
use crate::shared::{Shared, mirror};
use crate::snapshots::Snapshots;
use crate::store::{Proposed, Store};
use crate::streams::Streams;
use crate::wire::Decided;

mod proposing;
mod refused;

/// Blocks of heights to come that are kept until it is their turn.
const EARLY: usize = 16;
/// Heights ahead for which a node runs as leader: its own turns among them.
const LEADS: u64 = 1;

/// A node's side of consensus.
pub(crate) struct App {
    shared: Arc<Shared>,
    me: Addr,
    set: Set,
    timing: Timing,
    keep: Keep,
    chain: Chain,
    voter: Voter,
    jobs: Jobs,
    told: mpsc::UnboundedReceiver<Done>,
    store: Arc<Store>,
    /// Blocks that are proposed and not decided.
    blocks: HashMap<Id, (Block, Vec<u8>)>,
    proposed: Vec<ProposedValue<Ctx>>,
    early: Vec<(Part, Vec<u8>)>,
    streams: Streams,
    /// Blocks of the next height that each peer sent.
    from: HashMap<PeerId, usize>,
    /// Blocks that came as decided already, while this node was behind.
    synced: HashSet<Id>,
    last: Option<Decided>,
    streamed: u64,
    #[cfg(feature = "faults")]
    fault: crate::fault::Fault,
}

/// What an application begins with.
pub(crate) struct Begin {
    pub(crate) shared: Arc<Shared>,
    pub(crate) me: Addr,
    pub(crate) set: Set,
    /// Bytes of the largest block.
    pub(crate) block: usize,
    pub(crate) voter: Voter,
    pub(crate) jobs: Jobs,
    pub(crate) told: mpsc::UnboundedReceiver<Done>,
}

impl App {
    /// Goes on where this node stopped.
    pub(crate) fn open(begin: Begin, config: &Config) -> eyre::Result<Self> {
        let Begin { shared, me, set, block, voter, jobs, told } = begin;
        let (chain, store) = (shared.chain(), Arc::clone(&shared.store));
        let last = store.decided(chain.height())?;
        let mut app = Self {
            shared,
            me,
            set,
            timing: config.consensus,
            keep: config.keep,
            chain,
            voter,
            jobs,
            told,
            store,
            blocks: HashMap::new(),
            proposed: vec![],
            early: vec![],
            streams: Streams::new(block),
            from: HashMap::new(),
            synced: HashSet::new(),
            last,
            streamed: 0,
            #[cfg(feature = "faults")]
            fault: config.fault,
        };
        for (key, ballot) in app.store.ballots()? {
            app.voter.keep(key, ballot);
        }
        app.voter.forget(&app.chain);
        for proposed in app.store.proposed()? {
            if proposed.height.0 == app.chain.height() + 1 {
                app.judge(proposed)?;
            }
        }
        Ok(app)
    }

    /// Answers consensus until it hangs up, or until something cannot be kept.
    pub(crate) async fn serve(&mut self, mut channels: Channels<Ctx>) -> eyre::Result<()> {
        let mut refused = refused::watch(&channels.events);
        loop {
            tokio::select! {
                biased;
                Some(value) = refused.recv() => self.refused(&value)?,
                done = self.told.recv() => match done {
                    Some(Done::Led(key, proposal)) => self.jobs.led(self.chain.height(), key, proposal),
                    Some(Done::Checked(key, ballot)) => {
                        if self.jobs.checked(&key) {
                            told(&key, &ballot, &self.chain);
                            // On disk first: a node that starts again must be able to open what it committed to.
                            self.store.cast(&key, &ballot)?;
                            self.voter.keep(key, ballot);
                        }
                    }
                    None => bail!("the jobs are gone"),
                },
                message = channels.consensus.recv() => match message {
                    Some(message) => self.answer(message, &channels).await?,
                    None => bail!("consensus hung up"),
                },
            }
        }
    }

    async fn answer(&mut self, message: AppMsg<Ctx>, channels: &Channels<Ctx>) -> eyre::Result<()> {
        match message {
            AppMsg::ConsensusReady { reply } => drop(reply.send((H(self.chain.height() + 1), self.params()))),
            AppMsg::StartedRound { height, round, proposer: _, role: _, reply_value } => {
                let _ = reply_value.send(self.started(height, round)?);
            }
            AppMsg::GetValue { height, round, timeout: _, reply } => {
                let id = self.value(height, round)?;
                let _ = reply.send(LocallyProposedValue::new(height, round, id));
                self.publish(channels, id, height, round, Round::Nil).await?;
            }
            AppMsg::ReceivedProposalPart { from, published_by, part, reply } => {
                let _ = reply.send(self.part(published_by.unwrap_or(from), part)?);
            }
            AppMsg::ExtendVote { reply, .. } => {
                // Never waits for a run: what is not there yet rides in a later vote.
                let said = self.voter.extension(&self.chain, now());
                #[cfg(feature = "faults")]
                let said = self.fault.extension(said, self.last_block().as_ref());
                let _ = reply.send(Some(said.to_bytes()));
            }
            AppMsg::VerifyVoteExtensions { extensions, reply, .. } => {
                let one = |(address, bytes): (Addr, Vec<u8>)| {
                    (
                        address,
                        Extension::from_bytes(&bytes).map(drop).map_err(|_| VoteExtensionError::InvalidVoteExtension),
                    )
                };
                let _ = reply.send(extensions.into_iter().map(one).collect());
            }
            AppMsg::Decided { certificate, extensions, reply } => {
                self.decided(certificate, extensions)?;
                let _ = reply.send(());
            }
            AppMsg::Finalized { certificate, extensions, evidence, reply } => {
                if !evidence.is_empty() {
                    metrics::counter!("node_evidence_total").increment(1);
                    tracing::warn!(height = certificate.height.0, ?evidence, "a validator said two things");
                }
                self.enlarge(certificate, extensions)?;
                let _ = reply.send(Next::Start(H(self.chain.height() + 1), self.params()));
            }
            AppMsg::GetHistoryMinHeight { reply } => drop(reply.send(H(self.store.lowest()?.unwrap_or(1)))),
            AppMsg::GetDecidedValues { range, reply } => {
                let values = tokio::task::block_in_place(|| self.store.range(range.start().0..=range.end().0))?;
                let _ = reply.send(values.into_iter().map(Decided::raw).collect());
            }
            AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply } => {
                let labels =
                    Part { height, round, pol_round: Round::Nil, proposer, first: true, last: true, bytes: vec![] };
                let outcome = if height.0 != self.chain.height() + 1 {
                    SyncedValueOutcome::LocalTransientError
                } else {
                    match self.take(&labels, value_bytes.to_vec())? {
                        Some(proposed) => {
                            self.synced.insert(proposed.value);
                            SyncedValueOutcome::Verdict(proposed)
                        }
                        None => SyncedValueOutcome::PeerFault,
                    }
                };
                metrics::counter!("node_synced_total").increment(1);
                let _ = reply.send(outcome);
            }
            AppMsg::RestreamProposal { height, round, valid_round, address: _, value_id } => {
                if self.blocks.contains_key(&value_id) {
                    self.publish(channels, value_id, height, round, valid_round).await?;
                }
            }
        }
        Ok(())
    }

    fn params(&self) -> HeightParams<Ctx> {
        let ms = Duration::from_millis;
        let Timing { block, propose, prevote, precommit, delta } = self.timing;
        let timeouts = LinearTimeouts {
            propose: ms(propose),
            propose_delta: ms(delta),
            prevote: ms(prevote),
            prevote_delta: ms(delta),
            precommit: ms(precommit),
            precommit_delta: ms(delta),
            rebroadcast: ms(2 * propose),
            max_timeout: ms(60_000),
        };
        HeightParams::new(self.set.clone(), timeouts, Some(ms(block)).filter(|block| !block.is_zero()))
            .with_vote_extension_policy(VoteExtensionPolicy::Required)
    }

    fn started(&mut self, height: H, round: Round) -> eyre::Result<Vec<ProposedValue<Ctx>>> {
        if round.as_i64() > 0 {
            metrics::counter!("node_rounds_total").increment(1);
            tracing::info!(height = height.0, round = round.as_i64(), "another round");
        }
        self.proposed.retain(|proposed| proposed.height >= height);
        let (now, later): (Vec<_>, _) =
            std::mem::take(&mut self.early).into_iter().partition(|(labels, _)| labels.height <= height);
        self.early = later;
        for (labels, bytes) in now {
            if labels.height == height {
                self.take(&labels, bytes)?;
            }
        }
        Ok(self
            .proposed
            .iter()
            .filter(|proposed| proposed.height == height && proposed.round == round)
            .cloned()
            .collect())
    }

    /// A block is decided: it is applied, and kept with the votes for it, before consensus hears of that.
    fn decided(&mut self, certificate: CommitCertificate<Ctx>, extensions: VoteExtensions<Ctx>) -> eyre::Result<()> {
        let id = certificate.value_id;
        let (block, bytes) =
            self.blocks.get(&id).cloned().ok_or_else(|| eyre!("the decided block {id} is not here"))?;
        let cert = ExtendedCommitCertificate::from_commit_certificate_and_extensions(certificate, extensions);
        let decided = Decided::new(cert, bytes);
        let mut chain = self.chain.clone();
        let records = tokio::task::block_in_place(|| -> eyre::Result<_> {
            let applied = chain.apply(&block).map_err(|fault| stopped(decided.height.0, fault))?;
            let records = self.shared.records(&block, &applied)?;
            let old = forget::old(&self.store, &chain, self.keep, self.shared.snapshots.lowest())?;
            self.store.decide(&decided, &records.kept, &old)?;
            self.shared.mirror(&applied)?;
            Ok(records)
        })?;
        self.chain = chain;
        self.last = Some(decided);
        self.voter.forget(&self.chain);
        self.store.forget(|key| self.voter.has(key))?;
        self.blocks.clear();
        self.from.clear();
        let behind = self.synced.contains(&id);
        self.synced.clear();
        self.shared.advance(&self.chain, records);
        // Who is behind does not ask the web what others have asked and settled.
        if !behind {
            self.follow();
        }
        Ok(())
    }

    /// More validators' votes came in after the decision: the next block can tell of them.
    fn enlarge(&mut self, certificate: CommitCertificate<Ctx>, extensions: VoteExtensions<Ctx>) -> eyre::Result<()> {
        let Some(last) = &self.last else { return Ok(()) };
        let votes = |decided: &Decided| decided.commits.iter().filter(|(_, _, ext)| ext.is_some()).count();
        let cert = ExtendedCommitCertificate::from_commit_certificate_and_extensions(certificate, extensions);
        if cert.value_id != last.id {
            return Ok(());
        }
        let larger = Decided::new(cert, last.block.clone());
        if votes(&larger) > votes(last) {
            tokio::task::block_in_place(|| self.store.enlarge(&larger))?;
            self.last = Some(larger);
        }
        Ok(())
    }

    fn follow(&mut self) {
        let next = self.chain.height() + 1;
        let mine = |height| Ctx.select_proposer(&self.set, H(height), Round::new(0)).addr == self.me;
        let leads = (next..=next + LEADS).any(mine);
        let me = Address(self.me.0);
        let wanted = self.chain.jobs().into_iter().filter(|job| job.is_for(&me) && !self.voter.has(&job.key()));
        self.jobs.follow(self.chain.height(), wanted, leads);
    }
}

/// Nanoseconds since 1970, as this machine's clock has them.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A ballot of this node's is counted, as votes are: an operator is woken by those that disagree.
fn told(key: &JobKey, ballot: &Ballot, chain: &Chain) {
    let poll = chain.poll(&key.call);
    let differs = |field, call| Vote::Disagree(Difference { field, call });
    let vote = match ballot {
        Ballot::Accept { .. } if poll.is_none_or(|poll| poll.agrees(ballot)) => Vote::Agree,
        Ballot::Accept { .. } => differs("receipt", None),
        Ballot::Reject { call: Some(call), .. } => differs("nondet", Some(*call)),
        Ballot::Reject { call: None, .. } => differs("message", None),
        Ballot::Timeout => Vote::Timeout("its own run came to nothing".into()),
        _ => return,
    };
    subvm_observe::voted(&vote);
}

/// A block that was decided does not follow here: this node's state is not the others'.
#[derive(Debug)]
pub(crate) struct Diverged {
    pub(crate) height: u64,
    fault: Fault,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} could not be applied: {}", self.height, self.fault)
    }
}

impl std::error::Error for Diverged {}

/// Why this node cannot go on with a decided block. Where its machine did not carry the block out, its state is still the others': it ends, and
/// whoever looks after it starts it again.
fn stopped(height: u64, fault: Fault) -> eyre::Report {
    match fault {
        Fault::Block(_) => Diverged { height, fault }.into(),
        fault => eyre!("block {height} could not be carried out: {fault}"),
    }
}

/// Begins with the newest snapshot that is good, or with the genesis, and applies the blocks that are kept: what a node does when it starts. It
/// never asks the web.
pub(crate) fn replay(
    chain: &mut Chain,
    store: &Store,
    ledger: &mut RedbLedger,
    snapshots: &Snapshots,
    engine: &Arc<dyn Engine>,
) -> eyre::Result<()> {
    let highest = store.height()?;
    for (height, _) in snapshots.kept().into_iter().rev().filter(|(height, _)| *height <= highest) {
        let restored = snapshots.read(height).and_then(|(root, mut bytes)| {
            Ok(Chain::restore_own(Arc::clone(chain.genesis()), Arc::clone(engine), &mut bytes, &root)?)
        });
        match restored {
            Ok(restored) => {
                *chain = restored;
                break;
            }
            Err(error) => {
                tracing::warn!(
                    height,
                    error = format!("{error:#}"),
                    "this node cannot begin with a snapshot of its own"
                )
            }
        }
    }
    let accepted = ledger.heights()?.accepted;
    if accepted < chain.height() {
        if accepted > 0 {
            bail!(
                "the ledger ends at block {accepted}, and this node begins with block {}: remove the directory `state` beside the blocks, and it is made anew",
                chain.height()
            );
        }
        crate::begin::fill(ledger, chain)?;
    }
    for height in chain.height() + 1..=highest {
        let decided = store.decided(height)?.ok_or_else(|| {
            eyre!("block {height} is not there, and later ones are: begin anew, with `subvm-node begin` or from other nodes")
        })?;
        let block = Block::from_bytes(&decided.block, &chain.genesis().rules)
            .map_err(|error| eyre!("block {height}, as kept, is damaged: {error}"))?;
        let applied =
            chain.apply(&block).map_err(|fault| eyre!("block {height}, as kept, cannot be applied: {fault}"))?;
        mirror(ledger, &applied).wrap_err_with(|| format!("the ledger does not take block {height}"))?;
    }
    Ok(())
}

/// What is kept of a proposal.
fn kept(labels: &Part, id: Id, bytes: Vec<u8>) -> Proposed {
    let (height, round, valid_round, proposer) = (labels.height, labels.round, labels.pol_round, labels.proposer);
    Proposed { height, round, valid_round, proposer, id, bytes }
}

/// The verdict of a rule.
fn validity(valid: bool) -> Validity {
    Validity::from_bool(valid)
}

#[cfg(test)]
mod tests {
    use subvm_chain::InvalidBlock;
    use subvm_core::{InternalError, InternalErrorKind};

    use super::*;

    #[test]
    fn a_machine_that_fails_has_not_diverged() {
        let other = stopped(7, Fault::Block(InvalidBlock::Header("root")));
        assert!(other.is::<Diverged>() && other.to_string().contains("block 7"), "{other}");
        let failed = stopped(7, Fault::Execution(InternalError::new(InternalErrorKind::Host, "no memory")));
        assert!(!failed.is::<Diverged>() && failed.to_string().contains("no memory"), "{failed:#}");
    }
}
