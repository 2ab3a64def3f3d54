//! Records a run beside it.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subvm_core::Package;
use subvm_core::costs::instructions::Schedule;
use subvm_core::host::{Call, Event, Node, Observer};

use crate::format::record::{Answer, Ask, Asked, CodeAnswer, Record};
use crate::writer::{Incomplete, Writer};
use crate::{given, package, tracer};

mod parts;

use parts::{RecordedPart, Slot};

/// What a recording holds, and how large it may become.
///
/// ```
/// let options = subvm_replay::Options { code: true, ..subvm_replay::Options::default() };
/// assert_eq!(options.bytes, 1 << 30);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether packages are written down, so that the recording can be replayed alone. Without this, only their digests are.
    pub code: bool,
    /// The most bytes that are written. A run that needs more goes on, and its recording ends.
    pub bytes: u64,
    /// Whether each host call is written as it begins and as it ends, so that a process that is killed loses none of them: without this, up to
    /// 64 KiB and 1,023 calls. For who looks for what ends a node: a call takes some 160 bytes and two writes then.
    pub each_call: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { code: false, bytes: 1 << 30, each_call: false }
    }
}

/// Records the run of a [`Node`] that it wraps: everything that the run is told, and each of its host calls. The run is the same with it and
/// without.
///
/// ```
/// use std::sync::Arc;
/// use subvm_replay::{Buffer, Options, Recorder};
/// # use subvm_core::{Entry, Message, Role, Run, host::State};
/// # use subvm_host_mock::{MemoryHost, ScriptedEngine};
/// # let (host, mut engine) = (MemoryHost::new(), ScriptedEngine::new());
/// # let transaction = Run {
/// #     message: Message::default(),
/// #     entry: Entry::Contract,
/// #     role: Role::Leader,
/// #     params: Default::default(),
/// #     state: State::Accepted,
/// #     deadline: None,
/// #     cancel: None,
/// # };
/// # host.deploy(transaction.message.contract_address, engine.script(|machine| machine.work(100)));
///
/// // A file in a node; memory here.
/// let sink = Buffer::default();
/// let (node, recorder) = Recorder::wrap(host.node(), sink.clone(), Options::default());
/// let (node, report) = subvm_core::run(Arc::new(engine), node, transaction);
/// let (node, recording) = recorder.finish(node);
/// // Log it beside the receipt's: it is the same on every node, whatever its role.
/// println!("receipt {:x?}, trace {:x?}", report.unwrap().receipt.digest(), recording.trace);
/// assert!(recording.incomplete.is_none() && recording.bytes == sink.bytes().len() as u64);
/// # drop(node);
/// ```
///
/// # Cost
/// For each call two locks that nobody else holds, some twenty bytes, and hashing of what it moved in memory.
#[derive(Debug)]
pub struct Recorder {
    tape: Tape,
    parts: parts::Parts,
}

/// What came of recording a run.
///
/// ```
/// use subvm_replay::{Buffer, Options, Recorder};
/// let (node, recorder) = Recorder::wrap(subvm_host_mock::MemoryHost::new().node(), Buffer::default(), Options::default());
/// let (_, recorded) = recorder.finish(node);
/// assert_eq!(recorded.incomplete.unwrap().to_string(), "the run never ended");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// The trace digest: BLAKE3 of what is the same on every node.
    pub trace: [u8; 32],
    /// Records that it is of.
    pub steps: u64,
    /// Host calls.
    pub calls: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Why the recording does not hold all of the run.
    pub incomplete: Option<Incomplete>,
}

impl Recorder {
    /// Wraps the parts of a node. What the next run of it is told and does goes to `sink`, in blocks of some 64 KiB.
    #[must_use]
    pub fn wrap(node: Node, sink: impl Write + Send + 'static, options: Options) -> (Node, Self) {
        let tape = Tape(Arc::new(Mutex::new(Inner {
            writer: Writer::new(Box::new(sink), options.bytes, options.each_call),
            code: options.code,
            known: Vec::new(),
        })));
        let Node { storage, clock, rng, host, modules, observer } = node;
        let parts = parts::Parts {
            storage: Slot::new(storage),
            clock: Slot::new(clock),
            rng: Slot::new(rng),
            host: Slot::new(host),
            modules: Slot::new(modules),
            observer: observer.map(Slot::new),
        };
        let node = Node {
            storage: Box::new(RecordedPart { tape: tape.clone(), part: parts.storage.clone() }),
            clock: Box::new(RecordedPart { tape: tape.clone(), part: parts.clock.clone() }),
            rng: Box::new(RecordedPart { tape: tape.clone(), part: parts.rng.clone() }),
            host: Box::new(RecordedPart { tape: tape.clone(), part: parts.host.clone() }),
            modules: Box::new(RecordedPart { tape: tape.clone(), part: parts.modules.clone() }),
            observer: Some(Box::new(Watch {
                tape: tape.clone(),
                beside: parts.observer.clone(),
                panicked: false,
                prices: &Schedule::V1,
            })),
        };
        (node, Self { tape, parts })
    }

    /// Ends the recording, and gives the node its own parts back: `node` is what [`run`](subvm_core::run) handed back.
    #[must_use]
    pub fn finish(self, node: Node) -> (Node, Recorded) {
        // What is wrapped goes first, so that nothing is asked of a part that is elsewhere.
        drop(node);
        let mut inner = self.tape.lock();
        inner.writer.flush();
        let ended = inner.writer.place.ended();
        let incomplete = inner.writer.stopped.take().or((!ended).then_some(Incomplete::Open));
        let writer = &mut inner.writer;
        let recorded = Recorded {
            trace: writer.trace(),
            steps: writer.steps,
            calls: writer.place.calls(),
            bytes: writer.written,
            incomplete,
        };
        drop(inner);
        #[expect(clippy::expect_used, reason = "only this takes them, and once: it has `self`")]
        let node = self.parts.into_node().expect("the parts that were wrapped");
        (node, recorded)
    }
}

/// What is written to, shared by the wrapped parts. One thread has a run, so that nobody ever waits for it.
#[derive(Clone, Debug)]
struct Tape(Arc<Mutex<Inner>>);

struct Inner {
    writer: Writer,
    code: bool,
    /// Packages whose digest was computed.
    known: Vec<(Arc<Package>, [u8; 32])>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("bytes", &self.writer.written).finish_non_exhaustive()
    }
}

impl Tape {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a record, which is made only where it is taken.
    fn push(&self, record: impl FnOnce() -> Option<Record>) {
        let writer = &mut self.lock().writer;
        if let Some(record) = Some(()).filter(|()| writer.takes()).and_then(|()| record()) {
            writer.push(&record);
        }
    }

    /// A question that is being asked, and has so many bytes that the node or a guest chose: they are copied only where they are taken.
    fn asks(&self, bytes: usize, ask: impl FnOnce() -> Ask) -> Asking<'_> {
        let taken = self.lock().writer.takes_bytes(bytes);
        Asking { tape: self, ask: taken.then(ask) }
    }

    /// Whether the sub-VM that executes makes a call in which the time can matter.
    fn tells_time(&self) -> bool {
        self.lock().writer.place.open().is_some_and(crate::format::function::Function::starts)
    }

    fn package(&self, package: &Arc<Package>) -> CodeAnswer {
        let inner = &mut *self.lock();
        if !inner.writer.takes() {
            return CodeAnswer::Nothing;
        }
        let known = inner.known.iter().find(|(known, _)| Arc::ptr_eq(known, package)).map(|(_, digest)| *digest);
        CodeAnswer::Package(known.unwrap_or_else(|| {
            let digest = package::package_digest(package);
            let first = inner.known.iter().all(|(_, known)| *known != digest);
            inner.known.push((Arc::clone(package), digest));
            if inner.code && first {
                inner.writer.push(&Record::Package(package.to_bytes()));
            }
            digest
        }))
    }
}

/// A question whose answer is due. Where none comes, the part panicked.
struct Asking<'a> {
    tape: &'a Tape,
    ask: Option<Ask>,
}

impl Asking<'_> {
    /// The answer, and its bytes.
    fn answered(mut self, bytes: usize, answer: impl FnOnce() -> Answer) {
        if self.ask.is_some() && self.tape.lock().writer.takes_bytes(bytes) {
            self.settle(answer());
        } else {
            self.ask = None;
        }
    }

    /// There is no answer to speak of.
    fn dropped(mut self) {
        self.ask = None;
    }

    fn settle(&mut self, answer: Answer) {
        if let Some(ask) = self.ask.take() {
            self.tape.push(|| Some(Record::Asked(Asked { ask, answer })));
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.settle(Answer::Panicked);
    }
}

/// Sees the calls, and lets the node's own observer see them.
struct Watch {
    tape: Tape,
    beside: Option<Slot<dyn Observer>>,
    panicked: bool,
    /// Those of the run.
    prices: &'static Schedule,
}

impl Watch {
    /// Tells the node's own observer; a panic of it ends neither the run nor the recording.
    fn tell(&mut self, tell: impl FnOnce(&mut dyn Observer)) {
        let Some(beside) = self.beside.as_ref().filter(|_| !self.panicked) else { return };
        let told = catch_unwind(AssertUnwindSafe(|| beside.with(tell)));
        if let Err(panic) = told {
            self.panicked = true;
            // To drop what was thrown could panic again.
            std::mem::forget(panic);
        }
    }
}

impl Observer for Watch {
    fn enter(&mut self, call: &Call<'_>, mem: &[u8], ticks: i64) {
        self.tape.push(|| tracer::enters(call, mem, ticks, self.prices));
        self.tell(|observer| observer.enter(call, mem, ticks));
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64) {
        self.tape.push(|| tracer::exits(call, errno, mem, ticks));
        self.tell(|observer| observer.exit(call, errno, mem, ticks));
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::RunBegins(run) => {
                self.prices = tracer::prices(run.params.schedule);
                let (given, part) = given::of(run);
                self.tape.push(|| Some(Record::Given(given)));
                self.tape.push(|| Some(Record::Part(part)));
            }
            Event::RunEnds(result) => self.tape.push(|| Some(Record::RunEnds(tracer::run_ends(*result)))),
            event => self.tape.push(|| tracer::sub_vm(event)),
        }
        self.tell(|observer| observer.event(event));
    }
}
