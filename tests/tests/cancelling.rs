//! A run that is called off ends wherever it is, as an internal error of its own kind, and no result depends on who could have done it.
//! How soon is printed, and not judged: a machine that does other things may make any run late. The table of `docs/benchmarks.md` is made of
//! lines of `SUBVM_ATTEMPTS=100 cargo test -p subvm-tests --test cancelling -- --nocapture --test-threads 1`.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use subvm_core::calldata::Value;
use subvm_core::host::{HostError, Modules, Node, Progress, RequestId};
use subvm_core::{Cancel, Engine, InternalErrorKind, Params, Parts, Report, Run, run};
use subvm_host_std::clock::SystemClock;
use subvm_host_std::{ModuleEvent, WasmiEngine, WasmtimeEngine};
use subvm_tests::engines::{engines, wasmtime};
use subvm_tests::transaction::{deployed, embedded, transaction};

/// After this, a run hangs; it is far beyond what the slowest of machines takes.
const HANGS: Duration = Duration::from_secs(180);

/// Modules that never have an answer, take all the time that they are given, and say that they are waited for.
struct Silent(Sender<()>);

impl Modules for Silent {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Ok(RequestId(0))
    }

    fn wait(&mut self, _: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        // Nobody listens any more where it was heard.
        let _ = self.0.send(());
        thread::sleep(at_most);
        Ok(Progress::Pending)
    }

    fn cancel(&mut self, _: RequestId) {}
}

fn start(wat: &str) -> Parts {
    Parts { start: wat::parse_str(wat).unwrap().into(), ..Parts::default() }
}

/// How long `parts` went on after they were called off, which is when `begun` says so.
fn goes_on(engine: Arc<dyn Engine>, parts: Parts, begun: impl FnOnce(&std::sync::mpsc::Receiver<()>)) -> Duration {
    let ((waits, waited), (sender, ended), cancel) = (channel(), channel(), Cancel::new());
    let token = cancel.clone();
    thread::spawn(move || {
        let modules = Box::new(Silent(waits));
        let node = Node { clock: Box::new(SystemClock::new(0)), modules, ..deployed(parts).node() };
        let mut params = Params::default();
        (params.limits.gas_time, params.limits.gas_time_nondet) = (i64::MAX as u64, i64::MAX as u64);
        let run_ = Run { params: Arc::new(params), cancel: Some(token), ..transaction() };
        let result = run(engine, node, run_).1;
        // Nobody listens any more where the test gave up.
        let _ = sender.send((result, Instant::now()));
    });
    begun(&waited);
    let called_off = Instant::now();
    cancel.cancel();
    let (result, at) = ended.recv_timeout(HANGS).expect("a run that was called off ends");
    let error = result.expect_err("it has no other end");
    assert_eq!(error.kind(), InternalErrorKind::Cancelled, "{error}");
    at.saturating_duration_since(called_off)
}

/// Calls off several runs, and prints how long they went on: half of them, 95 of 100, and all.
fn stops(what: &str, attempt: impl FnMut() -> Duration) {
    let attempts = std::env::var("SUBVM_ATTEMPTS").map_or(Ok(5), |number| number.parse());
    let attempts: usize = attempts.expect("SUBVM_ATTEMPTS is a number");
    let mut took: Vec<Duration> = std::iter::repeat_with(attempt).take(attempts.max(1)).collect();
    took.sort_unstable();
    let of = |hundredths: usize| took[(took.len() * hundredths).div_ceil(100).saturating_sub(1)].as_secs_f64() * 1e3;
    println!("| {what} | {} | {:.2} | {:.2} | {:.2} |", took.len(), of(50), of(95), of(100));
}

/// Some time in which a guest comes to run.
fn a_while(_: &std::sync::mpsc::Receiver<()>) {
    thread::sleep(Duration::from_millis(30));
}

#[test]
fn guests_are_interrupted() {
    for (name, engine) in engines() {
        for (what, body) in [
            ("a loop", "(loop (br 0))"),
            ("bulk", "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x100000)) (br 0))"),
        ] {
            let wat = format!(r#"(module (memory 16) (func (export "_start") {body}))"#);
            stops(&format!("{what} on {name}"), || goes_on(engine.clone(), start(&wat), a_while));
        }
    }
}

/// A block asks a module and reads its answer, which never comes.
#[test]
fn waiting_for_a_module_is_interrupted() {
    let block = embedded(r#"{"RunNondetWith": {"data": b#, "strategy": "StrictEq"}}"#);
    let prompt: Value = r#"{"ExecPrompt": {"prompt": "?", "response_format": "text", "images": []}}"#.parse().unwrap();
    let bytes = prompt.encode().unwrap();
    let quoted: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let wat = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\00\10\00\00\00\04")
        (data (i32.const 1024) "{}") (data (i32.const 2048) "{quoted}")
        (func (export "_start")
            (if (call $write (i32.const 128) (i32.const 0) (i32.const 0) (i32.const 1))
                (then
                    (drop (call $gl_call (i32.const 2048) (i32.const {}) (i32.const 64)))
                    (drop (call $fd_read (i32.load (i32.const 64)) (i32.const 0) (i32.const 1) (i32.const 68)))
                    (unreachable))
                (else (drop (call $gl_call (i32.const 1024) (i32.const {}) (i32.const 64)))))))"#,
        block.0,
        bytes.len(),
        block.1,
    );
    for (name, engine) in engines() {
        stops(&format!("waiting on {name}"), || {
            goes_on(engine.clone(), start(&wat), |waited| waited.recv_timeout(HANGS).unwrap())
        });
    }
}

/// A module that takes a compiler long, `salt` apart from others.
fn long(salt: u32) -> Parts {
    let functions: String = (0..4000)
        .map(|number| {
            let sum = "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 31)) (i32.const 7)))".repeat(60);
            format!("(func (param i32) (result i32) {sum} (i32.const {}) (i32.add (local.get 0)))", number ^ salt)
        })
        .collect();
    start(&format!(r#"(module {functions} (func (export "_start")))"#))
}

#[test]
fn compiling_is_not_waited_for_and_goes_on_for_others() {
    let (begins, begun) = channel();
    let engine = WasmtimeEngine::builder().on_module(move |event| {
        if let ModuleEvent::Compiling { .. } = event {
            let _ = begins.send(());
        }
    });
    let engine: Arc<dyn Engine> = Arc::new(engine.build().unwrap());
    let parts = long(1);
    let other = {
        let (engine, parts) = (engine.clone(), parts.clone());
        thread::spawn(move || run(engine, deployed(parts).node(), transaction()).1.unwrap().outcome)
    };
    begun.recv_timeout(HANGS).unwrap();
    println!("another's compile: {:?}", goes_on(engine.clone(), parts.clone(), a_while));
    assert!(matches!(other.join().unwrap(), subvm_core::Outcome::Return(_)), "it is not called off with its neighbour");
    let parts = long(2);
    println!("its own compile: {:?}", goes_on(engine, parts, |_| begun.recv_timeout(HANGS).unwrap()));
    println!("its own on wasmi: {:?}", goes_on(Arc::new(WasmiEngine::new()), long(3), |_| {}));
}

#[test]
fn a_run_that_is_called_off_before_it_begins_asks_the_node_for_nothing() {
    let cancel = Cancel::new();
    cancel.cancel();
    let host = deployed(start("(module (start 0) (func unreachable))"));
    let result = run(wasmtime(), host.node(), Run { cancel: Some(cancel), ..transaction() }).1;
    assert_eq!(result.unwrap_err().kind(), InternalErrorKind::Cancelled);
}

#[test]
fn a_token_that_nobody_uses_changes_no_receipt() {
    let parts =
        start(r#"(module (memory 1) (func (export "_start") (i32.store (i32.const 0) (i32.const 7)) unreachable))"#);
    for (name, engine) in engines() {
        let with = |cancel: Option<Cancel>| -> Report {
            run(engine.clone(), deployed(parts.clone()).node(), Run { cancel, ..transaction() }).1.unwrap()
        };
        assert_eq!(with(Some(Cancel::new())).receipt, with(None).receipt, "{name}");
    }
}

/// A nest of sandboxes: the innermost is interrupted, and no parent goes on.
#[test]
fn no_parent_catches_it() {
    let (quoted, length) =
        embedded(r#"{"Sandbox": {"data": b#, "allow_write_storage": false, "allow_send_messages": false}}"#);
    let wat = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 1024) "{quoted}")
        (func (export "_start")
            (if (call $write (i32.const 128) (i32.const 0) (i32.const 0) (i32.const 1)) (then (loop (br 0))))
            (drop (call $gl_call (i32.const 1024) (i32.const {length}) (i32.const 64)))
            (loop (br 0))))"#
    );
    for (name, engine) in engines() {
        stops(&format!("a sandbox on {name}"), || goes_on(engine.clone(), start(&wat), a_while));
    }
}
