//! What recording costs a run: nothing that anybody votes on, whatever becomes of the recording.

use std::io::{self, Cursor, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use subvm_core::host::{Call, Clock, HostError, Modules, Node, Observer, Progress, RequestId, State};
use subvm_core::{Engine, Finished, InternalError, InternalErrorKind, Message, Run, SubVm};
use subvm_host_mock::trace::Trace;
use subvm_host_mock::{MemoryHost, ScriptedEngine};
use subvm_replay::{Buffer, Incomplete, Options, Recorder, Replay, ReplayError, Verdict, forged};

use crate::support::{CONTRACT, World, transaction, with_code};

#[test]
fn a_recording_changes_no_receipt_and_gives_the_node_back() {
    let world = World::new();
    let (plain, traced) = (Trace::with_costs(), Trace::with_costs());
    let node = |trace: &Trace| Node { observer: Some(Box::new(trace.clone())), ..world.node() };
    let alone = world.run(node(&plain)).1.unwrap();
    let (node, recorder) = Recorder::wrap(node(&traced), Buffer::default(), with_code());
    let (node, report) = world.run(node);
    let (mut node, recorded) = recorder.finish(node);
    assert!(recorded.incomplete.is_none());
    assert_eq!(report.unwrap().receipt, alone.receipt);
    assert_eq!(plain.lines(), traced.lines(), "the node's own observer sees what it ever saw");
    assert_eq!(recorded.calls, plain.lines().len() as u64 / 2);
    assert_eq!(node.host.balance(State::Accepted, &CONTRACT).unwrap()[..2], 1_000_u16.to_le_bytes());
    assert!(node.observer.is_some());
}

/// Panics at each call that it sees.
struct Clumsy;

impl Observer for Clumsy {
    fn enter(&mut self, _: &Call<'_>, _: &[u8], _: i64) {
        panic!("it stumbles");
    }

    fn exit(&mut self, _: &Call<'_>, _: Option<u32>, _: &[u8], _: i64) {}
}

#[test]
fn an_observer_that_panics_ends_no_recording() {
    let world = World::new();
    let node = Node { observer: Some(Box::new(Clumsy)), ..world.node() };
    let (recording, recorded, report) = world.record(node, with_code());
    assert!(recorded.incomplete.is_none());
    assert_eq!(report.receipt, world.run(world.node()).1.unwrap().receipt);
    let replayed = Replay::open(Cursor::new(recording.bytes())).unwrap().on(world.engine.clone()).unwrap();
    assert!(matches!(replayed.verdict, Verdict::Same), "{}", replayed.verdict);
}

/// A disk with so many bytes left.
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::other("the disk is full"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_is_full_ends_the_recording_and_not_the_run() {
    let world = World::new();
    let alone = world.run(world.node()).1.unwrap();
    for left in [0, 8, 9, 500, 2_500] {
        let (node, recorder) = Recorder::wrap(world.node(), Disk(left), with_code());
        let (node, report) = world.run(node);
        assert_eq!(report.unwrap().receipt, alone.receipt);
        let recorded = recorder.finish(node).1;
        assert!(matches!(recorded.incomplete, Some(Incomplete::Sink(_))), "{left} bytes: {recorded:?}");
    }
}

#[test]
fn a_recording_has_no_more_bytes_than_it_may() {
    let world = World::new();
    let whole = world.record(world.node(), with_code());
    for most in [0, 9, 200, 2_500, whole.1.bytes - 1, whole.1.bytes] {
        let (recording, recorded, report) = world.record(world.node(), Options { bytes: most, ..with_code() });
        assert_eq!(report.receipt, whole.2.receipt);
        assert!(recording.bytes().len() as u64 <= most && recorded.bytes == recording.bytes().len() as u64);
        assert_eq!(matches!(recorded.incomplete, Some(Incomplete::Full)), most < whole.1.bytes, "{most}: {recorded:?}");
        if most >= 2_500 {
            let replayed = Replay::open(Cursor::new(recording.bytes())).unwrap().on(world.engine.clone()).unwrap();
            let cut = most < whole.1.bytes;
            assert_eq!(matches!(replayed.verdict, Verdict::Ends), cut, "{most}: {}", replayed.verdict);
        }
    }
}

#[test]
fn a_package_may_come_from_elsewhere_and_is_named_where_it_does_not() {
    let world = World::new();
    let (recording, ..) = world.record(world.node(), Options::default());
    let open = || Replay::open(Cursor::new(recording.bytes())).unwrap();
    let replayed = open().on(world.engine.clone()).unwrap();
    let Verdict::NoPackage(digest) = replayed.verdict else { panic!("{}", replayed.verdict) };
    let package = world.host.clone();
    let package = match subvm_core::host::Host::code(&mut { package }, State::Accepted, &CONTRACT).unwrap() {
        subvm_core::host::Code::Package(package) => package,
        other => panic!("{other:?}"),
    };
    assert_eq!(subvm_replay::package_digest(&package), digest);
    let replayed = open().with_package(package).on(world.engine.clone()).unwrap();
    assert!(matches!(replayed.verdict, Verdict::Same), "{}", replayed.verdict);
    let other = ScriptedEngine::new().script(|_| Ok(()));
    let mut other = (*other).clone();
    other.start = b"another"[..].into();
    let replayed = open().with_package(Arc::new(other)).on(world.engine.clone()).unwrap();
    assert!(matches!(replayed.verdict, Verdict::NoPackage(_)), "another package is none: {}", replayed.verdict);
}

#[test]
fn another_module_is_found_at_the_call_at_which_it_does_something_else() {
    let world = World::new();
    let (recording, ..) = world.record(world.node(), with_code());
    let mut engine = ScriptedEngine::new();
    engine.script(|machine| {
        machine.message()?;
        for round in 0..100 {
            machine.storage_read(1, round * 7, if round == 77 { 41 } else { 40 })?.expect("it may");
            machine.storage_write(1, round, b"\0\0\0")?;
            machine.own_balance()?.expect("it may");
        }
        Ok(())
    });
    let replayed = Replay::open(Cursor::new(recording.bytes())).unwrap().on(Arc::new(engine)).unwrap();
    let Verdict::Differs(finding) = replayed.verdict else { panic!("{}", replayed.verdict) };
    let text = finding.to_string();
    assert_eq!(finding.path, [0]);
    assert!(text.contains("recorded: storage_read(slot=32, index=539") && text.contains("len=40"), "{text}");
    assert!(text.contains("here: storage_read(slot=32, index=539") && text.contains("len=41"), "{text}");
}

#[test]
fn other_parameters_are_refused_before_anything_runs() {
    let mut run = transaction();
    let mut params = (*run.params).clone();
    params.lowering += 1;
    run.params = Arc::new(params);
    let (host, recording) = (MemoryHost::new(), Buffer::default());
    let (node, recorder) = Recorder::wrap(host.node(), recording.clone(), with_code());
    let (node, result) = subvm_core::run(Arc::new(ScriptedEngine::new()), node, run);
    assert!(result.is_err());
    assert!(recorder.finish(node).1.incomplete.is_none());
    let error = Replay::open(Cursor::new(recording.bytes())).unwrap_err();
    assert!(matches!(error, ReplayError::Params { schedule: 1, lowering: 2 }), "{error}");
    assert!(error.to_string().contains("this release has 1 and 1"), "{error}");
}

/// An engine that has not what a module uses.
struct Lacking;

impl Engine for Lacking {
    fn run(&self, vm: Box<SubVm>) -> Finished {
        let error = InternalError::new(InternalErrorKind::Engine, "there are no exceptions here");
        Finished { vm, result: Err(error), fingerprint: None }
    }
}

/// That this engine cannot is no difference between two nodes.
#[test]
fn an_engine_that_fails_is_told_from_a_run_that_differs() {
    let world = World::new();
    let (recording, ..) = world.record(world.node(), with_code());
    let error = Replay::open(Cursor::new(recording.bytes())).unwrap().on(Arc::new(Lacking)).unwrap_err();
    assert!(matches!(error, ReplayError::Engine(_)), "{error}");
    let text = "the engine here fails where the recorded one did not: there are no exceptions here";
    assert_eq!(error.to_string(), text);
    // Where the recorded one failed too, the run is the recorded one to there.
    let failed = World { engine: Arc::new(Lacking), ..World::new() };
    let sink = Buffer::default();
    let (node, recorder) = Recorder::wrap(failed.node(), sink.clone(), with_code());
    let (node, result) = failed.run(node);
    assert_eq!(result.unwrap_err().kind(), InternalErrorKind::Engine);
    drop(recorder.finish(node));
    for engine in [failed.engine, world.engine] {
        let replayed = Replay::open(Cursor::new(sink.bytes())).unwrap().on(engine).unwrap();
        let fits = matches!(replayed.verdict, Verdict::Same | Verdict::Stopped(InternalErrorKind::Engine));
        assert!(fits, "{}", replayed.verdict);
    }
}

/// Tells a time that is far on once it was asked.
struct Late(AtomicU64);

impl Clock for Late {
    fn transaction_time(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.fetch_add(10, Ordering::Relaxed))
    }
}

#[test]
fn a_run_is_replayed_to_where_its_deadline_stopped_it() {
    let (world, recording) = (World::new(), Buffer::default());
    let node = Node { clock: Box::new(Late(AtomicU64::new(0))), ..world.node() };
    let (node, recorder) = Recorder::wrap(node, recording.clone(), with_code());
    let run = Run { deadline: Some(Duration::from_secs(5)), ..transaction() };
    let (node, result) = subvm_core::run(world.engine.clone(), node, run);
    assert_eq!(result.unwrap_err().kind(), InternalErrorKind::Deadline);
    let recorded = recorder.finish(node).1;
    assert!(recorded.incomplete.is_none());
    let replayed = Replay::open(Cursor::new(recording.bytes())).unwrap().on(world.engine.clone()).unwrap();
    assert!(matches!(replayed.verdict, Verdict::Stopped(InternalErrorKind::Deadline)), "{}", replayed.verdict);
    assert_eq!(replayed.calls, recorded.calls);
}

/// The calls of a program that reads, seeks, looks at files and clocks and prints, none of which moves the same bytes twice. The bar: 24 bytes
/// a call without payloads, head and all.
#[test]
fn a_call_takes_at_most_24_bytes() {
    const ROUNDS: u32 = 1_000;
    let (host, mut engine) = (MemoryHost::new(), ScriptedEngine::new());
    let script = |machine: &mut subvm_host_mock::Machine<'_>| {
        for round in 0..ROUNDS {
            let text = format!("line {round}: {}", "x".repeat(round as usize % 70));
            machine.mem()[4096..4096 + text.len()].copy_from_slice(text.as_bytes());
            let (buffer, len) = (4096 + 16 * (round % 50), 20 + round % 40);
            machine.mem()[64..68].copy_from_slice(&buffer.to_le_bytes());
            machine.mem()[68..72].copy_from_slice(&len.to_le_bytes());
            machine.work(i64::from(round * 7919 % 100_000))?;
            machine.wasi("fd_write", &[1, 64, 1, 80])?;
            machine.wasi("clock_time_get", &[0, 1_000, 88])?;
            machine.wasi("fd_seek", &[0, u64::from(round % 200), 0, 96])?;
            machine.wasi("fd_read", &[0, 64, 1, 80])?;
            machine.wasi("random_get", &[u64::from(8192 + round), 16])?;
            machine.wasi("fd_fdstat_get", &[1, 128])?;
        }
        Ok(())
    };
    let run = Run { message: Message { contract_address: CONTRACT, ..Message::default() }, ..transaction() };
    host.deploy(CONTRACT, engine.script(script));
    let (node, recorder) = Recorder::wrap(host.node(), Buffer::default(), Options::default());
    let (node, report) = subvm_core::run(Arc::new(engine), node, run);
    assert!(report.is_ok());
    let (_, recorded) = recorder.finish(node);
    assert_eq!(recorded.calls, u64::from(ROUNDS) * 6);
    println!(
        "{} bytes for {} calls: {:.1} each",
        recorded.bytes,
        recorded.calls,
        recorded.bytes as f64 / recorded.calls as f64
    );
    assert!(recorded.bytes <= 24 * recorded.calls, "{recorded:?}");
}

/// A service that adds a key to what guests ask, as configured ones do.
struct Keyed {
    part: Box<dyn Modules>,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

const KEY: &[u8] = b"sk-0123456789abcdef";

impl Modules for Keyed {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        self.sent.lock().unwrap().push([request, KEY].concat());
        self.part.start(request)
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        self.part.wait(id, at_most)
    }

    fn cancel(&mut self, id: RequestId) {
        self.part.cancel(id);
    }
}

#[test]
fn what_a_service_adds_to_a_request_is_in_no_recording() {
    let (world, sent) = (World::new(), Arc::new(Mutex::new(Vec::new())));
    let node = world.node();
    let node = Node { modules: Box::new(Keyed { part: node.modules, sent: sent.clone() }), ..node };
    let (recording, ..) = world.record(node, with_code());
    let blocks = forged::blocks(&recording.bytes()).concat();
    let holds = |bytes: &[u8]| blocks.windows(bytes.len()).any(|there| there == bytes);
    let sent = sent.lock().unwrap();
    assert!(sent.len() == 1 && sent[0].ends_with(KEY));
    assert!(holds(&sent[0][..sent[0].len() - KEY.len()]) && !holds(KEY));
}
