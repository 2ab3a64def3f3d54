//! Two recordings side by side.

use std::io::{Read, Seek};
use std::mem::{Discriminant, discriminant};

use subvm_core::Role;

use crate::format::function::Function;
use crate::format::record::{Ask, Asked, Enters, Record, RunEnds};
use crate::reader::{Mark, ReadError, Reader};

use super::What;

/// What comparing two recordings came to.
///
/// ```
/// use std::io::Cursor;
/// use subvm_replay::compare::recordings;
/// # use subvm_replay::{Buffer, Options, Recorder};
/// # use subvm_core::{Entry, Message, Role, Run, host::State};
/// # use subvm_host_mock::{MemoryHost, ScriptedEngine};
/// # let transaction = Run {
/// #     message: Message::default(),
/// #     entry: Entry::Contract,
/// #     role: Role::Leader,
/// #     params: Default::default(),
/// #     state: State::Accepted,
/// #     deadline: None,
/// #     cancel: None,
/// # };
/// # let recorded = |balance| {
/// #     let (host, mut engine, sink) = (MemoryHost::new(), ScriptedEngine::new(), Buffer::default());
/// #     host.set_balance(transaction.message.contract_address, balance);
/// #     host.deploy(transaction.message.contract_address, engine.script(|machine| machine.own_balance().map(drop)));
/// #     let (node, recorder) = Recorder::wrap(host.node(), sink.clone(), Options::default());
/// #     let (node, _) = subvm_core::run(std::sync::Arc::new(engine), node, transaction.clone());
/// #     recorder.finish(node);
/// #     sink.bytes()
/// # };
/// # let (ours, theirs) = (recorded(5), recorded(6));
/// // The recordings of two nodes that know two balances.
/// let found = recordings(Cursor::new(ours), Cursor::new(theirs)).unwrap().divergence.unwrap();
/// assert_eq!(found.what.to_string(), "the answer of the chain: a balance");
/// assert_eq!(found.a.within.unwrap().name(), "get_self_balance");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Comparison {
    /// Where their deterministic sides differ first, which never should.
    pub divergence: Option<Divergence>,
    /// Where the rest differs before that: what modules and generators said, and what non-deterministic blocks made of it. Of one leader and
    /// another it explains what follows. Nothing where the roles differ: these are asked different things.
    pub beside: Option<Divergence>,
    /// Whether each has its end.
    pub whole: [bool; 2],
    /// Steps that are the same.
    pub steps: u64,
    /// Blocks whose records were read, of both together, to find it: the others were passed over by their heads.
    pub blocks_read: u64,
}

/// The first difference between two recordings.
///
/// See [`Comparison`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// What of it differs.
    pub what: What,
    /// Steps before it.
    pub step: u64,
    /// In the first recording.
    pub a: Spot,
    /// In the second.
    pub b: Spot,
}

/// A place in a recording.
///
/// See [`Comparison`] for an example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// The number of the host call that is made, or was made last: from 1, in this recording.
    pub call: u64,
    /// The sub-VM: from the main one down, each by its number among its parent's children.
    pub path: Vec<u64>,
    /// The host call that is being made.
    pub within: Option<Function>,
    /// How it began, where that was read.
    pub began: Option<Enters>,
    /// What stands there; nothing where the recording ends.
    pub record: Option<Record>,
}

impl Spot {
    /// The sub-VM as people read it, as `0.2.1`; nothing outside of all.
    ///
    /// ```
    /// # use subvm_replay::compare::Spot;
    /// assert_eq!(Spot { path: vec![0, 2], ..Spot::default() }.sub_vm(), "0.2");
    /// ```
    #[must_use]
    pub fn sub_vm(&self) -> String {
        crate::replayer::dotted(&self.path)
    }
}

/// One of two recordings.
///
/// ```
/// assert_eq!(subvm_replay::compare::Side::A.to_string(), "the first");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::A { "the first" } else { "the second" })
    }
}

/// Finds the first step at which two recordings differ: by a binary search over the trace digests in the heads of their blocks, then record by
/// record within a block of each.
///
/// # Errors
/// Where one cannot be read, and which.
pub fn recordings(mut a: impl Read + Seek, mut b: impl Read + Seek) -> Result<Comparison, (Side, ReadError)> {
    let in_a = |error| (Side::A, error);
    let in_b = |error| (Side::B, error);
    let (marks_a, marks_b) = (Reader::marks(&mut a).map_err(in_a)?, Reader::marks(&mut b).map_err(in_b)?);
    let (from_a, from_b) = last_same(&marks_a, &marks_b);
    let mut walks = (
        Walk::new(Reader::from_mark(&mut a, from_a).map_err(in_a)?, Steps::Only),
        Walk::new(Reader::from_mark(&mut b, from_b).map_err(in_b)?, Steps::Only),
    );
    let divergence = first(&mut walks)?;
    let blocks_read = walks.0.reader.blocks() + walks.1.reader.blocks();
    let steps = divergence.as_ref().map_or(walks.0.reader.steps(), |found| found.step);
    // The rest is read to see whether it ends, and is whole.
    let whole = [walks.0.ends().map_err(in_a)?, walks.1.ends().map_err(in_b)?];
    let divergence = divergence.or_else(|| receipts_differ(&walks.0, &walks.1));
    drop(walks);
    let mut walks = (
        Walk::new(Reader::from_mark(&mut a, Mark::start()).map_err(in_a)?, Steps::AndRest),
        Walk::new(Reader::from_mark(&mut b, Mark::start()).map_err(in_b)?, Steps::AndRest),
    );
    let beside = first(&mut walks)?.filter(|found| {
        // Nodes in two roles are asked different things.
        walks.0.part == walks.1.part && divergence.as_ref().is_none_or(|step| step.a.record != found.a.record)
    });
    Ok(Comparison { divergence, beside, whole, steps, blocks_read })
}

/// The last places at which both recordings have come to the same steps.
fn last_same(a: &[Mark], b: &[Mark]) -> (Mark, Mark) {
    let common: Vec<(Mark, Mark)> = a
        .iter()
        .filter_map(|mark| b.iter().rev().find(|other| other.steps == mark.steps).map(|other| (*mark, *other)))
        .collect();
    // What is the same up to a step was so before.
    let same = common.partition_point(|(a, b)| a.trace == b.trace);
    // The beginning is always the same.
    let nothing = || (Mark::start(), Mark::start());
    same.checked_sub(1).and_then(|last| common.get(last).copied()).unwrap_or_else(nothing)
}

/// Which records are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Steps {
    /// Steps of the trace.
    Only,
    /// All but what differs between any two runs.
    AndRest,
}

struct Walk<R> {
    reader: Reader<R>,
    steps: Steps,
    began: Option<Enters>,
    /// The role.
    part: Option<Discriminant<Role>>,
    end: Option<RunEnds>,
}

impl<R: Read> Walk<R> {
    fn new(reader: Reader<R>, steps: Steps) -> Self {
        Self { reader, steps, began: None, part: None, end: None }
    }

    /// The next record that counts, and where it is.
    fn next(&mut self) -> Result<Spot, ReadError> {
        loop {
            let (open, path) = (self.reader.place().open(), self.reader.path());
            let Some(record) = self.reader.next().transpose()? else {
                return Ok(Spot {
                    call: self.reader.calls(),
                    path,
                    within: open,
                    began: self.began.clone(),
                    record: None,
                });
            };
            match &record {
                Record::RunEnds(end) => self.end = Some(end.clone()),
                Record::Part(part) => self.part = Some(discriminant(&part.role)),
                _ => {}
            }
            let counts = match self.steps {
                Steps::Only => self.reader.is_step(),
                Steps::AndRest => !differs_always(&record),
            };
            let spot = counts.then(|| self.spot(open, path, &record));
            match record {
                Record::Enters(call) => self.began = Some(call),
                Record::Exits(_) => self.began = None,
                _ => {}
            }
            if let Some(spot) = spot {
                return Ok(spot);
            }
        }
    }

    fn spot(&self, open: Option<Function>, path: Vec<u64>, record: &Record) -> Spot {
        let (path, within) = match record {
            Record::Begins(_) => (self.reader.path(), None),
            Record::Enters(call) => (path, Some(call.function)),
            _ => (path, open),
        };
        let began = self.began.clone().filter(|call| Some(call.function) == within);
        Spot { call: self.reader.calls(), path, within, began, record: Some(record.clone()) }
    }

    /// Reads to the end; tells whether there is one.
    fn ends(&mut self) -> Result<bool, ReadError> {
        while let Some(record) = self.reader.next().transpose()? {
            if let Record::RunEnds(end) = record {
                self.end = Some(end);
            }
        }
        Ok(self.reader.is_whole())
    }
}

/// What differs where every step is the same.
fn receipts_differ<R: Read, S: Read>(a: &Walk<R>, b: &Walk<S>) -> Option<Divergence> {
    match (&a.end, &b.end) {
        (Some(RunEnds(Ok(own))), Some(RunEnds(Ok(other)))) if own != other => {}
        (Some(RunEnds(Ok(_))), Some(RunEnds(Err(_)))) | (Some(RunEnds(Err(_))), Some(RunEnds(Ok(_)))) => {}
        _ => return None,
    }
    let spot = |end: &Option<RunEnds>| Spot { record: end.clone().map(Record::RunEnds), ..Spot::default() };
    Some(Divergence { what: What::Receipt, step: a.reader.steps(), a: spot(&a.end), b: spot(&b.end) })
}

/// What says nothing about whether two runs are the same.
fn differs_always(record: &Record) -> bool {
    matches!(
        record,
        Record::Part(_) | Record::Package(_) | Record::RunEnds(_) | Record::Asked(Asked { ask: Ask::Elapsed, .. })
    )
}

/// The first difference from here on.
fn first<R: Read, S: Read>(walks: &mut (Walk<R>, Walk<S>)) -> Result<Option<Divergence>, (Side, ReadError)> {
    loop {
        let step = walks.0.reader.steps();
        let a = walks.0.next().map_err(|error| (Side::A, error))?;
        let b = walks.1.next().map_err(|error| (Side::B, error))?;
        if a.record != b.record {
            let what = What::of(a.record.as_ref(), b.record.as_ref());
            let within = a.within.filter(|function| !function.takes());
            let what = match (what, &a.record) {
                // What a call wrote, rather than took, is no state of the guest's.
                (What::Memory, Some(Record::Exits(_))) if within.is_some() => What::Result,
                (what, _) => what,
            };
            return Ok(Some(Divergence { what, step, a, b }));
        }
        if a.record.is_none() {
            return Ok(None);
        }
    }
}
