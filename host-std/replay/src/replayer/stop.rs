//! A replay that stops at a tick: less time gas is exactly a prefix of the run.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::host::Catch;
use subvm_core::{Engine, Finished, InternalError, InternalErrorKind, Outcome, SubVm};

use super::{Replay, ReplayError, Replayed, Shared, dotted};
use crate::format::record::{Begins, Ends, Enters, Exits, Record};

/// A moment of a run: ticks that a sub-VM has used, its children's included.
///
/// ```
/// use subvm_replay::Point;
/// let point = Point { path: vec![0, 2], ticks: 500 };
/// assert_eq!(point.to_string(), "500 ticks into sub-VM 0.2");
/// assert_eq!(Point::path("0.2"), Some(vec![0, 2]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The sub-VM: from the main one, which is 0, down, each by its number among its parent's children.
    pub path: Vec<u64>,
    /// Time gas that it has used. Where it uses less in all, the point is its end.
    pub ticks: u64,
}

impl Point {
    /// So many ticks into the main sub-VM: of the run, but for what non-deterministic blocks use.
    #[must_use]
    pub fn main(ticks: u64) -> Self {
        Self { path: vec![0], ticks }
    }

    /// A path as people write it: numbers with dots between them. Nothing where it is none.
    #[must_use]
    pub fn path(text: &str) -> Option<Vec<u64>> {
        text.split('.').map(u64::from_str).collect::<Result<_, _>>().ok()
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ticks into sub-VM {}", self.ticks, dotted(&self.path))
    }
}

/// A sub-VM that has ended in a replay, as who looks at it sees it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Stopped<'a> {
    /// Which.
    pub path: &'a [u64],
    /// The sub-VM.
    pub vm: &'a SubVm,
    /// Ticks that it had at its beginning: where it is the one of the point, as in the recorded run.
    pub given: i64,
    /// What it came to. A sub-VM that was stopped is out of time gas.
    pub result: &'a Result<Outcome, InternalError>,
    /// Host calls of the run that have begun.
    pub calls: u64,
}

/// Who looks.
type Looks = Box<dyn FnMut(&Stopped<'_>) + Send>;

impl Replay {
    /// Runs it on `engine` up to a point, and shows each sub-VM that ends: those that end on the way, then the one that executes at the point,
    /// then those above it. The run is over then: its result is an internal error, and the verdict says only where it left the recording, if it
    /// did so before.
    ///
    /// The guest stops where its time gas is compared next, at most 1,024 ticks further than the point, and at the same instruction on every
    /// engine.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use subvm_core::Engine;
    /// use subvm_replay::{Point, Replay, ReplayError};
    /// /// What was written up to there.
    /// fn written(recording: std::fs::File, engine: Arc<dyn Engine>) -> Result<(), ReplayError> {
    ///     Replay::open(recording)?.until(engine, &Point::main(10_000), |stopped| {
    ///         println!("{:?}: {:?}", stopped.path, stopped.vm.written());
    ///     })?;
    ///     Ok(())
    /// }
    /// ```
    pub fn until(
        self,
        engine: Arc<dyn Engine>,
        point: &Point,
        look: impl FnMut(&Stopped<'_>) + Send + 'static,
    ) -> Result<Replayed, ReplayError> {
        let (point, look) = (point.clone(), Mutex::new(Box::new(look) as Looks));
        self.through(|shared| Arc::new(Stopping { engine, shared: shared.clone(), point, look }))
    }
}

/// An engine that gives one sub-VM less time gas than it should have.
struct Stopping {
    engine: Arc<dyn Engine>,
    shared: Shared,
    point: Point,
    look: Mutex<Looks>,
}

impl Engine for Stopping {
    fn run(&self, mut vm: Box<SubVm>) -> Finished {
        let path = self.shared.lock().live.place.path();
        let given = vm.ticks;
        let here = path == self.point.path;
        let limit = i64::try_from(self.point.ticks).unwrap_or(i64::MAX);
        if here && vm.ticks > limit {
            vm.ticks = limit;
            self.shared.lock().short = true;
        }
        let mut finished = self.engine.run(vm);
        let calls = self.shared.lock().live.place.calls();
        let stopped = Stopped { path: &path, vm: &finished.vm, given, result: &finished.result, calls };
        (self.look.lock().unwrap_or_else(PoisonError::into_inner))(&stopped);
        if here {
            finished.result = Err(InternalError::new(InternalErrorKind::Deadline, "stopped to be looked at"));
        }
        finished
    }

    fn catch(&self) -> Catch {
        self.engine.catch()
    }
}

/// Whether two records are the same but for ticks.
pub(super) fn alike(recorded: &Record, here: &Record) -> bool {
    match (recorded, here) {
        (Record::Begins(recorded), Record::Begins(here)) => {
            *recorded == Begins { ticks: recorded.ticks, ..here.clone() }
        }
        (Record::Ends(recorded), Record::Ends(here)) => *recorded == Ends { ticks: recorded.ticks, ..here.clone() },
        (Record::Enters(recorded), Record::Enters(here)) => {
            *recorded == Enters { ticks: recorded.ticks, ..here.clone() }
        }
        (Record::Exits(recorded), Record::Exits(here)) => *recorded == Exits { ticks: recorded.ticks, ..here.clone() },
        _ => false,
    }
}
