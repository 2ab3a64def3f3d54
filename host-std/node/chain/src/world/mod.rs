//! The chain's state after a block, with all that is on its way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use subvm_core::{Address, PageWrite, Receipt, Role};

use crate::call::Call;
use crate::exec::{Outside, Seen, Vm};
use crate::genesis::Genesis;
use crate::ids::{BlockId, CallId, digest};
use crate::known::Known;
use crate::mutant::{Mutant, Planted};
use crate::outcome::{Fault, Outcome, Status};
use crate::poll::Poll;
use crate::runner::Purpose;
use crate::snapshot::put_overrides;
use crate::store::Store;

mod books;
pub(crate) mod include;
mod parallel;
mod step;
mod votes;

use books::{back, moved, settle};
use parallel::Did;

/// Calls that may wait for one contract; a slow site cannot make a chain's state grow without end.
const LINE: usize = 1_024;

/// A call that waits for results of the web, and the contract with it.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) call: Arc<Call>,
    /// What it reads, fixed when its turn came: whoever runs it, and whenever, runs it on this.
    pub(crate) seen: Seen,
    /// The last height at which a leader may propose.
    pub(crate) until: u64,
    /// Who led it before.
    pub(crate) led: Vec<Address>,
    /// Votes on it so far.
    pub(crate) polls: u32,
}

/// What was decided on a call, and may be appealed against.
#[derive(Clone)]
pub(crate) struct Ruled {
    pub(crate) case: Case,
    /// The last vote, with all of its ballots.
    pub(crate) poll: Arc<Poll>,
    /// The height at which it was decided.
    pub(crate) at: u64,
    /// The height of the last decision, an appeal's or the first.
    pub(crate) last: u64,
    /// Whether its effects are there.
    pub(crate) accepted: bool,
    /// What each vote came to: the first, and those of appeals.
    pub(crate) results: Vec<bool>,
}

/// A result that an appeal turned: which appeal it was, and what holds.
pub(crate) type Override = (usize, bool);

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) height: u64,
    pub(crate) time: u64,
    pub(crate) seed: [u8; 32],
    pub(crate) last: BlockId,
    pub(crate) store: Store,
    /// Calls in their order.
    pub(crate) ready: VecDeque<Arc<Call>>,
    /// Contracts that wait for a result: the call that they wait for, and the calls that wait for them.
    pub(crate) locks: BTreeMap<Address, VecDeque<Arc<Call>>>,
    pub(crate) cases: BTreeMap<CallId, Case>,
    pub(crate) polls: BTreeMap<CallId, Poll>,
    pub(crate) ruled: BTreeMap<CallId, Ruled>,
    /// Calls that are due when this height is final.
    pub(crate) later: BTreeMap<u64, Vec<Arc<Call>>>,
    pub(crate) overrides: BTreeMap<CallId, Override>,
    pub(crate) finalized: u64,
    /// What was from then on, by height, without the present.
    pub(crate) history: VecDeque<Past>,
    /// Money that went to the layer below, and that was burned.
    pub(crate) gone: u128,
    /// Of all this, but of what overrides: that is known in a replay before it is due. As it was after the last step.
    pub(crate) digest: [u8; 32],
}

/// What was after a block that may still be taken back, or that was the last which may not. With the digests of all that was then, the digest of
/// the present says from what it came: a snapshot's beginning can be held against it.
#[derive(Clone)]
pub(crate) struct Past {
    pub(crate) height: u64,
    pub(crate) store: Store,
    pub(crate) digest: [u8; 32],
}

/// What all steps have in common.
#[derive(Clone)]
pub(crate) struct Chainwide {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) vm: Vm,
    pub(crate) planted: Planted,
    /// Shared by all copies of a chain: what one admitted, all know.
    pub(crate) known: Arc<Known>,
}

/// What one step did.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) writes: Vec<(Address, Vec<PageWrite>)>,
    /// A result that an appeal turned: the call, what holds now, and the height at which it was decided.
    pub(crate) turned: Option<(CallId, Override, u64)>,
}

impl World {
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let mut store = Store::default();
        for (address, balance) in &genesis.balances {
            store.change(*address, |account| account.balance = account.balance.saturating_add(*balance));
        }
        for (address, package) in &genesis.contracts {
            store.deploy(*address, Arc::clone(package));
        }
        let world = Self {
            height: 0,
            time: genesis.time,
            seed: digest("seed", &[&genesis.chain_id.to_le_bytes()]),
            last: BlockId::default(),
            history: VecDeque::new(),
            store,
            ready: VecDeque::new(),
            locks: BTreeMap::new(),
            cases: BTreeMap::new(),
            polls: BTreeMap::new(),
            ruled: BTreeMap::new(),
            later: BTreeMap::new(),
            overrides: BTreeMap::new(),
            finalized: 0,
            gone: 0,
            digest: [0; 32],
        };
        world.digested()
    }

    /// The digest of all of it.
    pub(crate) fn root(&self) -> [u8; 32] {
        let mut overrides = Vec::new();
        put_overrides(&self.overrides, &mut overrides);
        digest("root", &[&self.digest, &overrides])
    }

    /// With the digest of what it is.
    pub(crate) fn digested(mut self) -> Self {
        self.digest();
        self
    }

    fn digest(&mut self) {
        self.store.settle();
        let mut out = Vec::new();
        self.put_digests(&mut out);
        self.digest = digest("world", &[&out]);
    }

    /// All calls that hold money.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Arc<Call>> {
        let waiting = self.locks.values().flatten();
        let cases = self.cases.values().map(|case| &case.call);
        self.ready.iter().chain(waiting).chain(cases).chain(self.later.values().flatten())
    }

    /// Ticks, by their limits, of what waits in line.
    pub(crate) fn backlog(&self) -> u64 {
        self.ready.iter().fold(0, |sum: u64, call| sum.saturating_add(call.gas.time))
    }

    /// The state as a call sees it whose turn it is now.
    pub(crate) fn seen(&self) -> Seen {
        let finalized = self.history.front().map_or(&self.store, |past| &past.store).clone();
        Seen { accepted: self.store.clone(), finalized, time: self.time }
    }

    pub(crate) fn pay(&mut self, to: Address, amount: u128) {
        self.store.change(to, |account| account.balance = account.balance.saturating_add(amount));
    }

    /// Works off calls in their order, as far as a block's time goes.
    fn work(&mut self, all: &Chainwide, proposer: Address, done: &mut Done) -> Result<(), Fault> {
        let mut left = all.genesis.rules.block_time;
        while let Some(call) = self.ready.front() {
            let Some(rest) = left.checked_sub(call.gas.time) else { break };
            let many = if all.vm.threads > 1 { self.side_by_side(left) } else { 0 };
            if many > 1 {
                let calls: Vec<Arc<Call>> = self.ready.drain(..many).collect();
                left -= calls.iter().map(|call| call.gas.time).sum::<u64>();
                self.carry_out(all, &calls, proposer, done)?;
                continue;
            }
            let Some(call) = self.ready.pop_front() else { break };
            match self.locks.get_mut(&call.contract) {
                Some(waiting) if waiting.len() >= LINE => {
                    self.back(&call, Status::Bounced("too many calls wait for its contract"), done);
                    continue;
                }
                Some(waiting) => {
                    waiting.push_back(call);
                    continue;
                }
                None => {}
            }
            left = rest;
            self.call(all, call, proposer, done)?;
        }
        Ok(())
    }

    fn call(&mut self, all: &Chainwide, call: Arc<Call>, proposer: Address, done: &mut Done) -> Result<(), Fault> {
        let there = self.store.code(&call.contract).is_some();
        let did = match (there, &call.code) {
            (true, Some(_)) => Did::Taken,
            (false, None) => Did::Moved,
            _ if call.nondet => {
                let until = self.height.saturating_add(all.genesis.phase(all.genesis.rules.propose_blocks));
                done.outcomes.push(told(&call, Status::Pending));
                self.locks.insert(call.contract, VecDeque::new());
                // The state that it reads is asked for its digest at each height.
                self.store.settle();
                let case = Case { call: Arc::clone(&call), seen: self.seen(), until, led: Vec::new(), polls: 0 };
                self.cases.insert(call.id, case);
                return Ok(());
            }
            _ => {
                let (role, about) = (Role::Sync { results: Vec::new() }, call.about(self.height, Purpose::Block));
                let report = all.vm.run(&self.seen(), &call, role, Outside::default(), &about);
                Did::Ran(Arc::new(report.map_err(Fault::Execution)?.receipt))
            }
        };
        self.did(all, &call, did, proposer, done);
        Ok(())
    }

    /// A deterministic call was carried out: this is what it did.
    fn did(&mut self, all: &Chainwide, call: &Call, did: Did, proposer: Address, done: &mut Done) {
        match did {
            Did::Taken => self.back(call, Status::Bounced("a contract is there already"), done),
            Did::Moved => {
                moved(self, call);
                done.outcomes.push(told(call, Status::Moved));
            }
            Did::Ran(receipt) => {
                let outcome = Outcome { receipt: Some(Arc::clone(&receipt)), ..told(call, Status::Returned) };
                self.settle(all, call, &receipt, 0, outcome, proposer, done);
            }
        }
    }

    /// Gives a call's money back.
    fn back(&mut self, call: &Call, status: Status, done: &mut Done) {
        back(self, call);
        done.outcomes.push(told(call, status));
    }

    /// Does what a receipt says, and pays for it. The outcome's status is what it is where the run returned.
    #[allow(clippy::too_many_arguments)]
    fn settle(
        &mut self,
        all: &Chainwide,
        call: &Call,
        receipt: &Receipt,
        voted: u128,
        mut outcome: Outcome,
        proposer: Address,
        done: &mut Done,
    ) {
        let Ok(settled) = settle(self, &all.genesis.rules.prices, call, receipt, voted, proposer);
        outcome.fee = settled.fee;
        if !settled.returned && matches!(outcome.status, Status::Returned) {
            outcome.status = Status::Failed;
        }
        done.outcomes.push(outcome);
        if !settled.returned {
            return;
        }
        self.gone = self.gone.saturating_add(settled.below);
        done.writes.push((call.contract, receipt.storage.clone()));
        for one in &settled.bounced {
            let status = Status::Bounced("what is left of its transaction's gas does not pay for it");
            done.outcomes.push(told(one, status));
        }
        self.ready.extend(settled.now.into_iter().map(Arc::new));
        if !settled.later.is_empty() {
            self.later.entry(self.height).or_default().extend(settled.later.into_iter().map(Arc::new));
        }
        if all.planted.is(Mutant::Mint) {
            self.pay(call.origin, settled.rest);
        }
    }

    /// A contract waits no longer: who waited for it comes first.
    fn unlock(&mut self, contract: &Address) {
        for call in self.locks.remove(contract).unwrap_or_default().into_iter().rev() {
            self.ready.push_front(call);
        }
    }

    /// What is old enough becomes final, but for what an appeal may still turn.
    fn finalize(&mut self, all: &Chainwide) {
        let window = all.genesis.rules.finality;
        let kept = |call: &CallId, ruled: &Ruled| {
            self.polls.contains_key(call) || ruled.last.saturating_add(window) > self.height
        };
        let held = self.ruled.iter().filter(|(call, ruled)| kept(call, ruled)).map(|(_, ruled)| ruled.at - 1).min();
        let old = self.height.saturating_sub(window);
        self.finalized = self.finalized.max(held.map_or(old, |held| held.min(old)));
        let finalized = self.finalized;
        while self.history.front().is_some_and(|past| past.height < finalized) {
            self.history.pop_front();
        }
        let gone: Vec<CallId> = self.ruled.iter().filter(|(_, it)| it.at <= finalized).map(|(call, _)| *call).collect();
        for call in gone {
            if let Some(ruled) = self.ruled.remove(&call)
                && all.planted.is(Mutant::Twice)
                && ruled.accepted
            {
                self.ready.push_back(ruled.case.call);
            }
            self.overrides.remove(&call);
        }
        let still = self.later.split_off(&finalized.saturating_add(1));
        for calls in std::mem::replace(&mut self.later, still).into_values() {
            self.ready.extend(calls);
        }
    }
}

/// What a call came to, of which nothing else is to be told.
pub(crate) fn told(call: &Call, status: Status) -> Outcome {
    let Call { id, tx, contract, .. } = *call;
    Outcome { call: id, tx, contract, status, receipt: None, fee: 0, leader: None, votes: Vec::new() }
}
