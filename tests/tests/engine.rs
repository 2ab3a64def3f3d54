//! Transactions on wasmtime and on wasmi: what every way of making code, both engines, every thread and every nesting have in common.

use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::costs::LIBRARIES;
use subvm_core::fingerprint::Frame;
use subvm_core::host::Node;
use subvm_core::{
    Engine, InternalError, InternalErrorKind, Invalid, Library, Outcome, Parts, Report, Resource, Run, Trap, VmError,
};
use subvm_host_std::clock::SystemClock;
use subvm_tests::engines::{every_engine, on_both, parts, same, wasmtime};
use subvm_tests::transaction::{deployed, embedded, transaction};

type Ran = Result<Report, Box<InternalError>>;

/// Runs on `engine`, and on wasmi to compare.
fn run_within(
    engine: Arc<dyn Engine>,
    parts: Parts,
    params: &Arc<subvm_core::Params>,
    deadline: Option<Duration>,
) -> Ran {
    // Deadlines are real time.
    let node = || Node { clock: Box::new(SystemClock::new(0)), ..deployed(parts.clone()).node() };
    on_both(engine, node, &Run { params: Arc::clone(params), deadline, ..transaction() })
}

fn run_on(engine: Arc<dyn Engine>, parts: Parts) -> Report {
    run_within(engine, parts, &Arc::default(), None).expect("no internal error")
}

fn run_wat(start: &str) -> Report {
    run_on(wasmtime(), parts(start))
}

/// The request of a sandbox that may write storage, as a string of the text format.
fn sandbox() -> String {
    embedded(r#"{"Sandbox": {"data": b#, "allow_write_storage": true, "allow_send_messages": false}}"#).0
}

/// Writes storage, computes with floats, fills memory, and divides by zero three calls deep.
const FAILING: &str = r#"(module $failing
    (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 3 5)
    (memory $second 1)
    (func (export "_start")
        (drop (call $write (i32.const 0) (i32.const 5) (i32.const 64) (i32.const 100)))
        (f64.store (i32.const 128) (f64.div (f64.sqrt (f64.const 2)) (f64.const 0x1p-1060)))
        (memory.fill (i32.const 70000) (i32.const 0x5a) (i32.const 50000))
        (i32.store $second (i32.const 8) (memory.grow (i32.const 1)))
        (drop (call $spin (i32.const 1000))))
    (func $spin (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (call $spin (i32.sub (local.get 0) (i32.const 1))))
            (else (i32.div_u (i32.const 1) (local.get 0))))))"#;

#[test]
fn every_way_of_making_code_gives_one_receipt_and_fingerprint() {
    let reports: Vec<Report> = every_engine().into_iter().map(|(_, engine)| run_on(engine, parts(FAILING))).collect();
    for report in &reports {
        assert_eq!(report.outcome, Outcome::VmError(VmError::Trap(Trap::IntegerDivideByZero)));
        same("another engine", report, &reports[0]);
    }
    let fingerprint = reports[0].fingerprint.as_ref().unwrap();
    let frame = |func| Frame { module_name: "failing".into(), func };
    assert_eq!(fingerprint.frames, vec![frame(2); 128]);
    let mut memory = vec![0; 4 << 16];
    memory[70_000..120_000].fill(0x5a);
    memory[128..136].copy_from_slice(&(2f64.sqrt() / f64::from_bits(1 << 14)).to_le_bytes());
    let mut second = vec![0; 1 << 16];
    second[8] = 3;
    let digests = [memory, second].map(|memory| *blake3::hash(&memory).as_bytes());
    assert_eq!(fingerprint.module_instances["failing"], digests);
}

/// No frames are captured for who returns, and only then it shows that there is no data gas for it.
#[test]
fn who_returns_more_than_there_is_data_gas_for_has_frames() {
    let (request, length) = embedded(r#"{"Return": "seven"}"#);
    let start = format!(
        r#"(module $returning
            (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32)))
            (memory 1) (data (i32.const 1024) "{request}")
            (func $end (drop (call $gl (i32.const 1024) (i32.const {length}) (i32.const 16))))
            (func (export "_start") (call $end)))"#
    );
    // A code, and six bytes.
    for (gas_data, returns) in [(0, false), (6, false), (7, true)] {
        let mut params = subvm_core::Params::default();
        params.limits.gas_data = gas_data;
        let report = run_within(wasmtime(), parts(&start), &Arc::new(params), None).expect("no internal error");
        assert_eq!(matches!(report.outcome, Outcome::Return(_)), returns);
        if !returns {
            assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasData)));
            let frames = report.fingerprint.expect("it failed").frames;
            assert_eq!(frames, [1, 2].map(|func| Frame { module_name: "returning".into(), func }));
        }
    }
}

#[test]
fn a_warm_cache_and_many_threads_change_nothing() {
    let expected = run_wat(FAILING).receipt.digest();
    let threads: Vec<_> = (0..64)
        .map(|_| std::thread::spawn(|| (0..4).map(|_| run_wat(FAILING).receipt.digest()).collect::<Vec<_>>()))
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), [expected; 4]);
    }
}

#[test]
fn a_failing_start_function_has_a_fingerprint() {
    let report = run_wat("(module (memory 1) (start 0) (func (i32.store (i32.const 0) (i32.const 7)) unreachable))");
    assert_eq!(report.outcome, Outcome::VmError(VmError::Trap(Trap::Unreachable)));
    let fingerprint = report.fingerprint.unwrap();
    assert_eq!(fingerprint.frames, [Frame { module_name: "main".into(), func: 0 }]);
    assert_eq!(fingerprint.module_instances["main"].len(), 1);
}

#[test]
fn a_trap_in_an_active_segment_lists_no_instance() {
    let report = run_wat(r#"(module (memory 1) (data (i32.const 65536) "x") (func (export "_start")))"#);
    assert_eq!(report.outcome, Outcome::VmError(VmError::Trap(Trap::MemoryOutOfBounds)));
    let fingerprint = report.fingerprint.unwrap();
    assert!(fingerprint.frames.is_empty() && fingerprint.module_instances.is_empty());
}

/// A library and a start module that both call `fd_tell`, each with its own memory 0.
#[test]
fn host_calls_get_the_memory_of_the_module_that_calls() {
    let library = r#"(module
        (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
        (memory 1)
        (func (export "_initialize") (drop (call $seek (i32.const 0) (i64.const 5) (i32.const 0) (i32.const 16))))
        (func (export "seen") (result i64) (i64.load (i32.const 16))))"#;
    let start = r#"(module
        (import "wasi_snapshot_preview1" "fd_tell" (func $tell (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "lib" "seen" (func $seen (result i64)))
        (memory (export "memory") 1)
        (func (export "_start")
            (drop (call $tell (i32.const 0) (i32.const 32)))
            (call $exit (i32.add
                (i32.mul (i32.wrap_i64 (call $seen)) (i32.const 10))
                (i32.wrap_i64 (i64.add (i64.load (i32.const 32)) (i64.load (i32.const 16))))))))"#;
    let library = Library { name: "lib".into(), wasm: wat::parse_str(library).unwrap().into() };
    let report = run_on(wasmtime(), Parts { libraries: vec![library], ..parts(start) });
    // The library saw 5, and the start module 5 in its own memory and nothing where the library wrote.
    assert_eq!(report.outcome, Outcome::VmError(VmError::ExitCode(55)), "{:?}", report.diagnostics);
    let names: Vec<&String> = report.fingerprint.as_ref().unwrap().module_instances.keys().collect();
    assert_eq!(names, ["lib", "main"]);
}

/// A start module that keeps, of its two functions, which ran and in which order: `_initialize` adds 1, the entry exits with ten times that and 1.
fn reactor(entry: &str, initialize: &str) -> Parts {
    parts(&format!(
        r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (global $ran (mut i32) (i32.const 0))
        (func $begin (global.set $ran (i32.add (global.get $ran) (i32.const 1))))
        (start $begin)
        {initialize}
        (func (export "{entry}") (call $exit (i32.add (i32.mul (global.get $ran) (i32.const 10)) (i32.const 1)))))"#
    ))
}

#[test]
fn the_start_module_is_initialized_once_before_its_entry() {
    let adds = r#"(func (export "_initialize") (global.set $ran (i32.mul (i32.add (global.get $ran) (i32.const 1)) (i32.const 2))))"#;
    for entry in ["", "_start"] {
        let outcome = |parts| run_on(wasmtime(), parts).outcome;
        let exits = |code| Outcome::VmError(VmError::ExitCode(code));
        assert_eq!(outcome(reactor(entry, "")), exits(11), "the start function alone");
        assert_eq!(outcome(reactor(entry, adds)), exits(41), "the start function, then _initialize, then the entry");
        // Each module that exports one has it called: here a library and the start module, which are the same bytes.
        let module = reactor(entry, adds);
        let library = Library { name: "lib".into(), wasm: module.start.clone() };
        assert_eq!(outcome(Parts { libraries: vec![library], ..module }), exits(41));
    }
}

#[test]
fn what_ends_the_initialization_ends_the_sub_vm() {
    let report = |initialize| run_on(wasmtime(), reactor("", initialize));
    let trapped = report(r#"(func (export "_initialize") unreachable)"#);
    assert_eq!(trapped.outcome, Outcome::VmError(VmError::Trap(Trap::Unreachable)));
    assert_eq!(trapped.fingerprint.unwrap().frames, [Frame { module_name: "main".into(), func: 2 }]);
    let left = report(r#"(func (export "_initialize") (call $exit (i32.const 0)))"#);
    assert_eq!(left.outcome, Outcome::null(), "the entry is not reached");
    let entrypoint = Outcome::VmError(VmError::InvalidContract(Invalid::WasmEntrypoint));
    assert_eq!(report(r#"(func (export "_initialize") (param i32))"#).outcome, entrypoint);
    assert_eq!(report(r#"(func (export "_initialize") (result i32) (i32.const 0))"#).outcome, entrypoint);
    // What is no function is nobody's initialization.
    let global = r#"(global (export "_initialize") i32 (i32.const 0))"#;
    assert_eq!(report(global).outcome, Outcome::VmError(VmError::ExitCode(11)));
}

/// A library hands its imports on: they work on its memory, and are nobody's frames, however they are called.
#[test]
fn host_functions_can_be_exported_again_and_stand_in_tables() {
    let library = r#"(module
        (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory 1)
        (table (export "exits") 1 funcref)
        (elem (i32.const 0) $exit)
        (export "seek" (func $seek))
        (func (export "seen") (result i32) (i32.load (i32.const 16))))"#;
    let start = r#"(module
        (import "lib" "seek" (func $seek (param i32 i64 i32 i32) (result i32)))
        (import "lib" "seen" (func $seen (result i32)))
        (import "lib" "exits" (table 1 funcref))
        (memory (export "memory") 1)
        (func $leave (param i32) (call_indirect (param i32) (local.get 0) (i32.const 0)))
        (func (export "_start")
            (drop (call $seek (i32.const 0) (i64.const 5) (i32.const 0) (i32.const 16)))
            (call $leave (i32.add (i32.mul (call $seen) (i32.const 10)) (i32.load (i32.const 16))))))"#;
    let library = Library { name: "lib".into(), wasm: wat::parse_str(library).unwrap().into() };
    for (_, engine) in every_engine() {
        let report = run_on(engine, Parts { libraries: vec![library.clone()], ..parts(start) });
        assert_eq!(report.outcome, Outcome::VmError(VmError::ExitCode(50)), "{:?}", report.diagnostics);
        let fingerprint = report.fingerprint.unwrap();
        let frames: Vec<_> = fingerprint.frames.iter().map(|frame| (&frame.module_name[..], frame.func)).collect();
        assert_eq!(frames, [("main", 2), ("main", 3)]);
        // Two modules, two pages, an entry of a table and five imports are set up.
        assert_eq!(report.receipt.gas.time, 95 + 2 * 1_500 + 2 * 32_768 + 12 + 5 * 400);
    }
}

#[test]
fn imports_that_are_not_of_the_host_s_type_are_not_linked() {
    let run = |module: &str, name: &str, ty: &str| {
        let start = if ty.is_empty() { "(start $f)" } else { "" };
        run_wat(&format!(r#"(module (import "{module}" "{name}" (func $f {ty})) (func (export "_start")) {start})"#))
            .outcome
    };
    let wasi = "wasi_snapshot_preview1";
    assert_eq!(run(wasi, "fd_close", "(param i32) (result i32)"), Outcome::null());
    for (module, name, ty) in [
        (wasi, "fd_close", "(param i64) (result i32)"),
        (wasi, "fd_close", "(param i32)"),
        (wasi, "proc_exit", "(param i32) (result i32)"),
        (wasi, "fd_open", "(param i32) (result i32)"),
        ("genlayer_sdk", "fd_close", "(param i32) (result i32)"),
        // As they are once lowered: a guest that could call these would choose its own ticks.
        (wasi, "fd_close", "(param i32 i64) (result i32 i64)"),
        (wasi, "proc_exit", "(param i32 i64) (result i64)"),
        ("genlayer_sdk", "get_self_balance", "(param i32 i64) (result i32 i64)"),
        // A type at the limit.
        (wasi, "sched_yield", &format!("(param {}) (result {})", "i64 ".repeat(256), "v128 ".repeat(256))),
        // A start function.
        (wasi, "sched_yield", ""),
    ] {
        let refused = Outcome::VmError(VmError::InvalidContract(Invalid::WasmLinking));
        assert_eq!(run(module, name, ty), refused, "{module} {name} {ty}");
    }
}

#[test]
fn modules_of_one_sub_vm_share_their_counters() {
    let spin = |count: i32| {
        format!(
            "(local.set 0 (i32.const {count})) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
        )
    };
    let library = format!(r#"(module (func (export "f") (local i32) {}))"#, spin(1_000_000));
    let start = format!(
        r#"(module (import "lib" "f" (func $f)) (func (export "_start") (local i32) (call $f) (call $f) {}))"#,
        spin(10)
    );
    let library = Library { name: "lib".into(), wasm: wat::parse_str(library).unwrap().into() };
    let report = run_on(wasmtime(), Parts { libraries: vec![library], ..parts(&start) });
    assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
    assert!(report.receipt.gas.time > 2_000_000, "{:?}", report.receipt.gas);
}

#[test]
fn sandboxes_nest_512_deep() {
    let request = sandbox();
    let start = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 1024) "{request}")
        (func (export "_start")
            ;; Count the sub-VMs in storage.
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 4)))
            (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
            (drop (call $write (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 4)))
            (drop (call $gl_call (i32.const 1024) (i32.const {}) (i32.const 128)))))"#,
        request.len() / 3
    );
    let report = run_wat(&start);
    assert_eq!(report.outcome, Outcome::null());
    assert_eq!(report.receipt.storage[0].content[..4], 513_u32.to_le_bytes());
    assert!(report.ram_peak > 512 * 65_536);
}

#[test]
fn growth_beyond_a_budget_or_a_maximum_is_minus_one_and_costs_nothing() {
    let start = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (memory $small 1 2)
        (table $t 1 funcref)
        (func (export "_start")
            ;; All of these fail, and leave the budget as it was.
            (if (i32.ne (memory.grow (i32.const 65536)) (i32.const -1)) (then (call $exit (i32.const 1))))
            (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then (call $exit (i32.const 2))))
            (if (i32.ne (memory.grow $small (i32.const 2)) (i32.const -1)) (then (call $exit (i32.const 3))))
            (if (i32.ne (table.grow $t (ref.null func) (i32.const 9000000)) (i32.const -1)) (then (call $exit (i32.const 4))))
            ;; So this still fits: 6 MiB of 8 MiB.
            (if (i32.ne (memory.grow (i32.const 96)) (i32.const 1)) (then (call $exit (i32.const 5))))
            (if (i32.ne (memory.grow (i32.const 96)) (i32.const -1)) (then (call $exit (i32.const 6))))))"#;
    let mut params = subvm_core::Params::default();
    (params.limits.ram, params.limits.gas_time) = (8 << 20, 1 << 40);
    let report = run_within(wasmtime(), parts(start), &Arc::new(params), None).unwrap();
    assert_eq!(report.outcome, Outcome::null());
    // A sub-VM, 98 pages, a table of one entry; and the instance with an import, a function and three memories and tables.
    assert_eq!(report.ram_peak, 65_536 + 98 * 65_536 + 64 + (4_096 + 32 + 32 + 3 * 64));
}

#[test]
fn gas_ends_a_loop_at_the_same_tick_everywhere() {
    let spin = r#"(module (memory 1) (func (export "_start") (local i64)
        (loop (i64.store (i32.const 0) (local.tee 0 (i64.add (local.get 0) (i64.const 1)))) (br 0))))"#;
    let mut params = subvm_core::Params::default();
    params.limits.gas_time = 1_000_000;
    let params = Arc::new(params);
    let reports: Vec<Report> =
        every_engine().into_iter().map(|(_, engine)| run_within(engine, parts(spin), &params, None).unwrap()).collect();
    for report in &reports {
        assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasTime)));
        assert_eq!(report.receipt, reports[0].receipt, "the memory stands in the fingerprint");
        assert_eq!(report.receipt.gas.time, 1_000_000);
    }
}

#[test]
fn a_deadline_interrupts_wasm_and_no_parent_catches_it() {
    let request = sandbox();
    let start = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 1024) "{request}")
        (func (export "_start")
            (drop (call $gl_call (i32.const 1024) (i32.const {}) (i32.const 128)))
            (loop (br 0))))"#,
        request.len() / 3
    );
    let started = Instant::now();
    let error = run_within(wasmtime(), parts(&start), &Arc::default(), Some(Duration::from_millis(50))).unwrap_err();
    assert_eq!(error.kind(), InternalErrorKind::Deadline);
    // How soon is for benches to measure; that it ends at all is what this shows.
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[test]
fn names_that_cannot_be_linked_are_refused() {
    for (name, valid) in [("lib", true), ("", false), ("a b", false), ("genlayer_sdk", false), ("main", false)] {
        let library = Library { name: name.into(), wasm: wat::parse_str("(module)").unwrap().into() };
        let report =
            run_on(wasmtime(), Parts { libraries: vec![library], ..parts(r#"(module (func (export "_start")))"#) });
        assert_eq!(matches!(report.outcome, Outcome::Return(_)), valid, "{name:?}: {:?}", report.outcome);
    }
}

/// Only the main sub-VM's failure has a fingerprint: a child that fails costs nothing for its frames, and its parent's are its own.
#[test]
fn a_failing_parent_shows_its_own_frames_and_none_of_its_child() {
    let request = sandbox();
    let start = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 256) "\00\02\00\00\40\00\00\00")
        (data (i32.const 1024) "{request}")
        (func $fail (param i32)
            (if (i32.eqz (local.get 0)) (then unreachable))
            (call $fail (i32.sub (local.get 0) (i32.const 1))))
        (func (export "_start")
            ;; The child sees what its parent wrote.
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 4)))
            (if (i32.load (i32.const 64)) (then (call $fail (i32.const 1000))))
            (i32.store (i32.const 64) (i32.const 1))
            (drop (call $write (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 4)))
            (drop (call $gl_call (i32.const 1024) (i32.const {}) (i32.const 128)))
            (drop (call $fd_read (i32.load (i32.const 128)) (i32.const 256) (i32.const 1) (i32.const 132)))
            ;; The first byte of a result says how it ended: 2 for a VM error.
            (if (i32.eq (i32.load8_u (i32.const 512)) (i32.const 2)) (then (call $fail (i32.const 3))))))"#,
        request.len() / 3
    );
    let report = run_wat(&start);
    assert_eq!(report.outcome, Outcome::VmError(VmError::Trap(Trap::Unreachable)));
    let frames: Vec<u32> = report.fingerprint.unwrap().frames.iter().map(|frame| frame.func).collect();
    assert_eq!(frames, [4, 4, 4, 4, 5]);
}

#[test]
fn the_modules_of_a_package_define_16_memories_and_no_more() {
    for (count, linked) in [(LIBRARIES - 1, true), (LIBRARIES, false)] {
        let wasm = wat::parse_str("(module (memory 1))").unwrap();
        let library = |number| Library { name: format!("l{number}"), wasm: wasm.clone().into() };
        let libraries = (0..count).map(library).collect();
        let start = r#"(module (memory 1) (func (export "_start")))"#;
        let report = run_on(wasmtime(), Parts { libraries, ..parts(start) });
        let expected =
            if linked { Outcome::null() } else { Outcome::VmError(VmError::InvalidContract(Invalid::WasmLinking)) };
        assert_eq!(report.outcome, expected, "{:?}", report.diagnostics);
    }
}

/// Two indices of one memory: a copy that the engine splits must still be a move.
#[test]
fn a_large_copy_within_a_memory_imported_twice_is_a_move() {
    let library = r#"(module (memory (export "m") 1000))"#;
    let start = r#"(module
        (import "lib" "m" (memory $a 1))
        (import "lib" "m" (memory $b 1))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func (export "_start")
            (i32.store8 $a (i32.const 0xffffff) (i32.const 0x2a))
            (i32.store8 $a (i32.const 0x1000000) (i32.const 0x3b))
            (memory.copy $b $a (i32.const 1) (i32.const 0) (i32.const 0x1800000))
            (if (i32.ne (i32.load8_u $a (i32.const 0x1000000)) (i32.const 0x2a)) (then (call $exit (i32.const 1))))
            (if (i32.ne (i32.load8_u $a (i32.const 0x1000001)) (i32.const 0x3b)) (then (call $exit (i32.const 2))))))"#;
    let library = Library { name: "lib".into(), wasm: wat::parse_str(library).unwrap().into() };
    let report = run_on(wasmtime(), Parts { libraries: vec![library], ..parts(start) });
    assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
}
