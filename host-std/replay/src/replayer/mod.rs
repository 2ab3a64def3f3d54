//! Runs a recording again, with no node behind it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::Read;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subvm_core::costs::instructions::Schedule;
use subvm_core::host::{HostError, Node, Stream};
use subvm_core::{
    Engine, InternalError, InternalErrorKind, LOWERING_VERSION, Package, Report, Run, SCHEDULE_VERSION, run,
};

use crate::format::record::{Answer, Ask, Asked, Ends, Exits, Record, RunEnds};
use crate::reader::{ReadError, Reader};
use crate::writer::Writer;
use crate::{given, package, tracer};

mod finding;
mod parts;
mod stop;

pub(crate) use finding::dotted;
pub use finding::{Finding, Found, Verdict};
pub use stop::{Point, Stopped};

/// Takes what guests print.
type Output = Box<dyn FnMut(Stream, &[u8]) + Send>;

/// A recorded run that can be run again: on any engine, on any machine, without a node, a store or a network.
///
/// ```
/// use std::sync::Arc;
/// use subvm_core::Engine;
/// use subvm_replay::{Buffer, Options, Recorder, Replay, Verdict};
/// # use subvm_core::{Entry, Message, Role, Run, host::State};
/// # use subvm_host_mock::{MemoryHost, ScriptedEngine};
/// # let transaction = Run {
/// #     message: Message::default(),
/// #     entry: Entry::Contract,
/// #     role: Role::Leader,
/// #     params: Arc::default(),
/// #     state: State::Accepted,
/// #     deadline: None,
/// #     cancel: None,
/// # };
/// # let (host, mut engine, sink) = (MemoryHost::new(), ScriptedEngine::new(), Buffer::default());
/// # host.set_balance(transaction.message.contract_address, 5);
/// # host.deploy(transaction.message.contract_address, engine.script(|machine| machine.own_balance().map(drop)));
/// # let engine: Arc<dyn Engine> = Arc::new(engine);
/// # let options = Options { code: true, ..Options::default() };
/// # let (node, recorder) = Recorder::wrap(host.node(), sink.clone(), options);
/// # let (node, report) = subvm_core::run(engine.clone(), node, transaction);
/// # let (_, recording) = recorder.finish(node);
///
/// let replayed = Replay::open(std::io::Cursor::new(sink.bytes()))?.on(engine)?;
/// assert!(matches!(replayed.verdict, Verdict::Same));
/// assert_eq!(replayed.trace, recording.trace);
/// assert_eq!(replayed.result.unwrap().receipt, report.unwrap().receipt);
/// # Ok::<(), subvm_replay::ReplayError>(())
/// ```
pub struct Replay {
    player: Player,
    run: Run,
    output: Output,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("run", &self.run).finish_non_exhaustive()
    }
}

/// Why a recording cannot be run again.
///
/// ```
/// use subvm_replay::{Replay, ReplayError};
/// assert!(matches!(Replay::open(&b"subvmrec\x01"[..]), Err(ReplayError::NoRun)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// It cannot be read.
    Read(ReadError),
    /// It was cut before it says what ran.
    NoRun,
    /// What it says of the run makes no sense.
    Malformed(&'static str),
    /// It was made under another schedule of prices, or another lowering.
    Params {
        /// The version of the price table.
        schedule: u32,
        /// The version of lowering.
        lowering: u32,
    },
    /// The engine here failed where the recorded one did not: it has not what the module uses, or its machine is short of something. That says
    /// nothing of the recording.
    Engine(InternalError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::NoRun => f.write_str("the recording was cut before it says what ran"),
            Self::Malformed(what) => write!(f, "a damaged recording: {what}"),
            Self::Params { schedule, lowering } => write!(
                f,
                "the run was made under schedule {schedule} and lowering {lowering}; this release has {SCHEDULE_VERSION} and {LOWERING_VERSION}: \
                replay it with the release that made it"
            ),
            Self::Engine(error) => {
                write!(f, "the engine here fails where the recorded one did not: {}", tracer::text(error))
            }
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<ReadError> for ReplayError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// What replaying came to.
///
/// See [`Replay`] for an example.
#[derive(Debug)]
#[non_exhaustive]
pub struct Replayed {
    /// Whether the run was the recorded one, and where not.
    pub verdict: Verdict,
    /// What the run came to here. Where it is not the recorded one, it is worth nothing.
    pub result: Result<Report, InternalError>,
    /// The trace digest of what was the same.
    pub trace: [u8; 32],
    /// Host calls of what was the same.
    pub calls: u64,
}

impl Replay {
    /// Reads what ran.
    ///
    /// # Errors
    /// [`ReplayError`], where it cannot be run by this release.
    pub fn open(source: impl Read + Send + 'static) -> Result<Self, ReplayError> {
        let mut reader = Reader::new(Box::new(source) as Box<dyn Read + Send>)?;
        let mut next = || reader.next().transpose();
        let (Some(Record::Given(given)), Some(Record::Part(part))) = (next()?, next()?) else {
            return Err(ReplayError::NoRun);
        };
        let run = given::run(&given, &part).map_err(ReplayError::Malformed)?;
        let (schedule, lowering) = (run.params.schedule, run.params.lowering);
        if Schedule::of(schedule).is_none() || lowering != LOWERING_VERSION {
            return Err(ReplayError::Params { schedule, lowering });
        }
        let mut live = Writer::new(Box::new(std::io::sink()), u64::MAX, false);
        [Record::Given(given), Record::Part(part)].iter().for_each(|record| live.push(record));
        let player = Player {
            reader,
            ahead: VecDeque::new(),
            live,
            packages: BTreeMap::new(),
            verdict: None,
            failed: None,
            prices: tracer::prices(schedule),
            short: false,
        };
        Ok(Self { player, run, output: Box::new(|_, _| {}) })
    }

    /// What runs.
    ///
    /// ```
    /// # use subvm_replay::{Replay, ReplayError};
    /// fn who(recording: std::fs::File) -> Result<String, ReplayError> {
    ///     Ok(Replay::open(recording)?.transaction().message.contract_address.to_string())
    /// }
    /// ```
    #[must_use]
    pub fn transaction(&self) -> &Run {
        &self.run
    }

    /// Adds a package that the recording may name and not hold.
    #[must_use]
    pub fn with_package(mut self, package: Arc<Package>) -> Self {
        self.player.packages.insert(package::package_digest(&package), package);
        self
    }

    /// Adds the packages that another recording holds.
    ///
    /// ```
    /// # use subvm_replay::{Replay, ReplayError};
    /// fn with_code(recording: std::fs::File, earlier: std::fs::File) -> Result<Replay, ReplayError> {
    ///     Replay::open(recording)?.with_packages_of(earlier)
    /// }
    /// ```
    ///
    /// # Errors
    /// Where that cannot be read.
    pub fn with_packages_of(mut self, recording: impl Read) -> Result<Self, ReplayError> {
        for record in Reader::new(recording)? {
            if let Record::Package(bytes) = record? {
                let package = package::from_bytes(&bytes).map_err(ReplayError::Malformed)?;
                self = self.with_package(Arc::new(package));
            }
        }
        Ok(self)
    }

    /// Hands on what guests print.
    #[must_use]
    pub fn with_output(self, output: impl FnMut(Stream, &[u8]) + Send + 'static) -> Self {
        Self { output: Box::new(output), ..self }
    }

    /// Runs it on `engine`.
    ///
    /// # Errors
    /// Where the recording turns out to be damaged, or the engine fails here and did not there.
    pub fn on(self, engine: Arc<dyn Engine>) -> Result<Replayed, ReplayError> {
        self.through(|_| engine)
    }

    /// Runs it on the engine that is made of what its parts share.
    fn through(self, engine: impl FnOnce(&Shared) -> Arc<dyn Engine>) -> Result<Replayed, ReplayError> {
        let Self { player, run: transaction, output } = self;
        let shared = Shared(Arc::new(Mutex::new(player)));
        let (node, result) = run(engine(&shared), shared.node(output), transaction);
        drop(node);
        let mut player = shared.lock();
        if let Some(error) = player.failed.take() {
            return Err(error.into());
        }
        let verdict = player.verdict.take().unwrap_or(Verdict::Ends);
        let result = match (result, &verdict) {
            (Err(error), Verdict::Differs(finding)) if finding.found.engine_fails() => {
                return Err(ReplayError::Engine(error));
            }
            (result, _) => result,
        };
        Ok(Replayed { verdict, result, trace: player.live.trace(), calls: player.live.place.calls() })
    }
}

/// What answers in place of the node's parts, shared by them.
#[derive(Clone)]
struct Shared(Arc<Mutex<Player>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Player> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node(&self, output: Output) -> Node {
        Node {
            storage: Box::new(self.clone()),
            clock: Box::new(self.clone()),
            rng: Box::new(self.clone()),
            host: Box::new(parts::Chain { shared: self.clone(), output }),
            modules: Box::new(self.clone()),
            observer: Some(Box::new(self.clone())),
        }
    }

    /// What the recording answers.
    fn ask(&self, ask: Ask) -> Result<Answer, HostError> {
        // The lock is free again before anything unwinds.
        let answer = self.lock().ask(ask);
        match answer {
            Ok(Answer::Failed(text)) => Err(text.into()),
            // Without a word on standard error: what was recorded was told of when it happened.
            Ok(Answer::Panicked) => {
                resume_unwind(Box::new("a part of the node panicked here when the run was recorded"))
            }
            answer => answer,
        }
    }
}

/// A recording that is played.
struct Player {
    reader: Reader<Box<dyn Read + Send>>,
    /// Records that were read and not played yet.
    ahead: VecDeque<Record>,
    /// What was the same so far.
    live: Writer,
    packages: BTreeMap<[u8; 32], Arc<Package>>,
    verdict: Option<Verdict>,
    failed: Option<ReadError>,
    /// Those of the recorded run.
    prices: &'static Schedule,
    /// Whether the run has less time gas than the recorded one, so that ticks say nothing.
    short: bool,
}

const LEFT: &str = "the replay has left the recording";

impl Player {
    /// The record at this distance.
    fn peek(&mut self, distance: usize) -> Option<&Record> {
        while self.ahead.len() <= distance {
            match self.reader.next() {
                Some(Ok(Record::Package(bytes))) => match package::from_bytes(&bytes) {
                    Ok(package) => {
                        self.packages.insert(package::package_digest(&package), Arc::new(package));
                    }
                    Err(what) => {
                        self.failed.get_or_insert(ReadError::Damaged { block: 0, what });
                        return None;
                    }
                },
                Some(Ok(record)) => self.ahead.push_back(record),
                Some(Err(error)) => {
                    self.failed.get_or_insert(error);
                    return None;
                }
                None => return None,
            }
        }
        self.ahead.get(distance)
    }

    /// Passes over times that nobody asks for without a deadline.
    fn pass_times(&mut self) {
        while let Some(Record::Asked(Asked { ask: Ask::Elapsed, .. })) = self.peek(0) {
            self.ahead.pop_front();
        }
    }

    /// The run did something: the recording has to have it next.
    fn see(&mut self, record: Record) {
        if self.verdict.is_some() {
            return;
        }
        self.pass_times();
        let short = self.short;
        match self.peek(0) {
            Some(recorded) if *recorded == record => {
                self.live.push(&record);
                self.ahead.pop_front();
            }
            Some(recorded) if short && stop::alike(recorded, &record) => {
                // As it was recorded, so that the place counts on from there.
                let recorded = recorded.clone();
                self.live.push(&recorded);
                self.ahead.pop_front();
            }
            _ => self.leave(Found::Record(record)),
        }
    }

    fn ask(&mut self, ask: Ask) -> Result<Answer, HostError> {
        if self.verdict.is_some() {
            return Err(LEFT.into());
        }
        if ask != Ask::Elapsed {
            self.pass_times();
        }
        match self.peek(0) {
            Some(Record::Asked(Asked { ask: recorded, answer })) if *recorded == ask => {
                let answer = answer.clone();
                self.live.push(&Record::Asked(Asked { ask, answer: answer.clone() }));
                self.ahead.pop_front();
                Ok(answer)
            }
            _ => {
                self.leave(Found::Ask(ask));
                Err(LEFT.into())
            }
        }
    }

    /// The package with this digest.
    fn package(&mut self, digest: [u8; 32]) -> Result<Arc<Package>, HostError> {
        self.packages.get(&digest).cloned().ok_or_else(|| {
            self.verdict.get_or_insert(Verdict::NoPackage(digest));
            "the recording names a package and does not hold it".into()
        })
    }

    /// The run ended.
    fn end(&mut self, end: RunEnds) {
        if self.verdict.is_some() {
            return;
        }
        self.pass_times();
        match (self.peek(0), &end) {
            (Some(Record::RunEnds(recorded)), _) if *recorded == end => self.verdict = Some(Verdict::Same),
            // The words of an error are the node's.
            (Some(Record::RunEnds(RunEnds(Err((recorded, _))))), RunEnds(Err((kind, _)))) if recorded == kind => {
                self.verdict = Some(Verdict::Same);
            }
            _ => self.leave(Found::Record(Record::RunEnds(end))),
        }
    }

    /// The run does what the recording does not have next.
    fn leave(&mut self, found: Found) {
        let verdict = match (self.stop(), self.peek(0).cloned()) {
            (Some(kind), _) => Verdict::Stopped(kind),
            (None, None) => Verdict::Ends,
            (None, Some(recorded)) => Verdict::Differs(Box::new(Finding {
                call: self.live.place.calls(),
                path: self.live.place.path(),
                within: self.live.place.open(),
                recorded,
                found,
            })),
        };
        self.verdict = Some(verdict);
    }

    /// Whether the recorded run was stopped here by what no replay has: its deadline, its node, its engine, its machine.
    fn stop(&mut self) -> Option<InternalErrorKind> {
        let at = usize::from(matches!(self.peek(0), Some(Record::Exits(Exits { errno: None, .. }))));
        let kind = match self.peek(at)? {
            Record::Ends(Ends { result: Err(kind), .. }) => *kind,
            Record::RunEnds(RunEnds(Err((kind, _)))) => *kind,
            _ => return None,
        };
        let stopped = [InternalErrorKind::Deadline, InternalErrorKind::Engine, InternalErrorKind::Cancelled];
        stopped.contains(&kind).then_some(kind)
    }
}
