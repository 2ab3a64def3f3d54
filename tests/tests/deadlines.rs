//! A deadline ends a run wherever it is, as an internal error. How soon is for benches to measure: here only that it does.

use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use subvm_core::calldata::Value;
use subvm_core::host::{HostError, Modules, Node, Progress, RequestId};
use subvm_core::{Engine, InternalError, InternalErrorKind, Library, Params, Parts, Report, Run, Wasm, run};
use subvm_host_std::clock::SystemClock;
use subvm_tests::engines::{engines, every_engine};
use subvm_tests::transaction::{deployed, embedded, transaction};

const DEADLINE: Duration = Duration::from_millis(10);
/// After this, a run hangs; it is far beyond what the slowest of machines takes.
const HANGS: Duration = Duration::from_secs(180);

/// Modules that never have an answer, and take all the time that they are given.
struct Silent;

impl Modules for Silent {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Ok(RequestId(0))
    }

    fn wait(&mut self, _: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        thread::sleep(at_most);
        Ok(Progress::Pending)
    }

    fn cancel(&mut self, _: RequestId) {}
}

fn module(wat: &str) -> Wasm {
    wat::parse_str(wat).unwrap().into()
}

/// Runs `parts`, and fails where that never ends.
fn run_within_deadline(engine: Arc<dyn Engine>, parts: Parts) -> Result<Report, InternalError> {
    let (sender, ended) = channel();
    thread::spawn(move || {
        let node = Node { clock: Box::new(SystemClock::new(0)), modules: Box::new(Silent), ..deployed(parts).node() };
        let mut params = Params::default();
        // So that no budget ends what only the deadline may.
        (params.limits.gas_time, params.limits.gas_time_nondet) = (i64::MAX as u64, i64::MAX as u64);
        let bounded = Run { params: Arc::new(params), deadline: Some(DEADLINE), ..transaction() };
        // Nobody listens any more where the test gave up.
        let _ = sender.send(run(engine, node, bounded).1);
    });
    ended.recv_timeout(HANGS).expect("a run with a deadline ends")
}

/// On both engines.
#[track_caller]
fn interrupts(what: &str, parts: Parts) {
    for (name, engine) in engines() {
        interrupts_on(&format!("{what} on {name}"), engine, parts.clone());
    }
}

#[track_caller]
fn interrupts_on(what: &str, engine: Arc<dyn Engine>, parts: Parts) {
    let error = run_within_deadline(engine, parts).expect_err(what);
    assert_eq!(error.kind(), InternalErrorKind::Deadline, "{what}: {error}, {:?}", error.source());
}

fn start(wat: &str) -> Parts {
    Parts { start: module(wat), ..Parts::default() }
}

/// A module that makes a request, told apart by what a sub-VM may do: the main one goes to `main`, others to `child`.
fn asking(request: &str, main: &str, child: &str) -> Parts {
    let (quoted, length) = embedded(request);
    start(&format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\00\10\00\00\00\04")
        (data (i32.const 1024) "{quoted}")
        (func $ask (drop (call $gl_call (i32.const 1024) (i32.const {length}) (i32.const 64))))
        (func $spin (loop (br 0)))
        (func (export "_start")
            (if (call $write (i32.const 128) (i32.const 0) (i32.const 0) (i32.const 1)) (then {child}) (else {main}))))"#
    ))
}

#[test]
fn loops_are_interrupted_however_code_is_made() {
    for (name, engine) in every_engine() {
        interrupts_on(
            &format!("a loop on {name}"),
            engine,
            start(r#"(module (func (export "_start") (loop (br 0))))"#),
        );
    }
}

#[test]
fn wherever_wasm_runs_it_is_interrupted() {
    let empty = r#"(module (func (export "_start")))"#;
    interrupts("a start function", start("(module (start 0) (func (loop (br 0))))"));
    let library = |wat| Parts { libraries: vec![Library { name: "lib".into(), wasm: module(wat) }], ..start(empty) };
    interrupts("a library", library(r#"(module (func (export "_initialize") (loop (br 0))))"#));
    let bulk = "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x20000000)) (br 0))";
    interrupts("bulk", start(&format!(r#"(module (memory 8192) (func (export "_start") {bulk}))"#)));
    let recursion = "(call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 1)))";
    let recursion = format!(
        r#"(module (func $f (param i32) (if (local.get 0) (then {recursion})))
            (func (export "_start") (call $f (i32.const 60))))"#
    );
    interrupts("recursion", start(&recursion));
}

#[test]
fn no_parent_catches_the_deadline() {
    let sandbox = r#"{"Sandbox": {"data": b#, "allow_write_storage": false, "allow_send_messages": false}}"#;
    interrupts("a sandbox", asking(sandbox, "(call $ask)", "(call $spin)"));
    let block = r#"{"RunNondetWith": {"data": b#, "strategy": "StrictEq"}}"#;
    interrupts("a block", asking(block, "(call $ask)", "(call $spin)"));
}

/// The block asks a module and reads its answer, which never comes.
#[test]
fn waiting_for_a_module_is_interrupted() {
    let block = r#"{"RunNondetWith": {"data": b#, "strategy": "StrictEq"}}"#;
    let prompt = r#"{"ExecPrompt": {"prompt": "?", "response_format": "text", "images": []}}"#;
    let request: Value = prompt.parse().unwrap();
    let bytes = request.encode().unwrap();
    let store: String = bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| format!("(i32.store8 (i32.const {}) (i32.const {byte}))", 2048 + at))
        .collect();
    let child = format!(
        "{store} (drop (call $gl_call (i32.const 2048) (i32.const {}) (i32.const 64)))
        (drop (call $fd_read (i32.load (i32.const 64)) (i32.const 0) (i32.const 1) (i32.const 68))) (unreachable)",
        bytes.len()
    );
    interrupts("waiting", asking(block, "(call $ask)", &child));
}
