//! Transactions: whether one may come next, and that it comes.

use std::sync::Arc;

use subvm_core::{Address, Gas, Package};

use super::{Chainwide, Done, World, told};
use crate::call::Call;
use crate::ids::{CallId, contract_address, digest};
use crate::mutant::Mutant;
use crate::outcome::{Outcome, Status};
use crate::poll::{Appeal, Poll, draw};
use crate::refusal::Refusal;
use crate::tx::{Action, SignedTx};

/// What a transaction costs, in the chain's smallest unit.
pub(crate) struct Cost {
    /// At once, whatever comes of it.
    pub(crate) now: u128,
    /// At most, for the gas that it asks for.
    pub(crate) reserve: u128,
    /// Sent along, or left as a bond.
    pub(crate) along: u128,
}

impl Cost {
    pub(crate) fn of(all: &Chainwide, signed: &SignedTx) -> Self {
        let (rules, tx) = (&all.genesis.rules, &signed.tx);
        let bytes = signed.to_bytes().len() as u128;
        let now = rules.prices.base.saturating_add(bytes.saturating_mul(rules.prices.byte));
        if let Action::Appeal { .. } = tx.action {
            return Self { now, reserve: 0, along: rules.bond };
        }
        let vote = if tx.nondet { rules.prices.vote } else { 0 };
        Self { now, reserve: rules.prices.of(&tx.gas).saturating_add(vote), along: tx.action.value() }
    }

    pub(crate) fn whole(&self) -> u128 {
        self.now.saturating_add(self.reserve).saturating_add(self.along)
    }
}

/// What does not depend on the state: size, chain, gas, bundle, signature. Without `strict` the signature is left out: it was checked before.
pub(crate) fn well_made(all: &Chainwide, signed: &SignedTx, strict: bool) -> Result<(), Refusal> {
    let (rules, tx) = (&all.genesis.rules, &signed.tx);
    let (bytes, most) = (signed.to_bytes().len() as u64, rules.tx_bytes);
    if bytes > most {
        return Err(Refusal::TooLarge { bytes, most });
    }
    if tx.chain_id != all.genesis.chain_id {
        return Err(Refusal::ChainId { expected: all.genesis.chain_id, found: tx.chain_id });
    }
    let Gas { time, storage, data } = rules.tx_gas;
    let kinds = [("time", tx.gas.time, time), ("storage", tx.gas.storage, storage), ("data", tx.gas.data, data)];
    if let Some((kind, asked, most)) = kinds.into_iter().find(|(_, asked, most)| asked > most) {
        return Err(Refusal::Gas { kind, asked, most });
    }
    if let Action::Deploy { bundle, .. } = &tx.action {
        Package::from_bundle(bundle).map_err(|error| Refusal::Bundle(error.to_string()))?;
    }
    if strict && !all.known.has(signed) { signed.check() } else { Ok(()) }
}

impl World {
    /// Whether a transaction may come next, on this state.
    pub(crate) fn may(&self, all: &Chainwide, signed: &SignedTx) -> Result<(), Refusal> {
        let account = self.store.account(&signed.tx.sender());
        if account.nonce != signed.tx.nonce && !all.planted.is(Mutant::Replay) {
            return Err(Refusal::Nonce { expected: account.nonce, found: signed.tx.nonce });
        }
        let needs = Cost::of(all, signed).whole();
        if account.balance < needs {
            return Err(Refusal::Balance { needs, has: account.balance });
        }
        match &signed.tx.action {
            Action::Appeal { call } => self.may_appeal(all, call),
            _ => Ok(()),
        }
    }

    fn may_appeal(&self, all: &Chainwide, call: &CallId) -> Result<(), Refusal> {
        let no = |why| Err(Refusal::Appeal(why));
        let Some(ruled) = self.ruled.get(call) else {
            return no("no committee decided on that call, or it is final");
        };
        if self.polls.contains_key(call) {
            return no("an appeal is being decided already");
        }
        if ruled.poll.committee.len() >= all.genesis.validators.len() {
            return no("all validators have judged it");
        }
        if ruled.last.saturating_add(all.genesis.rules.finality) <= self.height {
            return no("the time to appeal is over");
        }
        Ok(())
    }

    /// Takes a transaction: what it may cost is its sender's no more.
    ///
    /// # Errors
    /// As [`may`](Self::may); nothing is changed then.
    pub(crate) fn include(
        &mut self,
        all: &Chainwide,
        signed: &SignedTx,
        proposer: Address,
        done: &mut Done,
    ) -> Result<(), Refusal> {
        self.may(all, signed)?;
        let (cost, sender, id) = (Cost::of(all, signed), signed.tx.sender(), signed.tx.id());
        self.store.change(sender, |account| {
            account.balance -= cost.whole();
            account.nonce = signed.tx.nonce.saturating_add(1);
        });
        self.pay(proposer, cost.now);
        let (contract, data, code) = match &signed.tx.action {
            Action::Appeal { call } => {
                done.outcomes.extend(self.appeal(all, *call, Appeal { by: sender, bond: cost.along }));
                return Ok(());
            }
            Action::Transfer { to, .. } => (*to, Vec::new(), None),
            Action::Call { to, data, .. } => (*to, data.clone(), None),
            Action::Deploy { bundle, data, .. } => {
                let package = Package::from_bundle(bundle).map_err(|error| Refusal::Bundle(error.to_string()))?;
                (contract_address(&sender, signed.tx.nonce), data.clone(), Some(Arc::new(package)))
            }
        };
        self.ready.push_back(Arc::new(Call {
            id: id.into(),
            tx: id,
            origin: sender,
            sender,
            contract,
            value: cost.along,
            data,
            code,
            gas: signed.tx.gas,
            reserve: cost.reserve,
            nondet: signed.tx.nondet,
        }));
        Ok(())
    }

    /// A larger committee begins to judge.
    fn appeal(&mut self, all: &Chainwide, call: CallId, appeal: Appeal) -> Option<Outcome> {
        let ruled = self.ruled.get_mut(&call)?;
        let number = ruled.case.polls;
        ruled.case.polls = number.saturating_add(1);
        let before = &ruled.poll;
        let size = (before.committee.len() as u16).saturating_mul(2).saturating_add(1);
        let seed = digest("appeal", &[&self.seed, &self.height.to_le_bytes()]);
        let committee = draw(&seed, &call, number, size, all.genesis.validators.len() as u16);
        let until = self.height.saturating_add(all.genesis.phase(all.genesis.rules.commit_blocks));
        let about = (Arc::clone(&before.proposal), Arc::clone(&before.receipt));
        self.polls.insert(call, Poll::begin((number, Some(appeal)), before.leader, about, committee, until));
        Some(Outcome { leader: Some(before.leader), ..told(&ruled.case.call, Status::Appealed) })
    }
}
