//! The machine at a point of a replay.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::fingerprint::{Frame, ZeroTree, hash_memory};
use subvm_core::{Engine, Outcome, Package, PageWrite};
use subvm_lower::{Global, Instance, Machine, memory_export};
use subvm_replay::{Point, Replay, ReplayError, Replayed, Stopped};

use crate::locals;
use crate::notes::Notes;
use crate::watch::{GLOBAL, Watch};

/// Bytes of a page of a memory.
pub(crate) const PAGE: usize = 65_536;

/// How much of memories is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Their digests.
    Digests,
    /// All that is not zero.
    Bytes,
}

/// A memory.
///
/// ```
/// let memory = subvm_look::Memory::of(&[7; 65_536], subvm_look::Keep::Bytes);
/// assert_eq!((memory.len(), memory.read(65_534, 4)), (65_536, Some(vec![7, 7])));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    len: u64,
    digest: [u8; 32],
    pages: Option<BTreeMap<u32, Box<[u8]>>>,
}

impl Memory {
    /// What is kept of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8], keep: Keep) -> Self {
        let pages = (keep == Keep::Bytes).then(|| {
            let pages = (0u32..).zip(bytes.chunks(PAGE)).filter(|(_, page)| page.iter().any(|byte| *byte != 0));
            pages.map(|(number, page)| (number, Box::from(page))).collect()
        });
        Self { len: bytes.len() as u64, digest: hash_memory(bytes, None, &mut ZeroTree::default()), pages }
    }

    /// Its bytes' number.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// BLAKE3 of it, as a fingerprint has it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// So many bytes from an address on, or fewer where it ends; nothing where they were not kept, or none are there.
    #[must_use]
    pub fn read(&self, address: u64, len: usize) -> Option<Vec<u8>> {
        let pages = self.pages.as_ref()?;
        let end = self.len.min(address.saturating_add(len as u64));
        (address < end).then(|| (address..end).map(|at| byte(pages, at)).collect())
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = (&u32, &Box<[u8]>)> {
        self.pages.iter().flatten()
    }
}

fn byte(pages: &BTreeMap<u32, Box<[u8]>>, at: u64) -> u8 {
    let (page, offset) = ((at / PAGE as u64) as u32, (at % PAGE as u64) as usize);
    pages.get(&page).and_then(|page| page.get(offset)).copied().unwrap_or(0)
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenInstance {
    /// The name under which it was linked.
    pub name: String,
    /// Its memories, in order.
    pub memories: Vec<Memory>,
    /// Its own globals that hold numbers, by index.
    pub globals: Vec<(u32, Global)>,
    /// What it noted; nothing where it was not watched.
    pub notes: Option<Notes>,
    /// The locals of the watched function, where it stopped last.
    pub locals: Vec<(u32, Global)>,
}

/// A machine, without the sub-VM that it ran.
#[derive(Debug)]
pub(crate) struct SeenMachine {
    ticks: i64,
    stack_units: i64,
    frames: Vec<Frame>,
    instances: Vec<SeenInstance>,
}

impl SeenMachine {
    pub(crate) fn of(machine: &Machine<'_>) -> Self {
        Self {
            ticks: machine.ticks,
            stack_units: machine.stack_units,
            frames: machine.frames.clone(),
            instances: machine.instances.iter().map(SeenInstance::of).collect(),
        }
    }
}

impl SeenInstance {
    fn of(instance: &Instance<'_>) -> Self {
        let memories = (0..).map_while(|index| instance.memory(&memory_export(index)));
        let numbered = |(name, value): &(String, Global)| Some((name.strip_prefix(GLOBAL)?.parse().ok()?, *value));
        let mut globals: Vec<(u32, Global)> = instance.globals.iter().filter_map(numbered).collect();
        // Engines list exports in orders of their own.
        globals.sort_unstable_by_key(|(index, _)| *index);
        Self {
            name: instance.name.to_owned(),
            memories: memories.map(|bytes| Memory::of(bytes, Keep::Bytes)).collect(),
            globals,
            notes: Notes::read(instance),
            locals: locals::read(instance),
        }
    }
}

/// A sub-VM that has ended, or was stopped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Seen {
    /// Which: from the main one down, each by its number among its parent's children.
    pub path: Vec<u64>,
    /// What it runs.
    pub package: Arc<Package>,
    /// What it came to; where it was stopped, out of time gas.
    pub result: Result<Outcome, String>,
    /// Host calls of the run that have begun.
    pub calls: u64,
    /// Ticks that it had at its beginning: where it is the one of the point, as in the recorded run.
    pub given: i64,
    /// Ticks that were left, negative where they ran out.
    pub ticks: i64,
    /// Stack units that were left. Engines differ by the frame of a function that calls none.
    pub stack_units: i64,
    /// The functions that were active, innermost first.
    pub frames: Vec<Frame>,
    /// Its instances.
    pub instances: Vec<SeenInstance>,
    /// Its open descriptors, in words.
    pub descriptors: Vec<(u32, String)>,
    /// What the run has written to storage.
    pub written: Vec<PageWrite>,
}

impl Seen {
    fn of(stopped: &Stopped<'_>, machine: Option<SeenMachine>) -> Self {
        let none = SeenMachine {
            ticks: stopped.vm.ticks,
            stack_units: stopped.vm.stack_units,
            frames: Vec::new(),
            instances: Vec::new(),
        };
        let SeenMachine { ticks, stack_units, frames, instances } = machine.unwrap_or(none);
        Self {
            path: stopped.path.to_vec(),
            package: Arc::clone(stopped.vm.package()),
            result: match stopped.result {
                Ok(outcome) => Ok(outcome.clone()),
                Err(error) => Err(error.to_string()),
            },
            calls: stopped.calls,
            given: stopped.given,
            ticks,
            stack_units,
            frames,
            instances,
            descriptors: stopped.vm.descriptors(),
            written: stopped.vm.written().unwrap_or_default(),
        }
    }

    /// Ticks that it used, where it had as many as in the recorded run.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.given.saturating_sub(self.ticks).max(0).unsigned_abs()
    }

    /// Whether it ran out of time gas: so does what was stopped, and what is above it.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.ticks < 0
    }
}

/// What a replay showed up to a point.
#[derive(Debug)]
#[non_exhaustive]
pub struct Looked {
    /// The sub-VMs that ended up to the point, in that order; the one of the point is the last.
    pub ended: Vec<Seen>,
    /// Those above it, which were waiting, innermost first.
    pub above: Vec<Seen>,
    /// Whether it was the recorded run so far.
    pub replayed: Replayed,
}

impl Looked {
    /// The sub-VMs that executed at the point, innermost first: one that was stopped, and those that waited for it.
    #[must_use]
    pub fn stack(&self) -> Vec<&Seen> {
        let stopped = self.ended.iter().rposition(|seen| !seen.is_stopped()).map_or(0, |last| last + 1);
        let from = stopped.min(self.ended.len().saturating_sub(1));
        self.ended.iter().skip(from).chain(&self.above).collect()
    }
}

/// Replays up to a point on an engine that `watch` looks into, and says what was to be seen.
///
/// # Errors
/// Where the recording is damaged.
///
/// # Cost
/// A replay up to there, and a copy of what is not zero in the memories of each sub-VM that ended.
///
/// ```
/// use std::sync::Arc;
/// use subvm_look::{Watch, look};
/// use subvm_replay::{Point, Replay, ReplayError};
/// use subvm_wasmi::WasmiEngine;
/// fn stack(recording: std::fs::File) -> Result<(), ReplayError> {
///     let watch = Arc::new(Watch::new());
///     let engine = Arc::new(WasmiEngine::looked_into(watch.clone()));
///     let looked = look(Replay::open(recording)?, engine, &watch, &Point::main(1_000))?;
///     looked.stack().iter().for_each(|seen| println!("{:?}: {:?}", seen.path, seen.frames));
///     Ok(())
/// }
/// ```
pub fn look(replay: Replay, engine: Arc<dyn Engine>, watch: &Arc<Watch>, point: &Point) -> Result<Looked, ReplayError> {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let (into, watch) = (Arc::clone(&ended), Arc::clone(watch));
    let replayed = replay.until(engine, point, move |stopped| {
        let seen = Seen::of(stopped, watch.take());
        into.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    })?;
    let mut ended = std::mem::take(&mut *ended.lock().unwrap_or_else(PoisonError::into_inner));
    let at = ended.iter().position(|seen: &Seen| seen.path == point.path).map_or(ended.len(), |at| at + 1);
    let above = ended.split_off(at);
    Ok(Looked { ended, above, replayed })
}
