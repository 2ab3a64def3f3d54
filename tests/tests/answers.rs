//! Calls that lowered code answers itself: how often it asks, what makes it ask again, and that nobody can tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use subvm_core::costs::instructions::Schedule;
use subvm_core::wasi::{FUNCTIONS, Function, KEPT, Kept, MODULE, ParamType, function};
use subvm_core::{Library, Outcome, Params, Parts, Personality, Run, Trap, VmError};
use subvm_host_std::lower::{Counters, Limit, Options, Refusal, Watch, lower, memory_export};
use subvm_host_std::profile::Watcher;
use subvm_host_std::{WasmiEngine, WasmtimeEngine};
use subvm_tests::engines::parts;
use subvm_tests::fuzz::answers::every_way;
use subvm_tests::lowered::{GAS, Generator, Machine, Observed};
use subvm_tests::transaction::{deployed, embedded, transaction};
use wasmtime::{Caller, Engine, FuncType, Linker, Val, ValType};

/// Calls of one function in a loop.
const CALLS: i32 = 100;

fn kept() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(|function| function.kept.is_some())
}

fn wat_type(ty: &ParamType) -> &'static str {
    if *ty == ParamType::I32 { "i32" } else { "i64" }
}

/// Calls a function in a loop, each time with the same arguments: descriptor or clock 3, places at 64 and 96.
fn looping(function: &Function) -> String {
    let types: Vec<&str> = function.types.iter().map(wat_type).collect();
    let places = ["stat", "prestat", "time", "resolution", "argv_buf_size", "environ_buf_size"];
    let argument = |(name, ty): (&&str, &ParamType)| match (*name, ty) {
        (_, ParamType::I64) => "(i64.const 0)".to_owned(),
        (name, _) if places.contains(&name) => "(i32.const 96)".to_owned(),
        ("argc" | "environc", _) => "(i32.const 64)".to_owned(),
        _ => "(i32.const 3)".to_owned(),
    };
    let arguments: String = function.params.iter().zip(function.types).map(argument).collect();
    let types = types.join(" ");
    format!(
        r#"(module (import "{MODULE}" "{name}" (func $f (param {types}) (result i32))) (memory 1)
            (func (export "loop") (result i32) (local $left i32) (local $sum i32)
                (local.set $left (i32.const {CALLS}))
                (loop $again
                    (local.set $sum (i32.add (local.get $sum) (call $f {arguments})))
                    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                (local.get $sum)))"#,
        name = function.name
    )
}

/// What the host answers: an errno, and eight bytes at each place.
fn answered(function: &'static Function, mark: u32, asked: &Arc<AtomicU32>) -> (Engine, Linker<()>) {
    let engine = Generator::Speed.engine();
    let mut linker = Linker::new(&engine);
    let ty = |ty: &ParamType| if *ty == ParamType::I32 { ValType::I32 } else { ValType::I64 };
    let parameters = function.types.iter().map(ty).chain([ValType::I64]);
    let ty = FuncType::new(&engine, parameters, [ValType::I32, ValType::I64]);
    let asked = asked.clone();
    let answer = move |mut caller: Caller<'_, ()>, arguments: &[Val], results: &mut [Val]| {
        asked.fetch_add(1, Relaxed);
        let memory = caller.get_export(&memory_export(0)).and_then(wasmtime::Extern::into_memory).expect("a memory");
        let errno = match function.kept.expect("it may be kept") {
            Kept::Always => function.always.expect("an errno").number(),
            Kept::Personal => 58,
            Kept::Sizes => {
                memory.write(&mut caller, 64, &[7, 0, 0, 0]).expect("there");
                memory.write(&mut caller, 96, &[9, 1, 0, 0]).expect("there");
                0
            }
            Kept::Fdstat => {
                memory.write(&mut caller, 96, &[3; 24]).expect("there");
                0
            }
            Kept::Prestat => {
                memory.write(&mut caller, 96, &[0, 0, 0, 0, 5, 0, 0, 0]).expect("there");
                0
            }
            Kept::Resolution => {
                memory.write(&mut caller, 96, &[1, 0, 0, 0, 0, 0, 0, 0]).expect("there");
                0
            }
            Kept::Time => {
                memory.write(&mut caller, 96, &[8; 8]).expect("there");
                0
            }
        };
        let ticks = arguments.last().expect("the ticks").unwrap_i64() - Schedule::V1.call(function.base) as i64;
        results[0] = Val::I32((errno | mark) as i32);
        results[1] = Val::I64(ticks);
        Ok(())
    };
    linker.func_new(MODULE, function.name, ty, answer).expect("a name");
    (engine, linker)
}

/// What the loop comes to, and how often the host was asked.
fn looped(function: &'static Function, options: &Options, mark: u32, gas: i64) -> (Observed, u32) {
    let asked = Arc::default();
    let (engine, mut linker) = answered(function, mark, &asked);
    for (name, parameters) in subvm_host_std::lower::WATCH_FUNCTIONS {
        let parameters = parameters.iter().map(|ty| match ty {
            wasm_encoder::ValType::I32 => ValType::I32,
            _ => ValType::I64,
        });
        let ty = FuncType::new(&engine, parameters, []);
        linker.func_new(subvm_host_std::lower::WATCH_MODULE, name, ty, |_, _, _| Ok(())).expect("a name");
    }
    let wasm = wat::parse_str(looping(function)).expect("a module");
    let lowered = lower(&wasm, options).expect("it is lowered");
    let mut machine = Machine::link(&engine, &linker, lowered, gas, 1 << 20).expect("it is linked");
    (machine.call("loop", &[]), asked.load(Relaxed))
}

#[test]
fn what_stays_is_asked_once_and_costs_the_same() {
    assert_eq!(kept().count(), 30);
    let watched = Options { watch: Watch::Calls, ..Options::default() };
    for function in kept() {
        let (alone, asked) = looped(function, &Options::default(), KEPT, GAS);
        assert_eq!(asked, 1, "{}", function.name);
        let (told, asked) = looped(function, &Options::default(), 0, GAS);
        assert_eq!((asked, &told), (CALLS as u32, &alone), "{}: a host that keeps nothing", function.name);
        let (told, asked) = looped(function, &watched, 0, GAS);
        assert_eq!((asked, &told), (CALLS as u32, &alone), "{}: a module that is watched", function.name);
    }
}

/// A module that is not alone would keep what another one of its sub-VM changes.
#[test]
fn modules_that_are_linked_are_told_each_time() {
    let clock = wat::parse_str(looping(function("clock_time_get").expect("a function"))).expect("a module");
    let lowered = |options: Options| lower(&clock, &options).expect("it is lowered").wasm;
    let first = Options { ordinal: 1, ..Options::default() };
    let start = Options { counters: Counters::Imported, ..Options::default() };
    let mutable = |wasm: &[u8]| {
        let mut defined = 0;
        for payload in wasmparser::Parser::new(0).parse_all(wasm) {
            if let wasmparser::Payload::GlobalSection(globals) = payload.expect("a valid module") {
                defined += globals.count();
            }
        }
        defined
    };
    assert_eq!([first, start].map(|options| mutable(&lowered(options))), [4, 0], "the counters alone");
    assert_eq!(mutable(&lowered(Options::default())), 7, "and what is kept");
}

/// Refused by one rule each: a call that looks at nothing, and one of a descriptor.
const REFUSED: &str = r#"
    (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
    (func (export "_start")
        (if (i32.ne (call $shutdown (i32.const 3) (i32.const 0)) (i32.const 2)) (then unreachable))
        (if (i32.ne (call $prestat (i32.const 0) (i32.const 0)) (i32.const 58)) (then unreachable)))"#;

/// Whoever keeps nothing gets the errno and no mark: a module that is linked with others, has no memory, or is watched.
#[test]
fn modules_that_keep_nothing_see_no_mark() {
    let with_memory = format!("(module {REFUSED} (memory 1))");
    let library = || Library { name: "empty".into(), wasm: wat::parse_str("(module)").expect("a module").into() };
    let linked = Parts { libraries: vec![library()], ..parts(&with_memory) };
    for (parts, source) in
        [(parts(&format!("(module {REFUSED})")), "no memory"), (linked, "linked"), (parts(&with_memory), "alone")]
    {
        let report = every_way(&parts, &transaction(), source);
        assert_eq!(report.outcome, Outcome::null(), "{source}: {:?}", report.diagnostics);
    }
    for watcher in [Watcher::calls, Watcher::blocks] {
        let wasmtime = WasmtimeEngine::builder().watcher(watcher()).build().expect("this machine runs wasmtime");
        let engines: [Arc<dyn subvm_core::Engine>; 2] = [Arc::new(wasmtime), Arc::new(WasmiEngine::watched(watcher()))];
        for engine in engines {
            let node = deployed(parts(&with_memory)).node();
            let report = subvm_core::run(engine, node, transaction()).1.expect("no internal error");
            assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
        }
    }
}

/// What may change an answer may be imported before what is answered, or behind it.
#[test]
fn what_is_kept_is_forgotten_in_any_order_of_imports() {
    let import = |name: &str, id: &str, parameters: &str| {
        format!("(import \"{MODULE}\" \"{name}\" (func ${id} (param {parameters}) (result i32)))")
    };
    let mut imports = [
        import("fd_close", "close", "i32"),
        import("fd_fdstat_get", "stat", "i32 i32"),
        import("poll_oneoff", "poll", "i32 i32 i32 i32"),
        import("clock_time_get", "clock", "i32 i64 i32"),
    ];
    let params = Params { personality: Personality::Program, ..Params::default() };
    let run = Run { params: Arc::new(params), ..transaction() };
    for _ in 0..imports.len() {
        imports.rotate_left(1);
        let module = format!(
            r#"(module {} (memory 1)
                ;; A nanosecond by a clock that tells how long.
                (data (i32.const 1056) "\01\00\00\00\00\00\00\00\01")
                (func $look (param i32) (drop (call $clock (i32.const 1) (i64.const 0) (local.get 0))))
                (func (export "_start")
                    (if (call $stat (i32.const 1) (i32.const 64)) (then unreachable))
                    (if (call $close (i32.const 1)) (then unreachable))
                    (if (i32.ne (call $stat (i32.const 1) (i32.const 64)) (i32.const 8)) (then unreachable))
                    (call $look (i32.const 128))
                    (if (call $poll (i32.const 1040) (i32.const 2048) (i32.const 1) (i32.const 2096)) (then unreachable))
                    (call $look (i32.const 136))
                    (if (i64.eq (i64.load (i32.const 128)) (i64.load (i32.const 136))) (then unreachable))))"#,
            imports.concat()
        );
        let report = every_way(&parts(&module), &run, &module);
        assert_eq!(report.outcome, Outcome::null(), "{module} {:?}", report.diagnostics);
    }
}

/// What is kept is kept once, and forgotten by as many stores, however often a function is imported.
#[test]
fn a_function_that_is_imported_often_is_kept_once() {
    let lowered = |times: usize| {
        let import = |name: &str, parameters: &str| {
            format!("(import \"{MODULE}\" \"{name}\" (func (param {parameters}) (result i32)))").repeat(times)
        };
        let imports = import("fd_fdstat_get", "i32 i32") + &import("fd_close", "i32");
        let wasm = wat::parse_str(format!("(module {imports} (memory 1))")).expect("a module");
        let lowered = lower(&wasm, &Options::default()).expect("it is lowered");
        (wasm.len(), lowered.wasm.len())
    };
    let ((few, few_lowered), (many, many_lowered)) = (lowered(100), lowered(1_000));
    assert!(many_lowered - few_lowered < 10 * (many - few), "{few_lowered} to {many_lowered} bytes");
}

/// A child waits; what the clocks of its parent show has passed, too.
#[test]
fn time_that_passes_in_a_child_is_seen() {
    let (request, length) =
        embedded(r#"{"Sandbox": {"data": b#, "allow_write_storage": false, "allow_send_messages": false}}"#);
    let module = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
            (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory 1) (data (i32.const 512) "{request}")
            ;; A second by a clock that tells how long.
            (data (i32.const 1056) "\01\00\00\00\00\00\00\00\00\ca\9a\3b")
            (func $look (param i32) (drop (call $clock (i32.const 0) (i64.const 0) (local.get 0))))
            (func (export "_start")
                (if (call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4)) (then
                    (drop (call $poll (i32.const 1040) (i32.const 2048) (i32.const 1) (i32.const 2096)))
                    (return)))
                (call $look (i32.const 64)) (call $look (i32.const 72))
                (if (call $gl_call (i32.const 512) (i32.const {length}) (i32.const 128)) (then unreachable))
                (call $look (i32.const 80)) (call $look (i32.const 88))
                (drop (call $poll (i32.const 1040) (i32.const 2048) (i32.const 1) (i32.const 2096)))
                (call $look (i32.const 96)) (call $look (i32.const 104))
                (i64.store (i32.const 112) (i64.sub (i64.load (i32.const 80)) (i64.load (i32.const 72))))
                (i64.store (i32.const 120) (i64.sub (i64.load (i32.const 96)) (i64.load (i32.const 88))))
                (if (i64.ne (i64.load (i32.const 112)) (i64.const 1000000000)) (then unreachable))
                (if (i64.ne (i64.load (i32.const 120)) (i64.const 1000000000)) (then unreachable))
                (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#
    );
    let params = Params { personality: Personality::Program, ..Params::default() };
    let run = Run { params: Arc::new(params), ..transaction() };
    let report = every_way(&parts(&module), &run, &module);
    assert_eq!(report.outcome, Outcome::VmError(VmError::Trap(Trap::IntegerDivideByZero)), "{:?}", report.diagnostics);
}

/// Refusals are told in their order, those that were answered inside among others.
#[test]
fn refusals_are_told_in_their_order() {
    let module = r#"(module
        (import "wasi_snapshot_preview1" "fd_allocate" (func $allocate (param i32 i64 i64) (result i32)))
        (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_filestat_get" (func $filestat (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory 1) (data (i32.const 8) "/x")
        (func $a (drop (call $allocate (i32.const 3) (i64.const 0) (i64.const 0))))
        (func $s (drop (call $shutdown (i32.const 3) (i32.const 0))))
        (func (export "_start")
            (call $a) (call $a) (call $s) (call $s)
            (drop (call $filestat (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 2) (i32.const 64))) (call $s)
            (call $exit (i32.const 7))))"#;
    let report = every_way(&parts(module), &transaction(), module);
    let told: Vec<&str> =
        report.diagnostics.iter().filter_map(|note| note.strip_prefix("before it failed, ")).collect();
    let calls: Vec<&str> = told.iter().filter_map(|note| note.split(' ').next()).collect();
    assert_eq!(calls, ["sock_shutdown", "path_filestat_get", "fd_allocate"], "{:?}", report.diagnostics);
}

/// Which modules are refused does not hang on who answers.
#[test]
fn a_call_counts_the_same_however_it_is_answered() {
    // Each store counts with the load that goes before it on some processors.
    let asked = |call: &str| format!("(i32.store (i32.const 0) {call})").repeat(50_000);
    let stored = format!("call $many {}", "i32.store ".repeat(8)).repeat(16_500);
    for call in ["(call $yield)", "(call $tell (i32.const 0) (i32.const 0))"] {
        let module = format!(
            r#"(module (import "{MODULE}" "sched_yield" (func $yield (result i32)))
                (import "{MODULE}" "fd_tell" (func $tell (param i32 i32) (result i32))) (memory 1)
                (func $many (result {}) unreachable) (func {}{stored}))"#,
            "i32 ".repeat(16),
            asked(call)
        );
        let module = wat::parse_str(module).expect("a module");
        let every = [
            Options::default(),
            Options { ordinal: 1, ..Options::default() },
            Options { watch: Watch::Calls, ..Options::default() },
        ];
        let found = every.map(|options| match lower(&module, &options) {
            Err(Refusal::Limit { which: Limit::LoweredFunctionSize, found }) => found,
            other => panic!("it is no longer too large in the end: {:?}", other.map(drop)),
        });
        assert_eq!(found, [found[0]; 3]);
    }
}

/// The least bytes of a function of `call` alone that is refused, and by which limit.
fn refused_from(call: &str) -> (usize, Limit) {
    let module = |calls: usize| {
        let imports = format!("(import \"{MODULE}\" \"sched_yield\" (func $yield (result i32)))");
        wat::parse_str(format!("(module {imports} (func {}))", call.repeat(calls))).expect("a module")
    };
    let size = |wasm: &[u8]| {
        let bodies = wasmparser::Parser::new(0).parse_all(wasm).filter_map(|payload| match payload {
            Ok(wasmparser::Payload::CodeSectionEntry(body)) => Some(body.range().len()),
            _ => None,
        });
        bodies.max().expect("a function")
    };
    let refused = |calls: usize| match lower(&module(calls), &Options::default()) {
        Ok(_) => None,
        Err(Refusal::Limit { which, .. }) => Some(which),
        Err(other) => panic!("{other}"),
    };
    let (mut few, mut many) = (1_usize, 400_000);
    while few + 1 < many {
        let middle = few.midpoint(many);
        *(if refused(middle).is_none() { &mut few } else { &mut many }) = middle;
    }
    (size(&module(many)), refused(many).expect("it is refused"))
}

/// What handing over the ticks adds to a function is bounded by how many calls it may have (`docs/RATIONALE.md`, "Host calls are handed the ticks").
#[test]
fn long_functions_of_host_calls_are_refused_for_their_calls() {
    // Three bytes each, and two around them; each fourth counts as a branch.
    let calls = 4 * (usize::try_from(Limit::Branches.value()).expect("it is small") + 1);
    assert_eq!(refused_from("(drop (call $yield))"), (3 * calls + 2, Limit::Branches));
    assert_eq!(3 * calls + 2, 393_230, "as the rationale says");
}
