//! What must hold in every run, whatever is lost, crashes or lies. All of it is here, computed from the blocks that were decided and from what
//! the validators say they came to, by code that shares none with the chain's own counting.
//!
//! 1. **Agreement.** No two validators decide on different blocks at a height, or come to different states or results after it.
//! 2. **Validity.** Each block has the signed ballots of more than two thirds of the power on the block before. A result is accepted only where
//!    more than two thirds of its committee committed to it, each under its own key, before anybody opened, and then opened that. Where all
//!    validators are the committee, and fewer than a third of them lie, what is accepted is true. A block's instant lies within what honest
//!    clocks said.
//! 3. **No double application.** A transaction stands in one block, a call ends once, a contract counted as many calls as returned, an
//!    account as many transactions as blocks have of it. What is final does not change.
//! 4. **Money is conserved.** Balances, what calls hold, and what is gone add up to what there was.
//! 5. **Progress.** Once the network is stable, heights are decided, and every call ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ed25519_dalek::{Signature, VerifyingKey};
use subvm_chain::{
    Applied, Block, CallId, Chain, Extension, Genesis, Item, Money, Outcome, Status, TxId, address, extension_bytes,
};
use subvm_core::{Address, Ballot, Commitment};
use subvm_sample_contracts::COUNT;

use crate::contracts::{COUNTER, ORACLE, is_true};
use crate::scenario::Scenario;

/// What one validator said in one vote on a call. More than once, where a replay began the vote anew: on another state it has another receipt.
#[derive(Clone, Debug, Default)]
struct Said {
    /// The heights of the blocks that have them, and the commitments.
    committed: Vec<(u64, Commitment)>,
    opened: Vec<(u64, Ballot, [u8; 32])>,
}

/// Watches a run.
pub(crate) struct Checker {
    scenario: Scenario,
    genesis: Arc<Genesis>,
    money: u128,
    /// What was broken.
    pub(crate) violations: Vec<String>,
    /// The blocks, each with the state after it.
    chain: BTreeMap<u64, (Block, [u8; 32])>,
    /// What they led to, where a rollback did not undo it.
    outcomes: Vec<(u64, Outcome)>,
    /// Calls that had ended when their block became final.
    settled: BTreeMap<CallId, Status>,
    finalized: u64,
    txs: BTreeSet<TxId>,
    nonces: BTreeMap<Address, u64>,
    /// By call and number of the vote.
    said: BTreeMap<(CallId, u32), BTreeMap<u16, Said>>,
    /// What leaders proposed, by call: the digests of their proposals.
    proposals: BTreeMap<CallId, Vec<[u8; 32]>>,
    /// Honest clocks, in nanoseconds since 1970: virtual time when a block was decided first.
    pub(crate) clock: u64,
    /// Figures: results accepted, and undetermined; results that appeals turned.
    pub(crate) figures: [u64; 3],
    /// A call that may be appealed against.
    pub(crate) ruled: Vec<CallId>,
    /// Where nothing is checked, what the first validator came to.
    pub(crate) heard: Vec<(Block, Applied)>,
    only_listens: bool,
}

impl Checker {
    pub(crate) fn new(scenario: &Scenario, genesis: &Arc<Genesis>) -> Self {
        Self {
            scenario: scenario.clone(),
            genesis: Arc::clone(genesis),
            money: genesis.balances.iter().map(|(_, balance)| balance).sum(),
            violations: Vec::new(),
            chain: BTreeMap::new(),
            outcomes: Vec::new(),
            settled: BTreeMap::new(),
            finalized: 0,
            txs: BTreeSet::new(),
            nonces: BTreeMap::new(),
            said: BTreeMap::new(),
            proposals: BTreeMap::new(),
            clock: 0,
            figures: [0; 3],
            ruled: Vec::new(),
            heard: Vec::new(),
            only_listens: false,
        }
    }

    /// Checks nothing: where it is measured what validators cost, and not what this does.
    pub(crate) fn only_listen(&mut self) {
        self.only_listens = true;
    }

    pub(crate) fn broken(&mut self, what: String) {
        self.violations.push(what);
    }

    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(what());
        }
    }

    /// A validator came to the state after a block.
    pub(crate) fn decided(&mut self, by: u16, block: &Block, applied: &Applied, chain: &Chain) {
        let height = block.header.height;
        if self.only_listens {
            if by == 0 {
                self.heard.push((block.clone(), applied.clone()));
            }
            return;
        }
        if let Some((first, root)) = self.chain.get(&height) {
            let (first, root) = (first.id(), *root);
            self.must(first == block.id(), || {
                format!("agreement: validator {by} decided on another block at {height}")
            });
            self.must(root == applied.root, || format!("agreement: validator {by} came to another state at {height}"));
            return;
        }
        let next = self.chain.last_key_value().map_or(1, |(last, _)| last + 1);
        self.must(height == next, || format!("agreement: {height} was decided before {next}"));
        self.ballots(block);
        self.transactions(block);
        self.instant(block);
        self.results(applied);
        self.chain.insert(height, (block.clone(), applied.root));
        self.counts(height, chain);
        let Money { balances, held, gone } = chain.money();
        let money = self.money;
        self.must(balances + held + gone == money, || {
            format!("money: {balances} + {held} + {gone} at {height}, and not {money}")
        });
    }

    /// The extensions in a block: signed, of a quorum; and what they say.
    fn ballots(&mut self, block: &Block) {
        let height = block.header.height;
        let Some(votes) = &block.votes else {
            return self.must(height == 1, || format!("validity: block {height} has no ballots"));
        };
        let parent = block.header.parent;
        let mut voters = BTreeSet::new();
        for vote in &votes.votes {
            let Some(validator) = self.genesis.validators.get(usize::from(vote.validator)).copied() else {
                self.broken(format!("validity: block {height} has a ballot of nobody"));
                continue;
            };
            let who = address(&validator.key);
            let message = extension_bytes(self.genesis.chain_id, height - 1, votes.round, &parent, &who, &vote.bytes);
            let key = VerifyingKey::from_bytes(&validator.key).expect("the sample's keys are keys");
            let good = key.verify_strict(&message, &Signature::from_bytes(&vote.signature)).is_ok();
            self.must(good, || format!("validity: block {height} has a ballot that {} did not sign", vote.validator));
            voters.insert(vote.validator);
            for item in Extension::from_bytes(&vote.bytes).map(|said| said.items).unwrap_or_default() {
                let (Item::Commit { call, poll, .. } | Item::Open { call, poll, .. }) = item;
                let said = self.said.entry((call, poll)).or_default().entry(vote.validator).or_default();
                match item {
                    Item::Commit { commitment, .. } => said.committed.push((height, commitment)),
                    Item::Open { ballot, salt, .. } => said.opened.push((height, ballot, salt)),
                }
            }
        }
        let all = self.genesis.validators.len();
        self.must(3 * voters.len() > 2 * all, || {
            format!("validity: block {height} has {} of {all} ballots", voters.len())
        });
        for (call, proposal) in &block.proposals {
            self.proposals.entry(*call).or_default().push(proposal.digest());
        }
    }

    fn transactions(&mut self, block: &Block) {
        let height = block.header.height;
        for signed in &block.txs {
            let id = signed.tx.id();
            // What a replay made void used no nonce, and may come again.
            let void = self.outcomes.iter().any(|(_, it)| it.tx == id && matches!(it.status, Status::Void(_)));
            let new = self.txs.insert(id) || void;
            self.must(new, || format!("twice: transaction {id} is in block {height}, and was in one before"));
            self.must(signed.check().is_ok(), || format!("validity: transaction {id} is not its sender's"));
            *self.nonces.entry(signed.tx.sender()).or_default() += 1;
        }
    }

    fn instant(&mut self, block: &Block) {
        let before = self.chain.last_key_value().map_or(self.genesis.time, |(_, (block, _))| block.header.time);
        let (time, height, clock) = (block.header.time, block.header.height, self.clock);
        self.must(time > before, || format!("validity: block {height} is not later than the one before"));
        // A block that comes at once is later by a nanosecond.
        let most = clock.max(self.genesis.time + height);
        self.must(time <= most, || {
            format!("validity: the instant of block {height} is {} ns ahead of every honest clock", time - most)
        });
    }

    fn results(&mut self, applied: &Applied) {
        if let Some(back) = applied.rolled_back {
            self.figures[2] += 1;
            self.outcomes.retain(|(height, _)| *height <= back);
            let last = self.finalized;
            self.must(back >= last, || format!("final: the chain went back to {back}, and {last} was final"));
        }
        for (height, outcome) in &applied.outcomes {
            let (height, id) = (*height, outcome.call);
            if outcome.status.ended() {
                let ended = self.outcomes.iter().any(|(_, other)| other.call == id && other.status.ended());
                self.must(!ended, || format!("twice: call {id} ended again at {height}"));
            }
            if applied.rolled_back.is_none() {
                match outcome.status {
                    Status::Accepted => {
                        self.figures[0] += 1;
                        self.counted(height, outcome);
                        self.ruled.push(id);
                    }
                    Status::Undetermined => {
                        self.figures[1] += 1;
                        self.ruled.push(id);
                    }
                    _ => {}
                }
            }
            if outcome.status == Status::Accepted {
                self.truth(height, outcome);
            }
            self.outcomes.push((height, outcome.clone()));
        }
        let last = self.finalized;
        self.must(applied.finalized >= last, || format!("final: {last} was final, and {} is", applied.finalized));
        self.finalized = applied.finalized;
        let newly: Vec<_> =
            self.outcomes.iter().filter(|(height, it)| *height <= applied.finalized && it.status.ended()).collect();
        let newly: Vec<_> = newly.into_iter().map(|(_, outcome)| (outcome.call, outcome.status.clone())).collect();
        for (call, status) in newly {
            let settled = self.settled.entry(call).or_insert_with(|| status.clone()).clone();
            self.must(settled == status, || format!("final: call {call} was {settled}, and is {status}"));
        }
    }

    /// Counts the ballots of an accepted result anew.
    fn counted(&mut self, height: u64, outcome: &Outcome) {
        let committee: BTreeSet<u16> = outcome.votes.iter().map(|(member, _)| *member).collect();
        let receipt = outcome.receipt.as_ref().map(|receipt| receipt.digest()).unwrap_or_default();
        let about = outcome.receipt.as_ref().map(|receipt| receipt.proposal().digest()).unwrap_or_default();
        let proposed = self.proposals.get(&outcome.call).is_some_and(|all| all.contains(&about));
        let agree = |said: &BTreeMap<u16, Said>| {
            let for_it = |(member, said): &(&u16, &Said)| {
                let key = self.genesis.validators[usize::from(**member)].key;
                let opens = |(then, ballot, salt): &(u64, Ballot, [u8; 32])| {
                    let before = |(first, to): &(u64, Commitment)| first < then && to.opens(ballot, &about, &key, salt);
                    *then <= height && *ballot == Ballot::Accept { receipt } && said.committed.iter().any(before)
                };
                committee.contains(member) && said.opened.iter().any(opens)
            };
            said.iter().filter(for_it).count()
        };
        let of_call = self.said.iter().filter(|((call, _), _)| *call == outcome.call);
        let most = of_call.map(|(_, said)| agree(said)).max().unwrap_or(0);
        let enough = proposed && 3 * most > 2 * committee.len();
        let (call, all) = (outcome.call, committee.len());
        self.must(enough, || format!("validity: call {call} was accepted at {height} by {most} of {all}"));
    }

    /// Where all judge, what is accepted is what honest validators see.
    fn truth(&mut self, height: u64, outcome: &Outcome) {
        let all_judge = outcome.votes.len() == self.genesis.validators.len();
        let results = outcome.receipt.as_ref().map(|receipt| receipt.nondet.clone()).unwrap_or_default();
        if all_judge && outcome.contract == ORACLE && !self.scenario.chaos {
            let call = outcome.call;
            self.must(results.iter().all(|result| is_true(result)), || {
                format!("validity: call {call} was accepted at {height}, and is a lie")
            });
        }
    }

    fn counts(&mut self, height: u64, chain: &Chain) {
        for contract in [ORACLE, COUNTER] {
            let page = chain.page(&contract, [COUNT], 0);
            let counted = page.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            let done = |(_, outcome): &&(u64, Outcome)| {
                let returned = outcome.receipt.as_ref().is_some_and(|receipt| receipt.returned());
                let done = matches!(outcome.status, Status::Returned | Status::Accepted);
                outcome.contract == contract && done && returned
            };
            let returned = self.outcomes.iter().filter(done).count() as u64;
            self.must(counted == returned, || {
                format!("twice: {contract} counted {counted} calls at {height}, and {returned} returned")
            });
        }
        let voided = |sender: &Address| {
            let of = |block: &Block| {
                block.txs.iter().filter(|tx| tx.tx.sender() == *sender).map(|tx| tx.tx.id()).collect::<Vec<_>>()
            };
            let ids: Vec<TxId> = self.chain.values().flat_map(|(block, _)| of(block)).collect();
            let void = |(_, it): &&(u64, Outcome)| matches!(it.status, Status::Void(_)) && ids.contains(&it.tx);
            self.outcomes.iter().filter(void).count() as u64
        };
        let wrong = self.nonces.iter().filter(|(sender, sent)| {
            let nonce = chain.account(sender).nonce;
            nonce != **sent && nonce + voided(sender) != **sent
        });
        let wrong: Vec<String> =
            wrong.map(|(sender, sent)| format!("twice: {sender} sent {sent} transactions")).collect();
        self.violations.extend(wrong);
    }

    /// At the end of a run.
    pub(crate) fn stalled(&mut self, heights: &[(u64, usize)]) {
        self.broken(format!("progress: the network is stable, and heights and calls that wait are {heights:?}"));
    }
}
