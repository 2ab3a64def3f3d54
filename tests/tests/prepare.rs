//! Compiling is a thing of its own: priced, bounded, shared, and no part of a run's deadline. The clock is the mock host's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use subvm_core::costs::instructions::Schedule;
use subvm_core::wasi::Refused;
use subvm_core::{
    InternalErrorKind, Invalid, Library, Outcome, Package, Params, Parts, Report, Run, VmError, Wasm, run,
};
use subvm_host_mock::MemoryHost;
use subvm_host_std::cache::ModuleCache;
use subvm_host_std::lower::{Counters, Floats, Limit, Options, lower};
use subvm_host_std::{EngineBuilder, ModuleEvent, PrepareError, WasmtimeEngine};
use subvm_tests::transaction::{deployed, embedded, transaction};

type Ran = Result<Report, subvm_core::InternalError>;

/// An engine that calls `compiling` whenever it begins to compile, and the count of that.
fn counting(
    builder: EngineBuilder,
    compiling: impl Fn() + Send + Sync + 'static,
) -> (Arc<WasmtimeEngine>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let on_module = move |event: &ModuleEvent<'_>| {
        if let ModuleEvent::Compiling { .. } = event {
            counted.fetch_add(1, Ordering::SeqCst);
            compiling();
        }
    };
    (Arc::new(builder.on_module(on_module).build().unwrap()), count)
}

fn module(wat: &str) -> Wasm {
    wat::parse_str(wat).unwrap().into()
}

/// A contract that runs itself in a sandbox and in a non-deterministic block, with a library that computes with floats.
fn parts() -> Parts {
    let sandbox = r#"{"Sandbox": {"data": b#, "allow_write_storage": false, "allow_send_messages": false}}"#;
    let block = r#"{"RunNondetWith": {"data": b#, "strategy": "StrictEq"}}"#;
    let ((sandbox, sandbox_len), (block, block_len)) = (embedded(sandbox), embedded(block));
    let start = module(&format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "floats" "f" (func $f (param f64) (result f64)))
        (memory 1) (data (i32.const 1024) "{sandbox}") (data (i32.const 2048) "{block}")
        (func (export "_start")
            (f64.store (i32.const 0) (call $f (f64.const 2)))
            ;; Only the main sub-VM may write.
            (if (i32.eqz (call $write (i32.const 64) (i32.const 0) (i32.const 0) (i32.const 1))) (then
                (if (call $gl (i32.const 1024) (i32.const {sandbox_len}) (i32.const 16)) (then unreachable))
                (if (call $gl (i32.const 2048) (i32.const {block_len}) (i32.const 16)) (then unreachable))))))"#
    ));
    let floats =
        r#"(module (func (export "f") (param f64) (result f64) (f64.sqrt (f64.add (local.get 0) (f64.const 1)))))"#;
    Parts { start, libraries: vec![Library { name: "floats".into(), wasm: module(floats) }], ..Parts::default() }
}

fn package(parts: Parts) -> Package {
    parts.check(&Refused::default()).unwrap()
}

fn run_on(engine: &Arc<WasmtimeEngine>, host: &MemoryHost, deadline: Option<Duration>) -> Ran {
    run(Arc::clone(engine) as _, host.node(), Run { deadline, ..transaction() }).1
}

fn spinning() -> Parts {
    Parts { start: module(r#"(module (func (export "_start")))"#), ..Parts::default() }
}

#[test]
fn what_is_prepared_is_not_compiled_again() {
    let (engine, compiled) = counting(WasmtimeEngine::builder(), || ());
    engine.prepare(&package(parts()), &Params::default()).unwrap();
    assert_eq!(compiled.load(Ordering::SeqCst), 4, "two modules in two modes");
    let report = run_on(&engine, &deployed(parts()), None).unwrap();
    assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
    assert_eq!(report.receipt.nondet, [[0, 0]]);
    assert_eq!(compiled.load(Ordering::SeqCst), 4);
}

/// The price is one of the package: by the documented formula, and the same however much of it is known.
#[test]
fn the_price_follows_from_the_estimate_that_limits_it() {
    let parts = parts();
    let mut expected = 0;
    for floats in [Floats::Soft, Floats::Native] {
        let first = Options { floats, ordinal: 1, ..Options::default() };
        let second = Options { floats, counters: Counters::Imported, ..Options::default() };
        for (wasm, options, functions) in [(&parts.libraries[0].wasm, first, 1), (&parts.start, second, 4)] {
            let values = lower(wasm, &options).unwrap().report.priced_values;
            expected += Schedule::V1.compiling(wasm.len() as u64, functions, values);
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let open = || ModuleCache::open(dir.path(), ModuleCache::BYTES).unwrap();
    for compiles in [4, 0] {
        let (engine, compiled) = counting(WasmtimeEngine::builder().cache(open()), || ());
        for _ in 0..2 {
            assert_eq!(engine.prepare(&package(parts.clone()), &Params::default()).unwrap().ticks, expected);
        }
        assert_eq!(compiled.load(Ordering::SeqCst), compiles);
    }
}

#[test]
fn what_no_node_runs_is_refused_by_its_limit() {
    let engine = WasmtimeEngine::new().unwrap();
    let start = module(&format!("(module (func (local {})))", "i32 ".repeat(20_001)));
    let refused = package(Parts { start, ..Parts::default() });
    let error = engine.prepare(&refused, &Params::default()).unwrap_err();
    let PrepareError::Refused { error, why } = error else { panic!("{error}") };
    assert_eq!(error, VmError::InvalidContract(Invalid::WasmValidating));
    assert!(why.contains(Limit::Locals.name()) && why.contains("20001") && why.contains("20000"), "{why}");
}

#[test]
fn compiling_is_no_part_of_a_run_s_deadline() {
    const HOUR: Duration = Duration::from_secs(3600);
    for (allowed, ends) in [(2 * HOUR, true), (Duration::from_secs(10), false)] {
        let host = deployed(spinning());
        let clock = host.clone();
        let (engine, compiled) = counting(WasmtimeEngine::builder().compile_time(allowed), move || clock.pass(HOUR));
        let ran = run_on(&engine, &host, Some(Duration::from_secs(1)));
        assert_eq!(compiled.load(Ordering::SeqCst), 1);
        match ran {
            Ok(report) => assert!(ends && report.outcome == Outcome::null()),
            // The deadline moves by no more than compiling may take.
            Err(error) => assert!(!ends && error.kind() == InternalErrorKind::Deadline, "{error}"),
        }
    }
}

#[test]
fn runs_that_wait_for_one_module_share_its_compilation() {
    let (finish, finished) = channel::<()>();
    let finished = Mutex::new(finished);
    let (engine, compiled) = counting(WasmtimeEngine::builder(), move || finished.lock().unwrap().recv().unwrap());
    let host = deployed(spinning());
    thread::scope(|threads| {
        let runs: Vec<_> = (0..8).map(|_| threads.spawn(|| run_on(&engine, &host, None))).collect();
        finish.send(()).unwrap();
        for ran in runs {
            assert_eq!(ran.join().unwrap().unwrap().outcome, Outcome::null());
        }
    });
    assert_eq!(compiled.load(Ordering::SeqCst), 1);
}

#[test]
fn a_run_gives_up_and_the_next_one_finds_what_went_on() {
    let ((begins, begun), (finish, finished)) = (channel::<()>(), channel::<()>());
    let (begins, finished) = (Mutex::new(begins), Mutex::new(finished));
    let compiling = move || {
        begins.lock().unwrap().send(()).unwrap();
        finished.lock().unwrap().recv().unwrap();
    };
    let (engine, compiled) = counting(WasmtimeEngine::builder().compile_time(Duration::from_millis(20)), compiling);
    let host = deployed(spinning());
    loop {
        let error = run_on(&engine, &host, None).expect_err("it is not compiled");
        assert_eq!(error.kind(), InternalErrorKind::Deadline);
        let text = error.to_string();
        assert!(text.contains("20ms") && text.contains("prepare") && text.contains("compile_time"), "{text}");
        // On a busy machine nobody waited for it any more before it could begin, and it never did.
        if begun.try_recv().is_ok() {
            break;
        }
    }
    finish.send(()).unwrap();
    let report = loop {
        match run_on(&engine, &host, None) {
            Ok(report) => break report,
            Err(error) => assert_eq!(error.kind(), InternalErrorKind::Deadline, "{error}"),
        }
    };
    assert_eq!((report.outcome, compiled.load(Ordering::SeqCst)), (Outcome::null(), 1));
}

#[test]
fn what_may_take_more_memory_than_is_allowed_is_not_compiled() {
    let (host, package) = (deployed(spinning()), package(spinning()));
    let values = WasmtimeEngine::new().unwrap().prepare(&package, &Params::default()).unwrap().values / 2;
    for (allowed, fits) in [(64 * values, true), (64 * values - 1, false)] {
        let (engine, _) = counting(WasmtimeEngine::builder().compile_memory(allowed), || ());
        let ran = run_on(&engine, &host, None);
        let prepared = engine.prepare(&package, &Params::default());
        match (ran, prepared) {
            (Ok(report), Ok(_)) => assert!(fits && report.outcome == Outcome::null()),
            // Another node may have more: it is no verdict on the contract.
            (Err(error), Err(PrepareError::Internal(_))) => {
                assert!(!fits && error.kind() == InternalErrorKind::Engine, "{error}");
                let causes = format!("{error:?}");
                assert!(causes.contains("compile_memory"), "{causes}");
            }
            (ran, prepared) => panic!("{ran:?}, {prepared:?}"),
        }
    }
}

/// What `subvm check` says of the price of a deployment is what preparing it comes to, and where a module is refused it says none.
#[test]
fn a_check_says_the_price_of_preparing() {
    let library = r#"(module (func (export "f") (result f64) (f64.sqrt (f64.const 2))))"#;
    let start = r#"(module (import "l" "f" (func $f (result f64))) (func (export "_start") (drop (call $f))))"#;
    let package = |start: Wasm| {
        let libraries = vec![Library { name: "l".into(), wasm: module(library) }];
        Parts { start, libraries, ..Parts::default() }.check(&Refused::default()).expect("parts of a package")
    };
    let params = Params::default();
    let whole = package(module(start));
    let prepared = WasmtimeEngine::new().unwrap().prepare(&whole, &params).unwrap();
    assert_eq!(subvm_check::check(&whole, &params).deployment, Some(prepared.ticks));
    assert_eq!(subvm_check::check(&package(b"\0asm".to_vec().into()), &params).deployment, None);
}
