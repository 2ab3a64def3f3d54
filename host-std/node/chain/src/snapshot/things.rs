//! What is on its way, as bytes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use subvm_core::wire::{Read, Source, Wrong, put_bytes, put_uint};
use subvm_core::{Package, Proposal, Receipt};

use super::stores::{Stores, Taken};
use crate::call::Call;
use crate::exec::Seen;
use crate::form::{Form, put_list};
use crate::genesis::Genesis;
use crate::poll::{Appeal, Poll};
use crate::world::{Case, Override, Ruled, World};

/// Things, one after the other, after their number.
fn put_all<T>(out: &mut Vec<u8>, things: impl ExactSizeIterator<Item = T>, mut put: impl FnMut(T, &mut Vec<u8>)) {
    put_uint(out, things.len() as u64);
    things.for_each(|thing| put(thing, out));
}

impl World {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let mut stores = Stores::new();
        let mut things = Vec::new();
        self.put_things(&mut stores, &mut things);
        stores.put(out);
        out.extend(things);
    }

    fn put_things<'a>(&'a self, stores: &mut Stores<'a>, out: &mut Vec<u8>) {
        self.height.put(out);
        self.time.put(out);
        self.seed.put(out);
        self.last.put(out);
        stores.number(&self.store).put(out);
        put_all(out, self.ready.iter(), |call, out| put_call(call, out));
        put_all(out, self.locks.iter(), |(contract, waiting), out| {
            contract.put(out);
            put_all(out, waiting.iter(), |call, out| put_call(call, out));
        });
        put_all(out, self.cases.values(), |case, out| put_case(case, stores, out));
        put_all(out, self.polls.iter(), |(call, poll), out| {
            call.put(out);
            put_poll(poll, out);
        });
        put_all(out, self.ruled.values(), |ruled, out| {
            put_case(&ruled.case, stores, out);
            put_poll(&ruled.poll, out);
            ruled.at.put(out);
            ruled.last.put(out);
            ruled.accepted.put(out);
            put_list(out, &ruled.results);
        });
        put_all(out, self.later.iter(), |(height, calls), out| {
            height.put(out);
            put_all(out, calls.iter(), |call, out| put_call(call, out));
        });
        self.finalized.put(out);
        put_all(out, self.history.iter(), |(height, store), out| {
            height.put(out);
            stores.number(store).put(out);
        });
        self.gone.put(out);
    }

    pub(super) fn take(source: &mut Source<'_>, genesis: &Genesis) -> Read<Self> {
        let stores = Taken::take(source)?;
        let (height, time, seed, last) =
            (Form::take(source)?, Form::take(source)?, Form::take(source)?, Form::take(source)?);
        let store = stores.next(source)?;
        let ready = source.list(take_call)?.into();
        let locks = source.list(|source| Ok((Form::take(source)?, VecDeque::from(source.list(take_call)?))))?;
        let cases = source.list(|source| take_case(source, &stores))?;
        let polls = source.list(|source| Ok((Form::take(source)?, take_poll(source, genesis)?)))?;
        let ruled = source.list(|source| {
            let (case, poll) = (take_case(source, &stores)?, Arc::new(take_poll(source, genesis)?));
            let (at, last, accepted) = (Form::take(source)?, Form::take(source)?, Form::take(source)?);
            let ruled = Ruled { case, poll, at, last, accepted, results: source.list(Form::take)? };
            if ruled.at == 0 {
                Err(Wrong::Malformed("something was decided before the first block"))
            } else {
                Ok(ruled)
            }
        })?;
        let later = source.list(|source| Ok((Form::take(source)?, source.list(take_call)?)))?;
        let finalized = Form::take(source)?;
        let history = source.list(|source| Ok((Form::take(source)?, stores.next(source)?)))?;
        Ok(Self {
            height,
            time,
            seed,
            last,
            store,
            ready,
            locks: locks.into_iter().collect(),
            cases: cases.into_iter().map(|case| (case.call.id, case)).collect(),
            polls: polls.into_iter().collect(),
            ruled: ruled.into_iter().map(|ruled| (ruled.case.call.id, ruled)).collect(),
            later: later.into_iter().collect(),
            overrides: BTreeMap::new(),
            finalized,
            history: history.into(),
            gone: Form::take(source)?,
        })
    }
}

pub(super) fn put_overrides(overrides: &BTreeMap<crate::CallId, Override>, out: &mut Vec<u8>) {
    put_all(out, overrides.iter(), |(call, (number, holds)), out| {
        call.put(out);
        (*number as u64).put(out);
        holds.put(out);
    });
}

pub(super) fn take_overrides(source: &mut Source<'_>) -> Read<BTreeMap<crate::CallId, Override>> {
    let all = source.list(|source| Ok((Form::take(source)?, (source.small()?, Form::take(source)?))))?;
    Ok(all.into_iter().collect())
}

fn put_call(call: &Call, out: &mut Vec<u8>) {
    call.id.put(out);
    call.tx.put(out);
    [call.origin, call.sender, call.contract].iter().for_each(|address| address.put(out));
    call.value.put(out);
    call.data.put(out);
    call.code.as_ref().map(|code| code.to_bundle()).put(out);
    call.gas.put(out);
    call.reserve.put(out);
    call.nondet.put(out);
}

fn take_call(source: &mut Source<'_>) -> Read<Arc<Call>> {
    Ok(Arc::new(Call {
        id: Form::take(source)?,
        tx: Form::take(source)?,
        origin: Form::take(source)?,
        sender: Form::take(source)?,
        contract: Form::take(source)?,
        value: Form::take(source)?,
        data: Form::take(source)?,
        code: <Option<Vec<u8>> as Form>::take(source)?.map(|bundle| package(&bundle)).transpose()?,
        gas: Form::take(source)?,
        reserve: Form::take(source)?,
        nondet: Form::take(source)?,
    }))
}

/// A package as it was put; one without a module, which stands for what is no bundle, has none.
pub(crate) fn package(bundle: &[u8]) -> Read<Arc<Package>> {
    Package::from_bundle(bundle).map(Arc::new).map_err(|_| Wrong::Malformed("a contract's package is none"))
}

fn put_case<'a>(case: &'a Case, stores: &mut Stores<'a>, out: &mut Vec<u8>) {
    put_call(&case.call, out);
    stores.number(&case.seen.accepted).put(out);
    stores.number(&case.seen.finalized).put(out);
    case.seen.time.put(out);
    case.until.put(out);
    put_list(out, &case.led);
    case.polls.put(out);
}

fn take_case(source: &mut Source<'_>, stores: &Taken) -> Read<Case> {
    let call = take_call(source)?;
    let (accepted, finalized, time) = (stores.next(source)?, stores.next(source)?, Form::take(source)?);
    let seen = Seen { accepted, finalized, time };
    Ok(Case { call, seen, until: Form::take(source)?, led: source.list(Form::take)?, polls: Form::take(source)? })
}

fn put_poll(poll: &Poll, out: &mut Vec<u8>) {
    poll.number.put(out);
    poll.appeal.map(|appeal| appeal.by).put(out);
    poll.appeal.map(|appeal| appeal.bond).put(out);
    poll.leader.put(out);
    put_bytes(out, &poll.proposal.to_bytes());
    put_bytes(out, &poll.receipt.to_bytes());
    put_list(out, &poll.committee);
    put_all(out, poll.commits.iter(), |(from, commitment), out| {
        from.put(out);
        commitment.put(out);
    });
    put_all(out, poll.opened.iter(), |(from, ballot), out| {
        from.put(out);
        ballot.put(out);
    });
    poll.opening.put(out);
    poll.until.put(out);
}

fn take_poll(source: &mut Source<'_>, genesis: &Genesis) -> Read<Poll> {
    let number = Form::take(source)?;
    let (by, bond): (Option<_>, Option<_>) = (Form::take(source)?, Form::take(source)?);
    let appeal = by.zip(bond).map(|(by, bond)| Appeal { by, bond });
    let leader = Form::take(source)?;
    let proposal = Proposal::from_bytes(source.bytes()?).map_err(|_| Wrong::Malformed("a vote is on no proposal"))?;
    let receipt = Receipt::from_bytes(source.bytes()?).map_err(|_| Wrong::Malformed("a vote is on no receipt"))?;
    let committee: Vec<u16> = source.list(Form::take)?;
    let all = genesis.validators.len();
    if !committee.is_sorted_by(|a, b| a < b) || committee.iter().any(|member| usize::from(*member) >= all) {
        return Err(Wrong::Malformed("a committee has no such members"));
    }
    let commits: Vec<_> = source.list(|source| Ok((Form::take(source)?, Form::take(source)?)))?;
    let opened: Vec<_> = source.list(|source| Ok((Form::take(source)?, Form::take(source)?)))?;
    let mut poll = Poll::begin((number, appeal), leader, (Arc::new(proposal), Arc::new(receipt)), committee, 0);
    poll.commits = commits.into_iter().collect();
    poll.opened = opened.into_iter().collect();
    (poll.opening, poll.until) = (Form::take(source)?, Form::take(source)?);
    Ok(poll)
}
