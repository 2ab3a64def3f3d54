//! A validator: malachite's consensus, fed with events, and its effects carried out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use arc_malachitebft_core_consensus::{
    Effect, Error, Input, LivenessMsg, LocallyProposedValue, Params, ProposedValue, Resumable, Resume,
    SignedConsensusMsg, State, process,
};
use arc_malachitebft_core_types::{
    ExtendedCommitCertificate, LinearTimeouts, Round, Timeout, Validity, ValueOrigin, ValuePayload,
    VoteExtensionPolicy, VoteExtensionScope,
};
use arc_malachitebft_signing_ed25519 as ed;
use subvm_bft::{Addr, Again, Ctx, H, Id, Keys, Set};
use subvm_chain::{Block, CallId, Chain, JobKey, SignedTx, TxId, Voter, sample};
use subvm_core::{Address, Proposal};

use crate::contracts::Beginning;
use crate::invariants::Checker;
use crate::lies::Lie;
use crate::queue::{Event, Queue, Sent};
use crate::scenario::Scenario;

mod app;
mod disk;
mod say;
mod signatures;

use disk::Disk;

/// What all validators of a run have in common.
pub(crate) struct World<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) beginning: &'a Beginning,
    pub(crate) timeouts: LinearTimeouts,
    pub(crate) set: Set,
    pub(crate) queue: Queue,
    pub(crate) checker: Checker,
    /// Later rounds that were entered, and crashes.
    pub(crate) rounds: u64,
    pub(crate) crashes: u64,
}

pub(crate) struct Node {
    pub(crate) number: u16,
    me: Addr,
    /// Its address on the chain, and its key.
    who: Address,
    keys: Keys,
    lies: Vec<Lie>,
    state: Option<Box<State<Ctx>>>,
    /// Never walked through: a hash decides nothing.
    timers: HashMap<Timeout, u64>,
    timer: u64,
    /// Blocks of heights that have not begun.
    early: Vec<Sent>,
    pub(crate) chain: Chain,
    /// Results to propose, and runs that are going on.
    led: BTreeMap<CallId, Proposal>,
    running: BTreeSet<JobKey>,
    /// What it says again.
    again: Again,
    waiting: BTreeMap<([u8; 32], u64), SignedTx>,
    known: BTreeSet<TxId>,
    pub(crate) disk: Disk,
    pub(crate) up: bool,
    /// Whether its own lies have ended its consensus.
    pub(crate) ended: bool,
    replaying: bool,
}

fn fresh(me: Addr, height: u64, set: &Set) -> Box<State<Ctx>> {
    let value_payload = ValuePayload::ProposalAndParts;
    let params = Params { address: me, threshold_params: Default::default(), value_payload, enabled: true };
    Box::new(State::new(Ctx, H(height), set.clone(), params, 16, 1_000))
}

impl Node {
    pub(crate) fn new(number: u16, world: &World<'_>) -> Self {
        let Beginning { genesis, engine, .. } = world.beginning;
        let mut chain = Chain::new(genesis.clone(), engine.clone()).expect("the sample begins");
        if let Some((mutant, only)) = world.scenario.mutant
            && only.is_none_or(|only| only == number)
        {
            chain.plant(mutant);
        }
        let (who, key) = (sample::validator(number), sample::signer(number));
        let secret = *blake3::hash(&number.to_le_bytes()).as_bytes();
        let voter = Voter::new(secret, key.verifying_key().to_bytes());
        let keys = Keys { chain: genesis.chain_id, secret: ed::PrivateKey::from(key.to_bytes()) };
        let me = Addr(who.0);
        let lies = world.scenario.liars.get(&number).cloned().unwrap_or_default();
        Self {
            number,
            me,
            who,
            keys,
            lies,
            state: Some(fresh(me, 1, &world.set)),
            timers: HashMap::new(),
            timer: 0,
            early: Vec::new(),
            disk: Disk::new(chain.clone(), voter, world.scenario.crash),
            chain,
            led: BTreeMap::new(),
            running: BTreeSet::new(),
            again: Again::default(),
            waiting: BTreeMap::new(),
            known: BTreeSet::new(),
            up: true,
            ended: false,
            replaying: false,
        }
    }

    pub(crate) fn lies(&self, lie: Lie) -> bool {
        self.lies.contains(&lie)
    }

    /// The height that consensus is at.
    pub(crate) fn at(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.height().0)
    }

    pub(crate) fn happens(&mut self, world: &mut World<'_>, event: Event) {
        match event {
            Event::Consensus(message) => match *message {
                SignedConsensusMsg::Vote(vote) => self.feed(world, Input::Vote(vote)),
                SignedConsensusMsg::Proposal(proposal) => self.feed(world, Input::Proposal(proposal)),
            },
            Event::Liveness(message) => match *message {
                LivenessMsg::Vote(vote) => self.feed(world, Input::Vote(vote)),
                LivenessMsg::PolkaCertificate(polka) => self.feed(world, Input::PolkaCertificate(polka)),
                LivenessMsg::SkipRoundCertificate(skip) => self.feed(world, Input::RoundCertificate(skip)),
            },
            Event::Block(sent) => self.block(world, sent),
            Event::Input(input) => self.feed(world, *input),
            Event::Timeout(timeout, timer) => {
                if self.timers.get(&timeout) == Some(&timer) {
                    self.timers.remove(&timeout);
                    self.feed(world, Input::TimeoutElapsed(timeout));
                }
            }
            Event::Propose(height, round) => self.propose(world, height, round),
            Event::Start => self.start(world),
            Event::Restart => self.restart(world),
            Event::Tx(bytes) => self.tx(&bytes),
            Event::Led(key, proposal) => self.led(key, proposal),
            Event::Judged(key, ballot) => self.judged(world, key, ballot),
            Event::Poll | Event::Appeal(_) => {}
        }
    }

    fn feed(&mut self, world: &mut World<'_>, input: Input<Ctx>) {
        // The state leaves the node while its effects need the rest of it.
        let Some(mut state) = self.state.take() else { return };
        // Nothing, but where the node is built beside this, which counts: then they are made and thrown away.
        #[allow(clippy::let_unit_value)]
        let metrics = Default::default();
        let result: Result<(), Error<Ctx>> = process!(
            input: input, state: &mut *state, metrics: &metrics,
            with: effect => self.act(world, effect)
        );
        match result {
            Ok(()) => self.state = Some(state),
            // What a liar voted before a crash is not what it votes again: its process ends, and the others go on. Seed 3061.
            Err(_) if world.scenario.liars.contains_key(&self.number) => self.ended = true,
            Err(error) => {
                self.state = Some(state);
                world.checker.broken(format!("consensus of validator {} failed: {error}", self.number));
            }
        }
    }

    // As large as malachite makes it.
    #[allow(clippy::result_large_err)]
    fn act(&mut self, world: &mut World<'_>, effect: Effect<Ctx>) -> Result<Resume<Ctx>, Error<Ctx>> {
        Ok(match effect {
            Effect::CancelAllTimeouts(r) => {
                self.timers.clear();
                r.resume_with(())
            }
            Effect::CancelTimeout(timeout, r) => {
                self.timers.remove(&timeout);
                r.resume_with(())
            }
            Effect::ScheduleTimeout(timeout, r) => {
                self.timer += 1;
                self.timers.insert(timeout, self.timer);
                let after = world.timeouts.duration_for(timeout).as_micros() as u64;
                world.queue.after(after, self.number, Event::Timeout(timeout, self.timer));
                r.resume_with(())
            }
            Effect::StartRound(_, round, _, _, r) => {
                world.rounds += u64::from(round.as_i64() > 0);
                r.resume_with(())
            }
            Effect::PublishConsensusMsg(message, r) => {
                self.publish(world, message);
                r.resume_with(())
            }
            Effect::PublishLivenessMsg(message, r) => {
                self.others(world, &Event::Liveness(Box::new(message)));
                r.resume_with(())
            }
            Effect::RepublishVote(vote, r) => {
                self.repeat(world, vote);
                r.resume_with(())
            }
            Effect::RepublishRoundCertificate(skip, r) => {
                self.others(world, &Event::Liveness(Box::new(LivenessMsg::SkipRoundCertificate(skip))));
                r.resume_with(())
            }
            Effect::GetValue(height, round, _, r) => {
                world.queue.after(0, self.number, Event::Propose(height, round));
                r.resume_with(())
            }
            Effect::RestreamProposal(height, round, valid_round, _, id, r) => {
                if let Some(bytes) = self.disk.blocks.get(&id).cloned() {
                    let sent = Sent { height, round, valid_round, proposer: self.me, bytes };
                    self.others(world, &Event::Block(sent));
                }
                r.resume_with(())
            }
            Effect::Decide(certificate, extensions, r) => {
                let all = ExtendedCommitCertificate::from_commit_certificate_and_extensions(certificate, extensions);
                self.decide(world, all);
                r.resume_with(())
            }
            Effect::Finalize(certificate, extensions, _, r) => {
                let all = ExtendedCommitCertificate::from_commit_certificate_and_extensions(certificate, extensions);
                self.finalize(world, all);
                world.queue.after(0, self.number, Event::Start);
                r.resume_with(())
            }
            Effect::SignVote(vote, r) => r.resume_with(self.keys.vote(vote)),
            Effect::SignProposal(proposal, r) => r.resume_with(self.keys.proposal(proposal)),
            Effect::VerifySignature(message, key, r) => r.resume_with(world.signatures().message(&message, &key)),
            Effect::VerifyCommitCertificate(certificate, set, thresholds, r) => {
                r.resume_with(world.signatures().commit(&certificate, &set, thresholds))
            }
            Effect::VerifyExtendedCommitCertificate(certificate, set, thresholds, policy, r) => {
                r.resume_with(world.signatures().extended(&certificate, &set, thresholds, policy))
            }
            Effect::VerifyPolkaCertificate(certificate, set, thresholds, r) => {
                r.resume_with(world.signatures().polka(&certificate, &set, thresholds))
            }
            Effect::VerifyRoundCertificate(certificate, set, thresholds, r) => {
                r.resume_with(world.signatures().round(&certificate, &set, thresholds))
            }
            Effect::WalAppend(height, input, r) => {
                let writes = !self.replaying && height.0 == self.disk.log.0;
                if writes && self.disk.write(&mut world.queue, world.scenario.stable) {
                    self.disk.log.1.push(input);
                }
                r.resume_with(())
            }
            Effect::ExtendVote(height, round, id, _, r) => {
                let bytes = self.extension(world);
                let scope = VoteExtensionScope::new(height, round, id, self.me);
                r.resume_with(Some(self.keys.extension(&scope, bytes)))
            }
            Effect::VerifyVoteExtension(height, round, id, address, extension, key, r) => {
                let scope = VoteExtensionScope::new(height, round, id, address);
                r.resume_with(world.signatures().extension(&scope, &extension, &key))
            }
            Effect::CertVerifiedSyncValue(value, proposer, r) => {
                let (height, round) = (value.certificate.height, value.certificate.round);
                let bytes = Rc::new(value.value_bytes.to_vec());
                let sent = Sent { height, round, valid_round: Round::Nil, proposer, bytes };
                if let Some(proposed) = self.take(world, &sent) {
                    let input = Input::ProposedValue(proposed, ValueOrigin::Sync);
                    world.queue.after(0, self.number, Event::Input(Box::new(input)));
                }
                r.resume_with(())
            }
            Effect::CertRejectedSyncValue(_, _, error, r) => {
                world.checker.broken(format!("validator {} took no block that was decided: {error}", self.number));
                r.resume_with(())
            }
        })
    }

    /// Looks at a block that somebody proposes.
    fn take(&mut self, world: &mut World<'_>, sent: &Sent) -> Option<ProposedValue<Ctx>> {
        let block = Block::from_bytes(&sent.bytes, &world.beginning.genesis.rules).ok()?;
        let value = Id(block.id().0);
        let validity = Validity::from_bool(self.chain.validate(&block).is_ok());
        // The log names blocks: consensus hears of one when it is on the disk.
        if !self.disk.blocks.contains_key(&value) {
            let written = self.disk.write(&mut world.queue, world.scenario.stable);
            if written {
                self.disk.blocks.insert(value, Rc::clone(&sent.bytes));
            }
        }
        let Sent { height, round, valid_round, proposer, .. } = *sent;
        Some(ProposedValue { height, round, valid_round, proposer, value, validity })
    }

    fn block(&mut self, world: &mut World<'_>, sent: Sent) {
        let next = self.chain.height() + 1;
        if sent.height.0 > next {
            self.early.push(sent);
        } else if sent.height.0 == next
            && let Some(proposed) = self.take(world, &sent)
            && !self.disk.dying
        {
            self.feed(world, Input::ProposedValue(proposed, ValueOrigin::Consensus));
        }
    }

    /// Tells consensus, and the others, of a block built here.
    fn put_forward(&mut self, world: &mut World<'_>, height: H, round: Round, id: Id) {
        let Some(bytes) = self.disk.blocks.get(&id).cloned() else { return };
        let sent = Sent { height, round, valid_round: Round::Nil, proposer: self.me, bytes };
        self.others(world, &Event::Block(sent));
        self.feed(world, Input::Propose(LocallyProposedValue::new(height, round, id)));
    }

    pub(crate) fn start(&mut self, world: &mut World<'_>) {
        let height = self.chain.height() + 1;
        if self.disk.log.0 != height {
            if !self.disk.write(&mut world.queue, world.scenario.stable) {
                return;
            }
            self.disk.log = (height, Vec::new());
        }
        let policy = VoteExtensionPolicy::Required;
        self.feed(world, Input::StartHeight(H(height), world.set.clone(), false, None, policy));
        for sent in std::mem::take(&mut self.early) {
            self.block(world, sent);
        }
    }

    /// What is in memory is lost.
    pub(crate) fn crash(&mut self, world: &mut World<'_>) {
        world.crashes += 1;
        self.up = false;
        self.disk.dying = false;
        self.timers.clear();
        self.early.clear();
        self.led.clear();
        self.running.clear();
        self.again = Again::default();
        self.waiting.clear();
        self.known.clear();
        let after = world.queue.rng.between((10_000, 3_000_000));
        world.queue.after(after, self.number, Event::Restart);
    }

    fn restart(&mut self, world: &mut World<'_>) {
        self.up = true;
        self.chain = self.disk.chain.clone();
        if world.queue.rng.chance(100) {
            self.replay(world);
        }
        self.state = Some(fresh(self.me, self.chain.height() + 1, &world.set));
        let height = self.chain.height() + 1;
        let entries = if self.disk.log.0 == height { self.disk.log.1.clone() } else { Vec::new() };
        self.start(world);
        let Some(state) = &mut self.state else { return };
        state.record_recovered_own_precommit_extensions(&entries);
        state.index_wal_entries(&entries);
        self.replaying = true;
        for entry in entries {
            self.feed(world, entry);
        }
        self.replaying = false;
        if let Some(state) = &mut self.state {
            state.reset_entries_index();
        }
        self.begin_jobs(world);
    }
}
