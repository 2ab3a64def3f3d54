//! Votes: leaders' proposals open them, ballots come in, and what they come to is done.

use std::sync::Arc;

use subvm_core::{Address, Outcome as Ended, Proposal, Role, VmError};

use super::{Case, Chainwide, Done, Ruled, World, told};
use crate::block::Votes;
use crate::exec::Outside;
use crate::extension::{Extension, Item};
use crate::ids::CallId;
use crate::mutant::Mutant;
use crate::outcome::{Fault, Outcome, Status};
use crate::poll::{Poll, Tally, draw};
use crate::runner::Purpose;

impl World {
    /// Takes the ballots of a block.
    pub(super) fn ballots(&mut self, all: &Chainwide, votes: &Votes) {
        for vote in &votes.votes {
            // Whoever signs what is no extension is passed over; consensus took no such vote.
            let Ok(extension) = Extension::from_bytes(&vote.bytes) else { continue };
            for item in &extension.items {
                let (Item::Commit { call, poll: number, .. } | Item::Open { call, poll: number, .. }) = item;
                if let Some(poll) = self.polls.get_mut(call).filter(|poll| poll.number == *number) {
                    poll.take(vote.validator, &all.genesis, item);
                }
            }
        }
    }

    /// A leader's results for a call that waits for them. With them the call is the same run for everyone.
    pub(super) fn proposed(
        &mut self,
        all: &Chainwide,
        (id, proposal): &(CallId, Proposal),
        leader: Address,
        done: &mut Done,
    ) -> Result<(), Fault> {
        let Some(case) = self.cases.get_mut(id) else { return Ok(()) };
        if self.polls.contains_key(id) || case.led.contains(&leader) {
            return Ok(());
        }
        case.led.push(leader);
        let role = Role::Sync { results: proposal.nondet.clone() };
        let about = case.call.about(self.height, Purpose::Block);
        let report = all.vm.run(&case.seen, &case.call, role, Outside::default(), &about).map_err(Fault::Execution)?;
        let absent = matches!(report.outcome, Ended::VmError(VmError::AbsentLeaderNondetOutput));
        let receipt = Arc::new(report.receipt);
        if absent || receipt.proposal() != *proposal {
            let outcome = Outcome { leader: Some(leader), ..told(&case.call, Status::Faulty) };
            done.outcomes.push(outcome);
            self.no_leader_left(all, *id, None, leader, done);
            return Ok(());
        }
        if receipt.nondet.is_empty() {
            // It asked nothing: there is nothing to vote on.
            if let Some(case) = self.cases.remove(id) {
                let outcome = Outcome { receipt: Some(Arc::clone(&receipt)), ..told(&case.call, Status::Returned) };
                self.settle(all, &case.call, &receipt, 0, outcome, leader, done);
                self.unlock(&case.call.contract);
            }
            return Ok(());
        }
        let number = case.polls;
        case.polls = number.saturating_add(1);
        done.outcomes.push(Outcome { leader: Some(leader), ..told(&case.call, Status::Proposed) });
        let rules = &all.genesis.rules;
        let committee = draw(&self.seed, id, number, rules.committee, all.genesis.validators.len() as u16);
        let until = self.height.saturating_add(all.genesis.phase(rules.commit_blocks));
        let about = (Arc::new(proposal.clone()), receipt);
        self.polls.insert(*id, Poll::begin((number, None), leader, about, committee, until));
        Ok(())
    }

    /// Goes on with all votes, and does what those came to that are over.
    pub(super) fn tally(&mut self, all: &Chainwide, proposer: Address, done: &mut Done) {
        let ids: Vec<CallId> = self.polls.keys().copied().collect();
        for id in ids {
            let Some(poll) = self.polls.get_mut(&id) else { continue };
            let was = poll.opening;
            poll.advance(self.height, &all.genesis);
            let over = was && self.height >= poll.until;
            let accepted = match count(poll, all, over) {
                Tally::Open => continue,
                Tally::Accepted => true,
                Tally::Lost => false,
            };
            let Some(poll) = self.polls.remove(&id) else { continue };
            match poll.appeal {
                None => self.decided(all, id, poll, accepted, proposer, done),
                Some(_) => self.judged(id, poll, accepted, done),
            }
        }
    }

    /// The first vote on a call's results is over.
    fn decided(&mut self, all: &Chainwide, id: CallId, poll: Poll, accepted: bool, proposer: Address, done: &mut Done) {
        let (height, holds) = (self.height, self.overrides.get(&id).map(|(_, holds)| *holds));
        let Some(case) = self.cases.get_mut(&id) else { return };
        if !accepted && case.led.len() < all.genesis.leaders() {
            case.until = height.saturating_add(all.genesis.phase(all.genesis.rules.propose_blocks));
            done.outcomes.push(voted(case, &poll, Status::NextLeader));
            return;
        }
        let Some(case) = self.cases.remove(&id) else { return };
        let holds = holds.unwrap_or(accepted);
        let poll = Arc::new(poll);
        self.end(all, &case, &poll, holds, proposer, done);
        self.unlock(&case.call.contract);
        let (at, last, results) = (height, height, vec![accepted]);
        self.ruled.insert(id, Ruled { case, poll, at, last, accepted: holds, results });
    }

    fn end(&mut self, all: &Chainwide, case: &Case, poll: &Poll, accepted: bool, proposer: Address, done: &mut Done) {
        let vote = all.genesis.rules.prices.vote;
        let receipt = &poll.receipt;
        if accepted {
            self.settle(all, &case.call, receipt, vote, voted(case, poll, Status::Accepted), proposer, done);
            return;
        }
        let fee = all.genesis.rules.prices.of(&receipt.gas).saturating_add(vote).min(case.call.reserve);
        self.pay(proposer, fee);
        self.pay(case.call.sender, case.call.value);
        self.pay(case.call.origin, case.call.reserve - fee);
        done.outcomes.push(Outcome { fee, ..voted(case, poll, Status::Undetermined) });
    }

    /// An appeal is over.
    fn judged(&mut self, id: CallId, poll: Poll, accepted: bool, done: &mut Done) {
        let Some(appeal) = poll.appeal else { return };
        let Some(ruled) = self.ruled.get_mut(&id) else {
            // A ruling stays while it is appealed against; were it gone, the money would still have to be somewhere.
            self.pay(appeal.by, appeal.bond);
            return;
        };
        let before = ruled.results.last() == Some(&accepted);
        ruled.results.push(accepted);
        ruled.last = self.height;
        let number = ruled.results.len() - 1;
        let known = self.overrides.get(&id).map_or(0, |(number, _)| *number);
        if accepted != ruled.accepted && number > known {
            done.turned = Some((id, (number, accepted), ruled.at));
        }
        let status = if before { Status::Upheld } else { Status::Turned };
        done.outcomes.push(voted(&ruled.case, &poll, status));
        ruled.poll = Arc::new(poll);
        if before {
            self.gone = self.gone.saturating_add(appeal.bond);
        } else {
            self.pay(appeal.by, appeal.bond);
        }
    }

    /// Calls whose leaders' time is up.
    pub(super) fn expire(&mut self, all: &Chainwide, proposer: Address, done: &mut Done) {
        let late =
            |(id, case): (&CallId, &Case)| (case.until <= self.height && !self.polls.contains_key(id)).then_some(*id);
        let ids: Vec<CallId> = self.cases.iter().filter_map(late).collect();
        ids.into_iter().for_each(|id| self.no_leader_left(all, id, Some(()), proposer, done));
    }

    /// Ends a call that no leader is left for, or that is too late.
    fn no_leader_left(&mut self, all: &Chainwide, id: CallId, late: Option<()>, proposer: Address, done: &mut Done) {
        let used_up = |case: &Case| late.is_some() || case.led.len() >= all.genesis.leaders();
        if self.cases.get(&id).is_some_and(used_up)
            && let Some(case) = self.cases.remove(&id)
        {
            let fee = all.genesis.rules.prices.vote.min(case.call.reserve);
            self.pay(proposer, fee);
            self.pay(case.call.sender, case.call.value);
            self.pay(case.call.origin, case.call.reserve - fee);
            done.outcomes.push(Outcome { fee, ..told(&case.call, Status::Undetermined) });
            self.unlock(&case.call.contract);
        }
    }
}

fn count(poll: &Poll, all: &Chainwide, over: bool) -> Tally {
    let tally = poll.tally(&all.genesis, over);
    let agree = || all.genesis.power(poll.opened.iter().filter(|(_, one)| poll.agrees(one)).map(|(from, _)| *from));
    let whole = || all.genesis.power(poll.committee.iter().copied());
    let came = || all.genesis.power(poll.opened.keys().copied());
    if all.planted.is(Mutant::Half) && 2 * agree() > whole()
        || all.planted.is(Mutant::OfThoseWhoCame) && poll.opening && 3 * agree() > 2 * came()
    {
        return Tally::Accepted;
    }
    tally
}

fn voted(case: &Case, poll: &Poll, status: Status) -> Outcome {
    let votes = poll.committee.iter().map(|member| (*member, poll.opened.get(member).copied())).collect();
    let (receipt, leader) = (Some(Arc::clone(&poll.receipt)), Some(poll.leader));
    Outcome { receipt, leader, votes, ..told(&case.call, status) }
}
