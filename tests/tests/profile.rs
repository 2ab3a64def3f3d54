//! A run that is watched is the run that it is: receipt, gas, RAM and frames; and what is seen of it is the same on every engine.

use std::sync::Arc;

use subvm_core::{Engine, Library, Mode, Outcome, Params, Parts, Report, Run, VmError, run};
use subvm_host_std::profile::{Frame, Profile, Unit, Watcher};
use subvm_host_std::{WasmiEngine, WasmtimeEngine};
use subvm_tests::engines::{engines, parts, same};
use subvm_tests::transaction::{deployed, embedded, transaction};

/// Both engines, each watched by the watcher beside it.
fn watched(watcher: fn() -> Watcher) -> [(&'static str, Arc<dyn Engine>, Watcher); 2] {
    let [first, second] = [watcher(), watcher()];
    let wasmtime = WasmtimeEngine::builder().watcher(first.clone()).build().expect("this machine runs wasmtime");
    let wasmi = WasmiEngine::watched(second.clone());
    [("wasmtime", Arc::new(wasmtime), first), ("wasmi", Arc::new(wasmi), second)]
}

/// Runs on both engines, not watched, watched for calls and for blocks: one report, and one profile, which is given back with it.
fn profiled(params: Params, parts: &Parts) -> (Report, Profile) {
    let run_of = Run { params: Arc::new(params), ..transaction() };
    let on = |engine| run(engine, deployed(parts.clone()).node(), run_of.clone()).1.expect("no internal error");
    let [(_, plain), _] = engines();
    let report = on(plain);
    let mut found: Option<Profile> = None;
    for watcher in [Watcher::calls, Watcher::blocks] {
        for (name, engine, watcher) in watched(watcher) {
            let again = on(engine);
            same(name, &report, &again);
            assert_eq!(report.receipt.digest(), again.receipt.digest(), "{name}");
            let profile = watcher.take();
            assert_eq!(
                profile.of_mode(Mode::Deterministic, Unit::Ticks),
                report.receipt.gas.time,
                "{name}: every tick, and no other"
            );
            if let Some(found) = &found {
                assert_eq!(found.nodes(), profile.nodes(), "{name}");
            }
            found = Some(profile);
        }
    }
    (report, found.expect("there were some"))
}

fn names(profile: &Profile) -> Vec<String> {
    profile.names(|module, index| format!("{}:{index}", profile.modules()[module as usize].name))
}

/// What was spent on each path, as flame graphs want it.
fn folded(profile: &Profile, unit: Unit) -> String {
    profile.folded(unit, &names(profile))
}

#[test]
fn each_tick_counts_for_the_function_that_spent_it() {
    let start = r#"(module
        (func $leaf nop nop)
        (func $middle (call $leaf) (call $leaf))
        (func (export "_start") (call $middle) (call $leaf)))"#;
    let (report, profile) = profiled(Params::default(), &parts(start));
    assert_eq!(report.outcome, Outcome::null());
    let of = |index: u32| {
        let nodes = profile.nodes().iter().filter(|node| node.frame == Frame::Function { module: 0, index });
        nodes.map(|node| (node.ticks, node.calls)).collect::<Vec<_>>()
    };
    let [direct, nested] = of(0)[..] else { panic!("two paths lead to it: {:?}", of(0)) };
    assert_eq!(
        (nested.0, nested.1 + direct.1),
        (nested.1 * direct.0 / direct.1, 3),
        "one call costs what another does"
    );
    assert_eq!(of(2).len(), 1);
    assert!(folded(&profile, Unit::Ticks).contains("(deterministic);main:2;main:1;main:0 "));
}

#[test]
fn libraries_tail_calls_and_tables_are_watched() {
    let library = r#"(module (memory (export "m") 2) (table (export "back") 2 funcref) (type $f (func (param i32)))
        (func $middle (export "middle") (param i32)
            (memory.fill (i32.const 32) (i32.const 7) (memory.size))
            (drop (memory.grow (i32.const 1)))
            (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
        (func (export "other") (param i32) (return_call $middle (local.get 0))))"#;
    let start = r#"(module
        (import "lib" "middle" (func $middle (param i32))) (import "lib" "other" (func $other (param i32)))
        (import "lib" "back" (table 2 funcref)) (import "lib" "m" (memory 1))
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (elem (i32.const 0) $turn) (elem declare func $leaf $yield) (global funcref (ref.func $leaf))
        (func $turn (param i32)
            (drop (call $yield))
            (if (i32.eqz (local.get 0)) (then (return_call $leaf)))
            (if (i32.and (local.get 0) (i32.const 1)) (then (call $middle (local.get 0))) (else (call $other (local.get 0)))))
        (func $leaf (drop (ref.func $leaf)) (drop (call $tail)))
        (func $tail (result i32) (return_call $yield))
        (start $init) (func $init (drop (f64.add (f64.const 1) (f64.const 2))))
        (func (export "_start") (call $turn (i32.const 4))))"#;
    let libraries = vec![Library { name: "lib".into(), wasm: wat::parse_str(library).unwrap().into() }];
    let (report, profile) = profiled(Params::default(), &Parts { libraries, ..parts(start) });
    assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
    let text = folded(&profile, Unit::Ticks);
    assert!(text.contains("main:3;lib:0;main:3;"), "{text}");
    assert!(text.contains("main:4;sched_yield (host) "), "who calls last is gone: {text}");
    let bytes = folded(&profile, Unit::Bytes);
    assert!(bytes.lines().any(|line| line.ends_with("lib:0 65536")), "a page for each growth: {bytes}");
}

/// What is spent behind a catch is the catching function's, and so is what leaving the frames costs; what the frames spent stays theirs.
#[test]
fn after_a_catch_gas_counts_for_the_path_that_caught() {
    // `$turn` calls itself to a depth, where `$throws` throws; each frame may catch, and the one of depth 3 does. Those that are left had
    // the same function, which is why it takes their stack units to tell which it is.
    let start = parts(
        r#"(module (tag $e) (tag $other)
        (func $throws (throw $e))
        (func $after nop nop nop)
        (func $turn (param i32)
            (block $never (block $caught
                (if (i32.eq (local.get 0) (i32.const 3))
                    (then (try_table (catch $e $caught) (call $turn (i32.sub (local.get 0) (i32.const 1))))))
                (if (i32.eqz (local.get 0)) (then (call $throws)))
                (try_table (catch $other $never) (call $turn (i32.sub (local.get 0) (i32.const 1))))
                unreachable)
                (call $after)))
        (func $direct (block $caught (try_table (catch_all $caught) (throw $e))) (call $after))
        (func (export "_start") (call $turn (i32.const 5)) (call $direct) (call $after)))"#,
    );
    let params = Params { exceptions: true, ..Params::default() };
    let run_of = Run { params: Arc::new(params), ..transaction() };
    let on = |engine: Arc<dyn Engine>| run(engine, deployed(start.clone()).node(), run_of.clone()).1.unwrap();
    let plain = on(Arc::new(WasmtimeEngine::builder().build().unwrap()));
    assert!(matches!(plain.outcome, Outcome::VmError(VmError::Trap(_))), "the frames above 3 return into unreachable");
    for watcher in [Watcher::calls(), Watcher::blocks()] {
        let report = on(Arc::new(WasmtimeEngine::builder().watcher(watcher.clone()).build().unwrap()));
        assert_eq!(report.receipt.digest(), plain.receipt.digest());
        let profile = watcher.take();
        assert_eq!(profile.total(Unit::Ticks), report.receipt.gas.time);
        let text = folded(&profile, Unit::Ticks);
        let turns = |count| vec!["main:2"; count].join(";");
        // 5, 4, 3 are active when 3 goes on, and 2, 1, 0 with what throws are gone.
        assert!(text.contains(&format!("main:4;{};main:1 ", turns(3))), "{text}");
        assert!(text.contains(&format!("main:4;{};main:0 ", turns(6))), "{text}");
        let paths = text.lines().filter(|line| line.contains("main:1 ")).count();
        assert_eq!(paths, 1, "it is called once before the trap: {text}");
    }
    let direct = parts(
        r#"(module (tag $e) (func $after nop)
        (func $direct (block $caught (try_table (catch_all $caught) (throw $e))))
        (func $leaf (throw $e))
        (func $above (block $caught (try_table (catch_all $caught) (call $leaf))) (call $after))
        (func (export "_start") (call $direct) (call $above) (call $after)))"#,
    );
    let watcher = Watcher::calls();
    let engine = WasmtimeEngine::builder().watcher(watcher.clone()).build().unwrap();
    let report = run(Arc::new(engine), deployed(direct).node(), run_of).1.unwrap();
    assert_eq!(report.outcome, Outcome::null());
    let text = folded(&watcher.take(), Unit::Ticks);
    for path in ["main:4;main:1 ", "main:4;main:3;main:2 ", "main:4;main:3;main:0 ", "main:4;main:0 "] {
        assert!(text.contains(path), "{path}: {text}");
    }
    assert_eq!(text.lines().filter(|line| line.contains("main:0 ")).count(), 2, "{text}");
}

#[test]
fn failures_are_watched_to_their_last_tick() {
    let of = |body: &str| {
        parts(&format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory 1)
            (func $f (param i32) (local i64 i64) {body})
            (func (export "_start") (call $f (i32.const 1)) (call $f (i32.const 0))))"#
        ))
    };
    for (body, frames) in [
        ("(drop (i32.div_u (i32.const 1) (local.get 0)))", 2),
        ("(drop (i32.load (i32.const 65536)))", 2),
        ("unreachable", 2),
        ("(call $exit (i32.const 3))", 2),
        ("(call $f (local.get 0))", 128),
    ] {
        let (report, _) = profiled(Params::default(), &of(body));
        assert_eq!(report.fingerprint.expect("it failed").frames.len(), frames, "{body}");
    }
    for gas_time in (0..60).map(|step| 1_000 + step * 997) {
        let mut params = Params::default();
        params.limits.gas_time = gas_time;
        let (report, _) = profiled(params, &of("(loop (br 0))"));
        assert!(matches!(report.outcome, Outcome::VmError(VmError::OutOf(_))));
        assert_eq!(report.receipt.gas.time, gas_time);
    }
}

#[test]
fn sub_vms_stand_below_the_calls_that_started_them() {
    let (sandbox, length) =
        embedded(r#"{"Sandbox":{"allow_send_messages":false,"allow_write_storage":false,"data":b#}}"#);
    let (block, block_length) = embedded(r#"{"RunNondet":{"data_leader":b#01,"data_validator":b#}}"#);
    let start = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (memory 1) (data (i32.const 1024) "{sandbox}") (data (i32.const 2048) "{block}")
        (func $below (drop (call $gl (i32.const 1024) (i32.const {length}) (i32.const 512))))
        (func $beside (drop (call $gl (i32.const 2048) (i32.const {block_length}) (i32.const 512))))
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 4096))
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            ;; Children do the same, until there is no gas left.
            (call $below) (call $beside)))"#
    );
    let mut params = Params::default();
    params.limits.gas_time = 3_000_000;
    params.limits.gas_time_nondet = 200_000;
    let (_, profile) = profiled(params, &parts(&start));
    let text = folded(&profile, Unit::Ticks);
    assert!(text.contains(";gl_call (host);(deterministic);main:"), "{text}");
    assert!(
        profile.nodes().iter().all(|node| node.parent.is_none_or(|parent| (parent as usize) < profile.nodes().len()))
    );
}

#[test]
fn paths_without_end_are_folded() {
    // Each level calls the next in two ways: 2^15 paths.
    let mut text = String::from("(module (func $f0)");
    for level in 1..=15 {
        text += &format!("(func $f{level} (call $g{level}) (call $h{level}))");
        text += &format!("(func $g{level} (call $f{0})) (func $h{level} (call $f{0}))", level - 1);
    }
    text += r#"(func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "_start") (call $f15) (call $deep (i32.const 5000))))"#;
    let mut params = Params::default();
    params.limits.gas_time = 1 << 40;
    let (report, profile) = profiled(params, &parts(&text));
    assert_eq!(report.outcome, Outcome::null());
    assert!(profile.is_folded() && profile.nodes().len() <= 1 << 16);
}

#[test]
fn speedscope_has_every_path() {
    let start = r#"(module (func $leaf nop) (func (export "_start") (call $leaf)))"#;
    let (report, profile) = profiled(Params::default(), &parts(start));
    let text = profile.speedscope("a \"run\"\n", &names(&profile));
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let gas = &json["profiles"][0];
    assert_eq!((gas["type"].as_str(), gas["endValue"].as_u64()), (Some("sampled"), Some(report.receipt.gas.time)));
    let (samples, weights) = (gas["samples"].as_array().unwrap(), gas["weights"].as_array().unwrap());
    assert_eq!(samples.len(), weights.len());
    assert_eq!(weights.iter().map(|weight| weight.as_u64().unwrap()).sum::<u64>(), report.receipt.gas.time);
    let frames = json["shared"]["frames"].as_array().unwrap().len() as u64;
    assert!(samples.iter().flat_map(|sample| sample.as_array().unwrap()).all(|at| at.as_u64().unwrap() < frames));
}

#[test]
fn no_guest_can_name_what_watched_modules_call() {
    let start = r#"(module (import "$subvm:watch" "enter" (func (param i32 i64))) (func (export "_start")))"#;
    let (report, _) = profiled(Params::default(), &parts(start));
    assert!(matches!(report.outcome, Outcome::VmError(VmError::InvalidContract(_))));
}
