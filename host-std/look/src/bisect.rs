//! The first instruction at which two replays differ.

use std::sync::Arc;

use subvm_core::Engine;
use subvm_core::fingerprint::Frame;
use subvm_replay::{Finding, Found, Point, Record, Replay, ReplayError, Verdict};

use crate::difference::{self, Bytes, GlobalDiffers, Value};
use crate::instruction::{Instruction, instruction};
use crate::seen::{Looked, Seen, look};
use crate::watch::Watch;

/// One of two replays.
pub struct Side<'a> {
    /// Opens its recording, each time anew.
    pub open: &'a dyn Fn() -> Result<Replay, ReplayError>,
    /// What runs it: made with `watch`.
    pub engine: Arc<dyn Engine>,
    /// Who looks into that.
    pub watch: Arc<Watch>,
}

impl std::fmt::Debug for Side<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Side").field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl Side<'_> {
    fn at(&self, point: &Point) -> Result<Looked, ReplayError> {
        look((self.open)()?, Arc::clone(&self.engine), &self.watch, point)
    }
}

/// What two replays came to.
#[derive(Debug)]
pub enum Bisected {
    /// Nothing differs, to the end: neither a value nor a memory.
    Same {
        /// Values that were compared.
        values: u64,
        /// Where the replays left their recordings.
        left: Left,
    },
    /// They differ.
    Differ(Box<Divergence>),
}

/// Where each of two replays does something else than its recording has, and so than the node did that made it: its engine, its machine or
/// its modules are other ones.
pub type Left = [Option<Box<Finding>>; 2];

/// Where two replays begin to differ.
#[derive(Debug)]
#[non_exhaustive]
pub struct Divergence {
    /// Up to there they are the same: stopped at this tick, nothing differs; a tick later something does.
    pub point: Point,
    /// Host calls of the run that had begun.
    pub calls: u64,
    /// The first value that differs; nothing where only counters or memories do.
    pub value: Option<Value>,
    /// The instruction that gave it, of the first side, or else of the second.
    pub instruction: Option<Instruction>,
    /// The functions that were active where both were still the same, innermost first.
    pub frames: Vec<Frame>,
    /// What differs in memories, the first ranges of it.
    pub bytes: Vec<Bytes>,
    /// The globals that differ.
    pub globals: Vec<GlobalDiffers>,
    /// Ticks left on both sides at the stop where they differ.
    pub ticks: [i64; 2],
    /// Where the replays left their recordings.
    pub left: Left,
    /// Replays that it took.
    pub replays: u32,
}

/// Finds where two replays of sub-VM `path`, or of one below it, begin to differ, by halving the ticks between where they are the same and where
/// they are not. `told` is told of each pair of replays: the ticks between which the difference is.
///
/// What was computed once and differs stays different: each value goes into a digest. So the place that is found is the first.
///
/// # Errors
/// Where a recording cannot be replayed.
///
/// # Cost
/// Some sixty replays up to about the place that is found: two for each halving of the ticks that the run used.
///
/// ```
/// use std::sync::Arc;
/// use subvm_look::{Bisected, Side, Watch, bisect};
/// use subvm_replay::{Replay, ReplayError};
/// use subvm_wasmi::WasmiEngine;
/// fn compare(a: &std::path::Path, b: &std::path::Path) -> Result<Bisected, ReplayError> {
///     # let open_file = |path: &std::path::Path| std::fs::File::open(path).unwrap();
///     let (open_a, open_b) = (|| Replay::open(open_file(a)), || Replay::open(open_file(b)));
///     let side = |open| {
///         let watch = Arc::new(Watch::new());
///         Side { open, engine: Arc::new(WasmiEngine::looked_into(watch.clone())), watch }
///     };
///     bisect(&side(&open_a), &side(&open_b), &[0], &mut |_, _| ())
/// }
/// ```
pub fn bisect(
    a: &Side<'_>,
    b: &Side<'_>,
    path: &[u64],
    told: &mut dyn FnMut(u64, u64),
) -> Result<Bisected, ReplayError> {
    let mut replays = 0;
    let mut both = |point: &Point| {
        replays += 2;
        Ok::<_, ReplayError>((a.at(point)?, b.at(point)?))
    };
    let mut path = path.to_vec();
    loop {
        let whole = Point { path: path.clone(), ticks: i64::MAX as u64 };
        let (ours, theirs) = both(&whole)?;
        let left = [left(&ours), left(&theirs)];
        let (Some(our), Some(their)) = (ours.ended.last(), theirs.ended.last()) else {
            return Ok(Bisected::Same { values: 0, left });
        };
        if same(&ours, &theirs) {
            let values = our.instances.iter().filter_map(|instance| Some(instance.notes.as_ref()?.count)).sum();
            return Ok(Bisected::Same { values, left });
        }
        let (mut low, mut high) = (0, our.used().max(their.used()) + 1);
        let mut last = None;
        while low + 1 < high {
            told(low, high);
            let middle = low + (high - low) / 2;
            let (ours, theirs) = both(&Point { path: path.clone(), ticks: middle })?;
            if same(&ours, &theirs) {
                low = middle;
                last = ours.ended.into_iter().next_back();
            } else {
                high = middle;
            }
        }
        let (ours, theirs) = both(&Point { path: path.clone(), ticks: high })?;
        // Where a sub-VM below differs, it did so first.
        if let Some(below) = first_below(&ours, &theirs, &path) {
            path = below;
            continue;
        }
        let (Some(our), Some(their)) = (ours.ended.last(), theirs.ended.last()) else {
            return Ok(Bisected::Same { values: 0, left });
        };
        let value = difference::value(our, their);
        return Ok(Bisected::Differ(Box::new(Divergence {
            point: Point { path, ticks: low },
            calls: our.calls.min(their.calls),
            instruction: value.as_ref().and_then(|value| named(our, value)),
            value,
            frames: last.as_ref().unwrap_or(our).frames.clone(),
            bytes: difference::bytes(our, their),
            globals: difference::globals(our, their),
            ticks: [our.ticks, their.ticks],
            left,
            replays,
        })));
    }
}

/// Where a replay left its recording, but for the end that stopping brought about.
fn left(looked: &Looked) -> Option<Box<Finding>> {
    let Verdict::Differs(finding) = &looked.replayed.verdict else { return None };
    match &finding.found {
        Found::Record(Record::RunEnds(_)) => None,
        Found::Record(Record::Ends(ends)) if ends.result.is_err() => None,
        _ => Some(finding.clone()),
    }
}

/// Whether two replays show the same: the sub-VM of the point, and those below it that ended before.
fn same(a: &Looked, b: &Looked) -> bool {
    a.ended.len() == b.ended.len()
        && a.ended.iter().zip(&b.ended).all(|(a, b)| a.path == b.path && difference::same(a, b))
}

/// The sub-VM below `path` that differs first.
fn first_below(a: &Looked, b: &Looked, path: &[u64]) -> Option<Vec<u64>> {
    let mut pairs = a.ended.iter().zip(&b.ended);
    let (seen, _) = pairs.find(|(a, b)| a.path != b.path || !difference::same(a, b))?;
    (seen.path.len() > path.len() && seen.path.starts_with(path)).then(|| seen.path.clone())
}

/// The instruction of a value, in the module of its instance.
fn named(seen: &Seen, value: &Value) -> Option<Instruction> {
    let note = value.a.or(value.b)?;
    let position = seen.instances.iter().position(|instance| instance.name == value.instance)?;
    let libraries = &seen.package.libraries;
    let wasm = libraries.get(position).map_or(&seen.package.start, |library| &library.wasm);
    instruction(wasm, note.instruction)
}
