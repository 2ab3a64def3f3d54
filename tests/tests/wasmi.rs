//! What wasmi needs that wasmtime does not: stores that it cannot translate, frames that it cannot list, its own bounds.

use std::thread;

use subvm_core::{FloatPolicy, Invalid, Library, Outcome, Params, Parts, Report, Trap, VmError};
use subvm_host_std::lower::{Limit, Options, Refusal, lower};
use subvm_tests::engines::{parts, run_both};

fn module(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{wat}"))
}

/// A run on both, under these parameters.
fn under(params: Params, libraries: &[(&str, &str)], start: &str) -> Report {
    let library = |(name, wat): &(&str, &str)| Library { name: (*name).into(), wasm: module(wat).into() };
    let libraries = libraries.iter().map(library).collect();
    run_both(params, &Parts { libraries, ..parts(start) })
}

fn both(libraries: &[(&str, &str)], start: &str) -> Report {
    under(Params::default(), libraries, start)
}

fn frames(report: &Report) -> Vec<(&str, u32)> {
    let frames = &report.fingerprint.as_ref().expect("it failed").frames;
    frames.iter().map(|frame| (&frame.module_name[..], frame.func)).collect()
}

fn trapped(report: &Report, trap: Trap) {
    assert_eq!(report.outcome, Outcome::VmError(VmError::Trap(trap)), "{:?}", report.diagnostics);
}

/// wasmi 2.0.0 panics where address and value of a far store are one local, unless lowering keeps them apart; and without its feature
/// memory64 it reads far stores of lanes otherwise than it wrote them.
#[test]
fn stores_whose_address_and_value_are_one_local() {
    let wide = "(i64.extend_i32_u (local.get $p))";
    for (store, value) in [
        ("i32.store", "(local.get $p)"),
        ("i32.store8", "(local.get $p)"),
        ("i32.store16", "(local.get $p)"),
        ("i64.store", wide),
        ("i64.store8", wide),
        ("i64.store16", wide),
        ("i64.store32", wide),
        ("f32.store", "(f32.reinterpret_i32 (local.get $p))"),
        ("f64.store", "(f64.reinterpret_i64 (i64.extend_i32_u (local.get $p)))"),
        ("v128.store", "(i32x4.splat (local.get $p))"),
        ("v128.store8_lane", "(i32x4.splat (local.get $p)) 0"),
        ("v128.store16_lane", "(i32x4.splat (local.get $p)) 0"),
        ("v128.store32_lane", "(i32x4.splat (local.get $p)) 0"),
        ("v128.store64_lane", "(i32x4.splat (local.get $p)) 0"),
    ] {
        let (value, lane) = value.strip_suffix(" 0").map_or((value, ""), |value| (value, "0"));
        for place in ["", "offset=65535", "offset=65536", "offset=70000", "1", "1 offset=70000"] {
            for address in ["(local.tee $p (i32.add (local.get $p) (i32.const 64)))", "(local.get $p)"] {
                let start = format!(
                    "(module (memory 2) (memory 2) (func (export \"_start\") (local $p i32)
                        (local.set $p (i32.add (local.get $p) (i32.const 0x1f0)))
                        ({store} {place} {lane} {address} {value}) unreachable))"
                );
                println!("{store} {place} {address}");
                trapped(&both(&[], &start), Trap::Unreachable);
            }
        }
    }
}

/// The most that lowering accepts of a function's locals and operands is something that wasmi can translate.
#[test]
fn as_many_locals_and_operands_as_may_be() {
    let of = |locals: usize, ty: &str, operands: usize| {
        format!(
            "(module (func $f (local {}) {} {}) (func (export \"_start\") (call $f) unreachable))",
            format!("{ty} ").repeat(locals),
            "local.get 5 ".repeat(operands),
            "drop ".repeat(operands)
        )
    };
    trapped(&both(&[], &of(20_000, "i64", 19_990)), Trap::Unreachable);
    trapped(&both(&[], &of(10_000, "v128", 9_990)), Trap::Unreachable);
    let refused = |locals| lower(&module(&of(locals, "v128", 1)), &Options::default()).map(drop);
    assert_eq!(refused(10_000), Ok(()));
    assert_eq!(refused(10_001), Err(Refusal::Limit { which: Limit::Locals, found: 20_002 }));
    let report = both(&[], &of(20_000, "v128", 1));
    assert_eq!(report.outcome, Outcome::VmError(VmError::InvalidContract(Invalid::WasmValidating)));
}

/// Calls that go back and forth between modules, each with memories of its own.
#[test]
fn frames_of_several_modules_in_the_order_of_their_calls() {
    let library = r#"(module
        (memory (export "m") 2) (memory $own 1)
        (data $own (i32.const 8) "own")
        (table (export "back") 2 funcref)
        (type $f (func (param i32)))
        (func $middle (export "middle") (param i32)
            (i32.store $own (i32.const 16) (i32.load $own (i32.const 8)))
            (memory.fill $own (i32.const 32) (i32.const 7) (memory.size $own))
            (drop (memory.grow $own (i32.const 1)))
            (i32.store8 $own offset=65536 (local.get 0) (local.get 0))
            (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
        (func (export "other") (param i32) (call $middle (local.get 0))))"#;
    let start = r#"(module
        (import "lib" "middle" (func $middle (param i32)))
        (import "lib" "other" (func $other (param i32)))
        (import "lib" "back" (table 2 funcref))
        (import "lib" "m" (memory 1))
        (memory $mine 1)
        (elem (i32.const 0) $turn)
        (func $turn (param i32)
            (memory.fill (i32.const 40) (i32.const 9) (i32.const 3))
            (memory.copy $mine 0 (i32.const 50) (i32.const 40) (i32.const 8))
            (i64.store $mine (i32.const 0) (i64.load (i32.const 24)))
            (if (i32.eqz (local.get 0)) (then (call $leaf)))
            (if (i32.and (local.get 0) (i32.const 1)) (then (call $middle (local.get 0))) (else (call $other (local.get 0)))))
        (func $leaf (drop (i32.div_u (i32.const 1) (i32.const 0))))
        (func (export "_start") (call $turn (i32.const 2))))"#;
    let report = both(&[("lib", library)], start);
    trapped(&report, Trap::IntegerDivideByZero);
    let (turn, middle) = (("main", 2), ("lib", 0));
    assert_eq!(frames(&report), [("main", 3), turn, middle, turn, middle, ("lib", 1), turn, ("main", 4)]);
}

/// A tail call takes its caller's frame away, but for one that traps itself.
#[test]
fn frames_of_tail_calls() {
    let tail = |tail: &str| {
        let start = format!(
            r#"(module
            (type $f (func (param i32))) (type $g (func (param i64)))
            (table 3 funcref) (elem (i32.const 0) $leaf $callee)
            (func $leaf (param i32) unreachable)
            (func $callee (param i32) (call $leaf (local.get 0)))
            (func $tail (param i32) {tail})
            (func $twice (param i32) (return_call $tail (local.get 0)))
            (func (export "_start") (call $twice (i32.const 5))))"#
        );
        let report = both(&[], &start);
        let shown = frames(&report).iter().map(|(_, func)| *func).collect::<Vec<_>>();
        (report.outcome, shown)
    };
    let trap = |trap| Outcome::VmError(VmError::Trap(trap));
    let indirect = |ty: &str, argument: &str, index: u32| {
        tail(&format!("(return_call_indirect (type {ty}) {argument} (i32.const {index}))"))
    };
    let i32 = "(local.get 0)";
    assert_eq!(tail("(return_call $callee (local.get 0))"), (trap(Trap::Unreachable), vec![0, 1, 4]));
    assert_eq!(indirect("$f", i32, 1), (trap(Trap::Unreachable), vec![0, 1, 4]));
    assert_eq!(indirect("$f", i32, 0), (trap(Trap::Unreachable), vec![0, 4]));
    assert_eq!(indirect("$f", i32, 2), (trap(Trap::IndirectCallToNull), vec![2, 4]));
    assert_eq!(indirect("$f", i32, 3), (trap(Trap::TableOutOfBounds), vec![2, 4]));
    assert_eq!(indirect("$g", "(i64.const 0)", 1), (trap(Trap::BadSignature), vec![2, 4]));
}

/// A tail call that returned is nobody's frame, even where as much of the stack is left as when it was made.
#[test]
fn frames_after_a_tail_call() {
    let start = r#"(module
        (table 2 funcref) (elem (i32.const 0) $fine)
        (func $fine)
        (func $tail (return_call_indirect (i32.const 0)))
        (func (export "_start") (call $tail) (call_indirect (i32.const 1))))"#;
    let report = both(&[], start);
    trapped(&report, Trap::IndirectCallToNull);
    assert_eq!(frames(&report), [("main", 2)]);
}

/// A stack overflow, in a function that calls itself, in one that calls nothing, and within a library.
#[test]
fn frames_of_a_stack_overflow() {
    let endless = r#"(module (func $f (param i64) (local i64 i64) (call $f (local.get 0)) (call $g))
        (func $g) (func (export "_start") (call $f (i64.const 1))))"#;
    trapped(&both(&[], endless), Trap::StackOverflow);
    // A leaf with a large frame, where little is left.
    let leaf = format!(
        r#"(module (func $leaf (local {})) (func $f (call $leaf) (call $f)) (func (export "_start") (call $f)))"#,
        "i64 ".repeat(20_000)
    );
    // Its locals are paid for at each call.
    let mut params = Params::default();
    params.limits.gas_time = 1 << 40;
    let report = under(params, &[], &leaf);
    trapped(&report, Trap::StackOverflow);
    assert_eq!(frames(&report)[..2], [("main", 0), ("main", 1)]);
    let library = r#"(module (func $f (export "f") (call $f)))"#;
    let start = r#"(module (import "lib" "f" (func $f)) (func (export "_start") (call $f)))"#;
    let report = both(&[("lib", library)], start);
    trapped(&report, Trap::StackOverflow);
    assert_eq!(frames(&report)[..3], [("lib", 0); 3]);
}

/// Memories are charged before tables, whatever the engine makes first; of several imports the first that does not fit decides.
#[test]
fn ram_is_charged_in_one_order() {
    let start = r#"(module (table 100000 funcref) (table 100000 funcref) (memory 100) (memory 100) (func (export "_start") unreachable))"#;
    for ram in (0..40).map(|step| step * 700_000) {
        let mut params = Params::default();
        params.limits.ram = ram;
        under(params, &[], start);
    }
}

/// Every policy, over instructions that each treats in its own way.
#[test]
fn floats_under_every_policy() {
    for floats in [FloatPolicy::Soft, FloatPolicy::Canonical, FloatPolicy::Trap] {
        for body in [
            "(f64.store (i32.const 8) (f64.div (f64.const 1) (f64.const 3)))",
            "(f32.store (i32.const 8) (f32.sqrt (f32.const -1)))",
            "(i32.store (i32.const 8) (i32.trunc_f64_s (f64.const 1e30)))",
            "(i32.store (i32.const 8) (i32.trunc_f32_u (f32.const nan)))",
            "(v128.store (i32.const 8) (f32x4.min (f32x4.splat (f32.const nan:0x200000)) (f32x4.splat (f32.const 0))))",
            "(f64.store (i32.const 8) (f64.promote_f32 (f32.const nan:0x200000)))",
            "(f64.store (i32.const 8) (f64.load (i32.const 16)))",
        ] {
            let params = Params { floats, ..Params::default() };
            under(params, &[], &format!("(module (memory 1) (func (export \"_start\") {body} unreachable))"));
        }
    }
}

/// 512 nested sub-VMs do not use up the stack of the thread that runs the first, however small it is.
#[test]
fn a_deep_nest_takes_little_of_the_callers_stack() {
    let request = subvm_tests::transaction::embedded(
        r#"{"Sandbox": {"data": b#, "allow_write_storage": true, "allow_send_messages": false}}"#,
    );
    let start = format!(
        r#"(module (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 1024) "{}")
        (func (export "_start") (drop (call $gl_call (i32.const 1024) (i32.const {}) (i32.const 128)))))"#,
        request.0, request.1
    );
    // What wasmtime itself needs, and then 2 MiB.
    let run = move || assert_eq!(both(&[], &start).outcome, Outcome::null());
    thread::Builder::new().stack_size(3 << 20).spawn(run).unwrap().join().unwrap();
}
