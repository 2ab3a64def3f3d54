//! What a validator does for its chain: it builds blocks, votes on results, and runs what takes long beside the rest. And how liars do it.

use std::rc::Rc;

use arc_malachitebft_core_types::{ExtendedCommitCertificate, Round};
use subvm_bft::{Ctx, H, Id};
use subvm_chain::{Block, Chain, Extension, Item, JobKey, SignedExtension, SignedTx, Votes, sample};
use subvm_core::{Address, Ballot, Proposal};

use super::{Node, World};
use crate::contracts::TRUTH;
use crate::lies::Lie;
use crate::queue::{Event, Sent};

/// How many heights before its turn a validator runs what it may lead.
const AHEAD: u64 = 3;

impl Node {
    /// What this validator's web says.
    fn web(&self, world: &mut World<'_>) -> Option<i64> {
        let rng = &mut world.queue.rng;
        if rng.chance(20) {
            // The line is dead, this once.
            return None;
        }
        if self.lies(Lie::FalseResults) {
            return Some(9_999);
        }
        if world.scenario.chaos {
            return Some(rng.below(1_000) as i64);
        }
        Some(TRUTH + rng.below(3) as i64)
    }

    pub(super) fn propose(&mut self, world: &mut World<'_>, height: H, round: Round) {
        if self.chain.height() + 1 != height.0 || self.lies(Lie::Mute) {
            return;
        }
        let id = match self.disk.built.get(&(height, round)) {
            Some(id) => *id,
            None => {
                let block = self.build(world);
                let (id, bytes) = (Id(block.id().0), Rc::new(block.to_bytes()));
                if !self.disk.write(&mut world.queue, world.scenario.stable) {
                    return;
                }
                self.disk.blocks.insert(id, bytes);
                self.disk.built.insert((height, round), id);
                id
            }
        };
        if self.disk.dying {
            return;
        }
        if self.lies(Lie::TwoBlocks) {
            self.another(world, height, round, id);
        }
        self.put_forward(world, height, round, id);
    }

    fn build(&mut self, world: &mut World<'_>) -> Block {
        let votes = self.votes(world);
        let mut proposals: Vec<_> = self.led.iter().map(|(call, proposal)| (*call, proposal.clone())).collect();
        if self.lies(Lie::Impossible) {
            proposals.iter_mut().for_each(|(_, proposal)| proposal.nondet.push(vec![0, 0]));
        }
        let txs: Vec<SignedTx> = self.waiting.values().cloned().collect();
        let mut block = self.chain.propose(self.who, votes, txs, proposals);
        if self.lies(Lie::Garbage) {
            block.header.root[0] ^= 1;
        }
        if self.lies(Lie::Oversized) {
            let data = vec![0; 1 << 17];
            let call = subvm_chain::Action::Call { to: Address::default(), value: 0, data };
            block.txs.extend((0..9).map(|nonce| sample::tx(0, nonce, false, call.clone())));
        }
        if self.lies(Lie::Replay) {
            let old = self
                .disk
                .decided
                .values()
                .rev()
                .find_map(|(_, bytes)| Block::from_bytes(bytes, &world.beginning.genesis.rules).ok()?.txs.pop());
            block.txs.extend(old);
        }
        block.header.body = block.body();
        block
    }

    /// Another block at the same height, and a proposal for it, to every second validator.
    fn another(&mut self, world: &mut World<'_>, height: H, round: Round, id: Id) {
        let rules = &world.beginning.genesis.rules;
        let first = self.disk.blocks.get(&id).and_then(|bytes| Block::from_bytes(bytes, rules).ok());
        let Some(mut block) = first else { return };
        if block.txs.pop().is_none() && block.proposals.pop().is_none() {
            return;
        }
        block.header.body = block.body();
        let (value, bytes) = (Id(block.id().0), Rc::new(block.to_bytes()));
        let proposal = subvm_bft::Proposal { height, round, value, pol_round: Round::Nil, addr: self.me };
        let message = arc_malachitebft_core_consensus::SignedConsensusMsg::Proposal(self.keys.proposal(proposal));
        for to in (0..world.scenario.validators).filter(|to| *to != self.number && to % 2 == 0) {
            let (valid_round, proposer, bytes) = (Round::Nil, self.me, Rc::clone(&bytes));
            world.queue.send(world.scenario, to, Event::Block(Sent { height, round, valid_round, proposer, bytes }));
            world.queue.send(world.scenario, to, Event::Consensus(Box::new(message.clone())));
        }
    }

    /// The ballots of the height before, as a block carries them.
    fn votes(&self, world: &World<'_>) -> Option<Votes> {
        let (certificate, _) = self.disk.decided.get(&self.chain.height())?;
        let one = |signature: &arc_malachitebft_core_types::ExtendedCommitSignature<Ctx>| {
            let extension = signature.extension.as_ref()?;
            let validator = world.beginning.genesis.validator(&Address(signature.address.0))?;
            Some(SignedExtension { validator, bytes: extension.message.clone(), signature: extension.signature.0 })
        };
        let mut votes: Vec<_> = certificate.commit_signatures.iter().filter_map(one).collect();
        votes.sort_by_key(|vote| vote.validator);
        let least = 2 * usize::from(world.scenario.validators) / 3 + 1;
        if self.lies(Lie::Picky) {
            // Without the one that it likes least.
            let disliked = (self.number + 1) % world.scenario.validators;
            while votes.len() > least {
                let at = votes.iter().position(|vote| vote.validator == disliked).unwrap_or(0);
                votes.remove(at);
            }
        }
        if self.lies(Lie::Few) {
            votes.truncate(least - 1);
        }
        Some(Votes { round: certificate.round.as_u32().unwrap_or(u32::MAX), votes })
    }

    /// What it says beside its precommit.
    pub(super) fn extension(&mut self, world: &mut World<'_>) -> Vec<u8> {
        let clock = world.beginning.genesis.time + world.queue.now * 1_000;
        let mut said = self.disk.voter.extension(&self.chain, clock);
        if self.lies(Lie::BadExtension) {
            return b"garbage".to_vec();
        }
        if self.lies(Lie::Clock) {
            said.time = world.queue.rng.next();
        }
        if self.lies(Lie::Stall) {
            said.items.clear();
        }
        if self.lies(Lie::Reopen) {
            for item in &mut said.items {
                if let Item::Open { ballot, .. } = item {
                    *ballot = Ballot::Timeout;
                }
            }
        }
        if self.lies(Lie::Copy) {
            said.items = self.copied(world);
        }
        said.to_bytes()
    }

    /// What another one committed to, and opened.
    fn copied(&self, world: &World<'_>) -> Vec<Item> {
        let rules = &world.beginning.genesis.rules;
        let last = self.disk.decided.last_key_value();
        let block = last.and_then(|(_, (_, bytes))| Block::from_bytes(bytes, rules).ok());
        let votes = block.and_then(|block| block.votes).map(|votes| votes.votes).unwrap_or_default();
        let other = votes.iter().find(|vote| vote.validator != self.number);
        other.and_then(|vote| Extension::from_bytes(&vote.bytes).ok()).map(|said| said.items).unwrap_or_default()
    }

    pub(super) fn decide(&mut self, world: &mut World<'_>, certificate: ExtendedCommitCertificate<Ctx>) {
        let id = certificate.value_id;
        let Some(bytes) = self.disk.blocks.get(&id).cloned() else {
            if !self.disk.dying {
                world.checker.broken(format!("validator {} decided on a block that it does not have", self.number));
            }
            return;
        };
        let Ok(block) = Block::from_bytes(&bytes, &world.beginning.genesis.rules) else {
            return world.checker.broken(format!("validator {} decided on what is no block", self.number));
        };
        if !self.disk.write(&mut world.queue, world.scenario.stable) {
            return;
        }
        let height = block.header.height;
        self.disk.decided.insert(height, (certificate, bytes));
        match self.chain.apply(&block) {
            Ok(applied) => world.checker.decided(self.number, &block, &applied, &self.chain),
            Err(fault) => world.checker.broken(format!("validator {} at height {height}: {fault}", self.number)),
        }
        self.disk.chain = self.chain.clone();
        self.after(world);
    }

    /// More ballots may have come since.
    pub(super) fn finalize(&mut self, world: &mut World<'_>, certificate: ExtendedCommitCertificate<Ctx>) {
        let count =
            |of: &ExtendedCommitCertificate<Ctx>| of.commit_signatures.iter().filter(|s| s.extension.is_some()).count();
        let height = certificate.height.0;
        let more = self.disk.decided.get(&height).is_some_and(|(old, _)| count(&certificate) > count(old));
        if more && self.disk.write(&mut world.queue, world.scenario.stable) {
            self.disk.decided.entry(height).and_modify(|(old, _)| *old = certificate);
        }
    }

    /// What a new height changes.
    fn after(&mut self, world: &mut World<'_>) {
        let chain = &self.chain;
        let rules = &world.beginning.genesis.rules;
        self.disk
            .blocks
            .retain(|_, bytes| Block::from_bytes(bytes, rules).is_ok_and(|block| block.header.height > chain.height()));
        self.disk.built.retain(|(height, _), _| height.0 > chain.height());
        self.disk.voter.forget(chain);
        self.waiting.retain(|(key, nonce), _| *nonce >= chain.account(&subvm_chain::address(key)).nonce);
        let open: Vec<_> =
            chain.jobs().iter().filter(|job| job.proposal().is_none()).map(|job| job.key().call).collect();
        self.led.retain(|call, _| open.contains(call));
        self.begin_jobs(world);
    }

    /// Begins the runs that are this validator's. The web takes its time; what comes of them is known when they are over.
    pub(super) fn begin_jobs(&mut self, world: &mut World<'_>) {
        let (all, next) = (u64::from(world.scenario.validators), self.chain.height() + 1);
        let soon = (next..=next + AHEAD).any(|height| height % all == u64::from(self.number));
        for job in self.chain.jobs() {
            let key = job.key();
            let leads = job.proposal().is_none();
            let known = if leads { self.led.contains_key(&key.call) } else { self.disk.voter.has(&key) };
            if known || !job.is_for(&self.who) || leads && !soon || !self.running.insert(key) {
                continue;
            }
            let outside = (world.beginning.outside)(self.web(world));
            let event = if leads {
                Event::Led(key, job.run_as_leader(outside).ok())
            } else if self.lies(Lie::Contrary) {
                Event::Judged(key, Ballot::Reject { receipt: [0; 32], call: Some(0) })
            } else {
                Event::Judged(key, job.run_as_validator(outside))
            };
            let time = world.queue.rng.between(world.scenario.web);
            world.queue.after(time, self.number, event);
        }
    }

    pub(super) fn led(&mut self, key: JobKey, proposal: Option<Proposal>) {
        self.running.remove(&key);
        let open = self.chain.jobs().iter().any(|job| job.key() == key);
        if let Some(proposal) = proposal.filter(|_| open) {
            self.led.insert(key.call, proposal);
        }
    }

    pub(super) fn judged(&mut self, world: &mut World<'_>, key: JobKey, ballot: Ballot) {
        // What it was when it crashed is not what it is now.
        if self.running.remove(&key) && self.disk.write(&mut world.queue, world.scenario.stable) {
            self.disk.voter.keep(key, ballot);
        }
    }

    pub(super) fn tx(&mut self, bytes: &[u8]) {
        if let Ok(signed) = self.chain.admit(bytes)
            && self.known.insert(signed.tx.id())
        {
            self.waiting.insert((signed.tx.from, signed.tx.nonce), signed);
        }
    }

    /// Computes the chain anew from its blocks, which asks the web nothing.
    pub(super) fn replay(&mut self, world: &mut World<'_>) {
        let beginning = world.beginning;
        let mut chain = Chain::new(beginning.genesis.clone(), beginning.engine.clone()).expect("the sample begins");
        if let Some((mutant, only)) = world.scenario.mutant
            && only.is_none_or(|only| only == self.number)
        {
            chain.plant(mutant);
        }
        for (height, (_, bytes)) in &self.disk.decided {
            let block = Block::from_bytes(bytes, &beginning.genesis.rules).expect("what was decided is a block");
            if let Err(fault) = chain.apply(&block) {
                return world.checker.broken(format!("validator {} replays {height}: {fault}", self.number));
            }
        }
        if chain.root() != self.chain.root() {
            world.checker.broken(format!("validator {} replayed its chain to another state", self.number));
        }
        self.chain = chain;
        self.restore(world);
    }

    /// Goes on with what a snapshot of its chain gives, in the place of the chain.
    fn restore(&mut self, world: &mut World<'_>) {
        if world.scenario.mutant.is_some() {
            // A snapshot knows no rule that is broken.
            return;
        }
        let (genesis, engine) = (world.beginning.genesis.clone(), world.beginning.engine.clone());
        match Chain::restore(genesis, engine, &self.chain.snapshot(), &self.chain.root()) {
            Ok(chain) => self.chain = chain,
            Err(error) => world.checker.broken(format!("validator {}: {error}", self.number)),
        }
    }
}
