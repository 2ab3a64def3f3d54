//! The engine that begins on wasmi: when it changes over, that nothing but the time shows it, and what it does where it cannot.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use subvm_core::fingerprint::Frame;
use subvm_core::host::{Catch, Node};
use subvm_core::{
    Engine, Finished, InternalErrorKind, Invalid, Library, Mode, Outcome, Package, Params, Parts, Report, Run, SubVm,
    VmError, run, wasi,
};
use subvm_host_std::lower::Options;
use subvm_host_std::{Begun, ModuleEvent, TieredEngine, WasmtimeEngine};
use subvm_tests::engines::{same, tiered, wasmtime};
use subvm_tests::transaction::{deployed, embedded, transaction};

/// Lets so many modules be compiled; the others are held back.
#[derive(Default)]
struct Gate {
    permits: Mutex<usize>,
    more: Condvar,
    /// Modules whose compilation was begun.
    begun: AtomicUsize,
}

impl Gate {
    fn open(&self, permits: usize) {
        *self.permits.lock().unwrap() += permits;
        self.more.notify_all();
    }

    fn pass(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let permits = self.permits.lock().unwrap();
        *self.more.wait_while(permits, |permits| *permits == 0).unwrap() -= 1;
    }
}

/// What is done before the sub-VM of a number.
type Before = dyn Fn(&Held, usize, &SubVm) + Send + Sync;

/// An engine whose compiler waits at a gate, and does something before each sub-VM, which come by their number.
struct Held {
    engine: TieredEngine,
    gate: Arc<Gate>,
    number: AtomicUsize,
    before: Box<Before>,
}

impl Engine for Held {
    fn run(&self, vm: Box<SubVm>) -> Finished {
        (self.before)(self, self.number.fetch_add(1, Ordering::SeqCst), &vm);
        self.engine.run(vm)
    }

    fn catch(&self) -> Catch {
        self.engine.catch()
    }
}

impl Held {
    fn new(before: impl Fn(&Self, usize, &SubVm) + Send + Sync + 'static) -> Arc<Self> {
        let gate = Arc::new(Gate::default());
        let held = Arc::clone(&gate);
        let on_module = move |event: &ModuleEvent<'_>| {
            if let ModuleEvent::Compiling { .. } = event {
                held.pass();
            }
        };
        let engine = TieredEngine::new(WasmtimeEngine::builder().on_module(on_module).build().unwrap());
        Arc::new(Self { engine, gate, number: AtomicUsize::new(0), before: Box::new(before) })
    }

    /// Lets a module be compiled, and waits until a package is.
    fn compile(&self, package: &Package, mode: Mode) {
        let options = Options::of(mode, &Params::default());
        self.gate.open(1);
        let ready = || self.engine.wasmtime().is_ready(package, options);
        while !ready() {
            // Half of the processors may have been busy when it was asked for.
            self.engine.wasmtime().prepare_in_background(package, options);
            thread::yield_now();
        }
    }
}

/// Who is told of failures is told of the same functions, be the sub-VM interpreted or compiled.
#[test]
fn failures_are_told_on_both_engines() {
    let failing = parts("(module (func $deep (unreachable)) (func (export \"_start\") (call $deep)))");
    let told = Arc::new(Mutex::new(Vec::new()));
    let (into, gate) = (Arc::clone(&told), Arc::new(Gate::default()));
    let held = Arc::clone(&gate);
    let builder = WasmtimeEngine::builder()
        .on_module(move |event| {
            if let ModuleEvent::Compiling { .. } = event {
                held.pass();
            }
        })
        .on_failure(move |active| {
            into.lock().unwrap().push(active.iter().cloned().map(Frame::from).collect::<Vec<_>>())
        });
    let engine = Arc::new(TieredEngine::new(builder.build().unwrap()));
    let on = || run(engine.clone(), deployed(failing.clone()).node(), transaction()).1.unwrap();
    let first = on();
    gate.open(usize::MAX);
    let package = failing.clone().check(&wasi::Refused::default()).unwrap();
    engine.prepare(&package, &Params::default()).unwrap();
    let second = on();
    same("compiled", &first, &second);
    assert_eq!(engine.begun(), begun(1, 1));
    let told = told.lock().unwrap();
    assert_eq!((told.len(), told[0].len()), (2, 2));
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], first.fingerprint.unwrap().frames);
}

fn begun(interpreted: u64, compiled: u64) -> Begun {
    let mut begun = Begun::default();
    (begun.interpreted, begun.compiled) = (interpreted, compiled);
    begun
}

/// A contract that opens two sandboxes in itself and a non-deterministic block, one after the other, keeps what they return in its memory,
/// and traps, so that its fingerprint shows it.
fn contract() -> Parts {
    let sandbox = r#"{"Sandbox": {"data": b#, "allow_write_storage": false, "allow_send_messages": false}}"#;
    let block = r#"{"RunNondetWith": {"data": b#, "strategy": "StrictEq"}}"#;
    let ((sandbox, sandbox_length), (block, block_length)) = (embedded(sandbox), embedded(block));
    let start = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 1024) "{sandbox}") (data (i32.const 2048) "{block}")
        (data (i32.const 8) "\00\10\00\00\00\04")
        (func $ask (param $request i32) (param $length i32)
            (if (call $gl (local.get $request) (local.get $length) (i32.const 16)) (then (return)))
            (drop (call $fd_read (i32.load (i32.const 16)) (i32.const 8) (i32.const 1) (i32.const 20)))
            (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 20)))))
        (func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))) (else unreachable)))
        (func (export "_start")
            ;; Only the main sub-VM may write.
            (if (i32.eqz (call $write (i32.const 64) (i32.const 0) (i32.const 0) (i32.const 1))) (then
                (call $ask (i32.const 1024) (i32.const {sandbox_length}))
                (call $ask (i32.const 1024) (i32.const {sandbox_length}))
                (call $ask (i32.const 2048) (i32.const {block_length}))))
            (call $deep (i32.const 20))))"#
    );
    parts(&start)
}

fn parts(start: &str) -> Parts {
    Parts { start: wat::parse_str(start).unwrap().into(), ..Parts::default() }
}

fn report(engine: Arc<dyn Engine>, parts: &Parts) -> Report {
    let report = run(engine, deployed(parts.clone()).node(), transaction()).1.expect("no internal error");
    let other = run(wasmtime(), deployed(parts.clone()).node(), transaction()).1.expect("no internal error");
    same("tiered", &other, &report);
    report
}

#[test]
fn what_is_not_compiled_is_interpreted_and_the_next_run_is_compiled() {
    let held = Held::new(|_, _, _| ());
    let parts = contract();
    let cold = report(Arc::clone(&held) as _, &parts);
    assert_eq!(held.engine.begun(), begun(4, 0), "nothing is compiled yet");
    assert_eq!(cold.outcome, Outcome::VmError(VmError::Trap(subvm_core::Trap::Unreachable)));
    assert_eq!(cold.fingerprint.as_ref().unwrap().frames.len(), 22);
    held.gate.open(usize::MAX / 2);
    let package = parts.clone().check(&wasi::Refused::default()).unwrap();
    held.engine.prepare(&package, &Params::default()).unwrap();
    let warm = report(Arc::clone(&held) as _, &parts);
    assert_eq!(held.engine.begun(), begun(4, 4));
    same("compiled", &cold, &warm);
    assert_eq!(held.gate.begun.load(Ordering::SeqCst), 2, "one module in two modes, each compiled once");
}

/// The main sub-VM and its first child are interpreted; before the second one, the compiler ends. The block's code is another.
#[test]
fn a_run_changes_over_at_the_next_sub_vm() {
    let held = Held::new(|held, number, vm| {
        if number == 2 {
            held.compile(vm.package(), vm.mode());
        }
    });
    report(Arc::clone(&held) as _, &contract());
    assert_eq!(held.engine.begun(), begun(3, 1));
}

/// The other way round: what is compiled starts what is not, on a stack that is no guest's.
#[test]
fn a_compiled_sub_vm_starts_one_that_is_interpreted() {
    let held = Held::new(|held, number, vm| {
        if number == 0 {
            held.compile(vm.package(), vm.mode());
        }
    });
    report(Arc::clone(&held) as _, &contract());
    assert_eq!(held.engine.begun(), begun(1, 3));
}

/// A nest as deep as may be, on the stack of a small thread, that changes over in the middle.
#[test]
fn a_deep_nest_changes_over() {
    let (request, length) =
        embedded(r#"{"Sandbox": {"data": b#, "allow_write_storage": true, "allow_send_messages": false}}"#);
    let start = format!(
        r#"(module (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 1024) "{request}")
        (func (export "_start") (drop (call $gl_call (i32.const 1024) (i32.const {length}) (i32.const 128)))))"#
    );
    let held = Held::new(|held, number, vm| {
        if number == 256 {
            held.compile(vm.package(), vm.mode());
        }
    });
    let engine = Arc::clone(&held);
    let run = move || assert_eq!(report(engine as _, &parts(&start)).outcome, Outcome::null());
    thread::Builder::new().stack_size(3 << 20).spawn(run).unwrap().join().unwrap();
    let Begun { interpreted, compiled, .. } = held.engine.begun();
    assert_eq!(interpreted, 256);
    assert!(compiled > 200, "{compiled}");
}

/// What is refused is refused alike, at once, and keeps no compiler busy.
#[test]
fn what_is_refused_is_not_compiled() {
    let library = |name: &str, wat: &str| Library { name: name.into(), wasm: wat::parse_str(wat).unwrap().into() };
    let many = format!("(module (func (local {})))", "i32 ".repeat(20_001));
    let fine = r#"(module (func (export "_start")))"#;
    for (parts, why) in [
        (Parts { start: vec![0, b'a', b's', b'm'].into(), ..Parts::default() }, Invalid::WasmValidating),
        (parts(&many), Invalid::WasmValidating),
        (parts(r#"(module (import "nobody" "f" (func)) (func (export "_start")))"#), Invalid::WasmLinking),
        (Parts { libraries: vec![library("a b", "(module)")], ..parts(fine) }, Invalid::WasmLinking),
        (
            Parts { libraries: vec![library("l", "(module (memory 1))"), library("l", "(module)")], ..parts(fine) },
            Invalid::WasmLinking,
        ),
        (Parts { libraries: vec![library("main", "(module)")], ..parts(fine) }, Invalid::WasmLinking),
        (Parts { libraries: vec![library("l", &many)], ..parts(fine) }, Invalid::WasmValidating),
    ] {
        let held = Held::new(|_, _, _| ());
        let report = report(Arc::clone(&held) as _, &parts);
        assert_eq!(report.outcome, Outcome::VmError(VmError::InvalidContract(why)));
        assert_eq!(held.gate.begun.load(Ordering::SeqCst), 0, "{why:?}");
    }
}

#[test]
fn a_deadline_that_has_passed_ends_what_would_begin() {
    let node = || deployed(contract()).node();
    let passed = Run { deadline: Some(Duration::ZERO), ..transaction() };
    let error = run(tiered(), node(), passed).1.unwrap_err();
    assert_eq!(error.kind(), InternalErrorKind::Deadline);
}

/// Many runs at once, of contracts that all are new, while they are compiled one after the other.
#[test]
fn many_threads_change_over() {
    let engine = tiered();
    let contracts: Vec<Parts> = (0..8)
        .map(|number| {
            parts(&format!(
                r#"(module (memory 1) (func (export "_start") (local $n i32)
                (loop $l (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if $l (i32.lt_u (local.get $n) (i32.const {}))))
                (i32.store (i32.const {number}) (local.get $n)) unreachable))"#,
                1_000 + number
            ))
        })
        .collect();
    let digests: Mutex<Vec<BTreeSet<[u8; 32]>>> = Mutex::new(vec![BTreeSet::new(); contracts.len()]);
    thread::scope(|threads| {
        for first in 0..8 {
            let (engine, contracts, digests) = (&engine, &contracts, &digests);
            threads.spawn(move || {
                for turn in 0..40 {
                    let which = (first + turn) % contracts.len();
                    let node: Node = deployed(contracts[which].clone()).node();
                    let report = run(Arc::clone(engine) as _, node, transaction()).1.unwrap();
                    digests.lock().unwrap()[which].insert(report.receipt.digest());
                }
            });
        }
    });
    for (parts, digests) in contracts.iter().zip(digests.into_inner().unwrap()) {
        assert_eq!(digests.len(), 1);
        assert!(digests.contains(&report(wasmtime(), parts).receipt.digest()));
    }
    let Begun { interpreted, compiled, .. } = engine.begun();
    assert_eq!(interpreted + compiled, 8 * 40);
    assert!(interpreted > 0, "all were new");
}
