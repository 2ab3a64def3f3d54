//! What is on its way, as bytes: whole, in a snapshot; and, for the digest of it, with the digests of what is large. One writer for both, so that
//! whatever a snapshot has is in the digest.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use subvm_core::wire::{Read, Source, Wrong, put_bytes, put_uint};
use subvm_core::{Package, Proposal, Receipt};

use super::stores::{Stores, Taken};
use super::{Out, SnapshotError, Stream};
use crate::call::Call;
use crate::exec::Seen;
use crate::form::{Form, put_list};
use crate::genesis::Genesis;
use crate::poll::{Appeal, Poll};
use crate::store::Store;
use crate::world::{Case, Override, Past, Ruled, World};

/// How states, packages, proposals and receipts are put.
enum Large<'a> {
    /// Whole: states by their numbers among these.
    Whole(Stores<'a>),
    /// By their digests.
    Digests,
}

impl<'a> Large<'a> {
    fn store(&mut self, store: &'a Store, out: &mut Vec<u8>) {
        match self {
            Self::Whole(stores) => stores.number(store).put(out),
            Self::Digests => store.digest().put(out),
        }
    }

    fn code(&self, code: Option<&Package>, out: &mut Vec<u8>) {
        match self {
            Self::Whole(_) => code.map(Package::to_bundle).put(out),
            Self::Digests => code.map(Package::digest).put(out),
        }
    }

    fn about(&self, poll: &Poll, out: &mut Vec<u8>) {
        match self {
            Self::Whole(_) => {
                put_bytes(out, &poll.proposal.to_bytes());
                put_bytes(out, &poll.receipt.to_bytes());
            }
            Self::Digests => {
                poll.about.put(out);
                poll.agreed.put(out);
            }
        }
    }
}

/// Things, one after the other, after their number.
fn put_all<T>(out: &mut Vec<u8>, things: impl ExactSizeIterator<Item = T>, mut put: impl FnMut(T, &mut Vec<u8>)) {
    put_uint(out, things.len() as u64);
    things.for_each(|thing| put(thing, out));
}

impl World {
    pub(super) fn put(&self, out: &mut Out<'_>) -> io::Result<()> {
        let mut large = Large::Whole(Stores::new());
        let mut things = Vec::new();
        self.put_things(&mut large, &mut things);
        if let Large::Whole(stores) = &large {
            stores.put(out)?;
        }
        out.bytes.extend(things);
        out.put()
    }

    /// All of it but what overrides, for a digest: no two worlds have the same bytes.
    pub(crate) fn put_digests(&self, out: &mut Vec<u8>) {
        self.put_things(&mut Large::Digests, out);
    }

    fn put_things<'a>(&'a self, large: &mut Large<'a>, out: &mut Vec<u8>) {
        self.height.put(out);
        self.time.put(out);
        self.seed.put(out);
        self.last.put(out);
        large.store(&self.store, out);
        put_all(out, self.ready.iter(), |call, out| put_call(call, large, out));
        put_all(out, self.locks.iter(), |(contract, waiting), out| {
            contract.put(out);
            put_all(out, waiting.iter(), |call, out| put_call(call, large, out));
        });
        put_all(out, self.cases.values(), |case, out| put_case(case, large, out));
        put_all(out, self.polls.iter(), |(call, poll), out| {
            call.put(out);
            put_poll(poll, large, out);
        });
        put_all(out, self.ruled.values(), |ruled, out| {
            put_case(&ruled.case, large, out);
            put_poll(&ruled.poll, large, out);
            ruled.at.put(out);
            ruled.last.put(out);
            ruled.accepted.put(out);
            put_list(out, &ruled.results);
        });
        put_all(out, self.later.iter(), |(height, calls), out| {
            height.put(out);
            put_all(out, calls.iter(), |call, out| put_call(call, large, out));
        });
        self.finalized.put(out);
        put_all(out, self.history.iter(), |past, out| {
            past.height.put(out);
            large.store(&past.store, out);
            past.digest.put(out);
        });
        self.gone.put(out);
    }

    pub(super) fn take(stream: &mut Stream<'_>, genesis: &Genesis) -> Result<Self, SnapshotError> {
        let stores = Taken::take(stream)?;
        let (height, time) = (stream.one(u64::take)?, stream.one(u64::take)?);
        let (seed, last) = (stream.one(Form::take)?, stream.one(Form::take)?);
        let store = stream.one(|source| stores.next(source))?;
        let ready = stream.list(take_call)?.into();
        let mut locks = BTreeMap::new();
        for _ in 0..stream.count()? {
            let contract = stream.one(Form::take)?;
            locks.insert(contract, VecDeque::from(stream.list(take_call)?));
        }
        let cases = stream.list(|source| take_case(source, &stores))?;
        let polls = stream.list(|source| Ok((Form::take(source)?, take_poll(source, genesis)?)))?;
        let ruled = stream.list(|source| {
            let (case, poll) = (take_case(source, &stores)?, Arc::new(take_poll(source, genesis)?));
            let (at, last, accepted) = (Form::take(source)?, Form::take(source)?, Form::take(source)?);
            let ruled = Ruled { case, poll, at, last, accepted, results: source.list(Form::take)? };
            if ruled.at == 0 {
                Err(Wrong::Malformed("something was decided before the first block"))
            } else {
                Ok(ruled)
            }
        })?;
        let mut later = BTreeMap::new();
        for _ in 0..stream.count()? {
            let height = stream.one(Form::take)?;
            later.insert(height, stream.list(take_call)?);
        }
        let finalized = stream.one(u64::take)?;
        if finalized > height {
            return Err(SnapshotError::Malformed("more is final than there is"));
        }
        let history = stream.list(|source| {
            Ok(Past { height: Form::take(source)?, store: stores.next(source)?, digest: Form::take(source)? })
        })?;
        let world = Self {
            height,
            time,
            seed,
            last,
            store,
            ready,
            locks,
            cases: cases.into_iter().map(|case| (case.call.id, case)).collect(),
            polls: polls.into_iter().collect(),
            ruled: ruled.into_iter().map(|ruled| (ruled.case.call.id, ruled)).collect(),
            later,
            overrides: BTreeMap::new(),
            finalized,
            history: history.into(),
            gone: stream.one(Form::take)?,
            digest: [0; 32],
        };
        Ok(world.digested())
    }
}

pub(crate) fn put_overrides(overrides: &BTreeMap<crate::CallId, Override>, out: &mut Vec<u8>) {
    put_all(out, overrides.iter(), |(call, (number, holds)), out| {
        call.put(out);
        (*number as u64).put(out);
        holds.put(out);
    });
}

pub(super) fn take_overrides(stream: &mut Stream<'_>) -> Result<BTreeMap<crate::CallId, Override>, SnapshotError> {
    let all = stream.list(|source| Ok((Form::take(source)?, (source.small()?, Form::take(source)?))))?;
    Ok(all.into_iter().collect())
}

fn put_call(call: &Call, large: &Large<'_>, out: &mut Vec<u8>) {
    call.id.put(out);
    call.tx.put(out);
    [call.origin, call.sender, call.contract].iter().for_each(|address| address.put(out));
    call.value.put(out);
    call.data.put(out);
    large.code(call.code.as_deref(), out);
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

fn put_case<'a>(case: &'a Case, large: &mut Large<'a>, out: &mut Vec<u8>) {
    put_call(&case.call, large, out);
    large.store(&case.seen.accepted, out);
    large.store(&case.seen.finalized, out);
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

fn put_poll(poll: &Poll, large: &Large<'_>, out: &mut Vec<u8>) {
    poll.number.put(out);
    poll.appeal.map(|appeal| appeal.by).put(out);
    poll.appeal.map(|appeal| appeal.bond).put(out);
    poll.leader.put(out);
    large.about(poll, out);
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
