//! Adversarial programs always end in lowering's stack trap, at the same call, never in an overflow of the native stack.
//!
//! Each recurses without end in a function made to take much more native stack than its operands suggest, on a native
//! stack of 128 bytes for each unit of its budget, the least that the specification allows.

use std::fmt::Write as _;
use std::thread;

use subvm_host_std::lower::{BYTES_PER_UNIT, Floats, Options, RESERVED_BYTES, TrapKind, lower};
use subvm_tests::lowered::{Ending, Generator, Machine, Observed};
use wasmtime::Val;

/// Stack units; the native stack behind them is 32 MiB.
const UNITS: i32 = 1 << 18;

/// Runs `f` until it traps, under each generator on a stack of the reserved size.
fn observe(name: &str, wat: &str, floats: Floats) -> Observed {
    let wasm = wat::parse_str(wat).unwrap_or_else(|error| panic!("{name}: {error}"));
    let lowered = lower(&wasm, &Options { floats, ..Options::default() }).expect("an acceptable module");
    let native = UNITS as usize * BYTES_PER_UNIT + RESERVED_BYTES;
    let observed = Generator::ALL.map(|generator| {
        let lowered = lowered.clone();
        let run = move || {
            let engine = generator.engine_with_stack(native);
            let mut machine = Machine::new(&engine, lowered, 1 << 40, UNITS).expect("an instance");
            machine.call("f", &[Val::I32(1)])
        };
        let thread = thread::Builder::new().stack_size(native + (16 << 20)).spawn(run).expect("a thread");
        thread.join().expect("no panic")
    });
    let [none, speed, pulley] = observed;
    assert_eq!(none.ending, Ending::Lowering(TrapKind::StackOverflow), "{name}, {floats:?}");
    assert_eq!(none, speed, "{name}, {floats:?}: unoptimised and optimised");
    assert_eq!(none, pulley, "{name}, {floats:?}: compiled and interpreted");
    none
}

fn check(name: &str, wat: &str) {
    let soft = observe(name, wat, Floats::Soft);
    let canonical = observe(name, wat, Floats::Canonical);
    assert_eq!(soft, canonical, "{name}");
    assert!(soft.frames.len() > 10, "{name}: {} frames", soft.frames.len());
}

/// A function `f` of one parameter with `locals`, whose body is `body`; `g` does nothing.
fn module(locals: &str, body: &str) -> String {
    format!(
        "(module (memory 1) (func $g (param i32) (result i32) (local.get 0))
            (func $f (export \"f\") (param $n i32) (result i32) {locals} {body}))"
    )
}

const RECURSE: &str = "(call $f (i32.add (local.get $n) (i32.const 1)))";

#[test]
fn a_small_frame() {
    check("small", &module("", RECURSE));
}

#[test]
fn many_locals_all_alive_across_the_call() {
    for (ty, count) in [("i32", 300), ("i64", 300), ("f32", 300), ("f64", 300)] {
        let shift = if ty.starts_with('i') { "add" } else { "mul" };
        let mut body = String::new();
        for local in 0..count {
            let value = match ty {
                "i32" => format!("(i32.load (i32.const {}))", local * 8),
                _ => format!("({ty}.load (i32.const {}))", local * 8),
            };
            write!(body, "(local.set $l{local} {value})").expect("a string grows");
        }
        body += &format!("(local.set $n {RECURSE})");
        for local in 0..count {
            write!(
                body,
                "({ty}.store (i32.const {}) ({ty}.{shift} (local.get $l{local}) (local.get $l{local})))",
                local * 8
            )
            .expect("a string grows");
        }
        body += "(local.get $n)";
        let locals: String = (0..count).map(|local| format!("(local $l{local} {ty})")).collect();
        check(ty, &module(&locals, &body));
    }
}

#[test]
fn vectors_alive_across_the_call() {
    let count = 200;
    let load = |local: usize| format!("(local.set $l{local} (v128.load (i32.const {})))", local * 16);
    let store = |local: usize| {
        format!(
            "(v128.store (i32.const {}) (f32x4.sqrt (f64x2.mul (local.get $l{local}) (local.get $l{local}))))",
            local * 16
        )
    };
    let locals: String = (0..count).map(|local| format!("(local $l{local} v128)")).collect();
    let loads: String = (0..count).map(load).collect();
    let stores: String = (0..count).map(store).collect();
    check("v128", &module(&locals, &format!("{loads} (local.set $n {RECURSE}) {stores} (local.get $n)")));
}

#[test]
fn a_deep_operand_stack_across_the_call() {
    for depth in [50, 2_000] {
        let operands: String = (0..depth).map(|place| format!("(i32.load (i32.const {}))", place * 4)).collect();
        let sum = "(i32.add)".repeat(depth);
        check("operands", &module("", &format!("{operands} {RECURSE} {sum}")));
    }
}

#[test]
fn loops_that_spill() {
    // Values computed before a loop and needed after it, with calls within it.
    let count = 100;
    let before: String = (0..count)
        .map(|local| {
            format!("(local.set $l{local} (i64.mul (i64.load (i32.const {0})) (i64.load (i32.const {0}))))", local * 8)
        })
        .collect();
    let within: String = (0..count)
        .map(|local| {
            format!("(local.set $l{local} (i64.add (local.get $l{local}) (local.get $l{})))", (local * 7 + 3) % count)
        })
        .collect();
    let locals: String = (0..count).map(|local| format!("(local $l{local} i64)")).collect();
    let after: String =
        (0..count).map(|local| format!("(i64.store (i32.const {}) (local.get $l{local}))", local * 8)).collect();
    let body = format!(
        "{before} (loop {within} (local.set $n (call $g (local.get $n)))
            (br_if 0 (i32.eq (local.get $n) (i32.const 0)))) (local.set $n {RECURSE}) {after} (local.get $n)"
    );
    check("loops", &module(&locals, &body));
}

#[test]
fn many_arguments_and_results() {
    let parameters = "(param i64 i64 i64 i64 i64 i64 i64 i64)".repeat(25);
    let results = "(result i64 i64 i64 i64 i64 i64 i64 i64)".repeat(25);
    let arguments: String = (0..200).map(|place| format!("(local.get {})", (place * 13) % 200)).collect();
    let wat = format!(
        "(module (memory 1) (func $h {parameters} {results} {arguments} (call $h))
            (func (export \"f\") (param i32) {} (call $h) {}))",
        "(i64.load (i32.const 8))".repeat(200),
        "(drop)".repeat(200)
    );
    check("arguments", &wat);
}

#[test]
fn calls_in_many_branches() {
    // Each arm needs its values across its own call.
    let arm = |place: usize| {
        format!(
            "(if (i32.eq (local.get $n) (i32.const {place})) (then (return (i32.add (i32.load (i32.const {place})) {RECURSE}))))"
        )
    };
    let arms: String = (1000..1400).map(arm).collect();
    check("branches", &module("", &format!("{arms} {RECURSE}")));
}

/// What a call gives lives across another call, in a place of the frame that no other value shares: a dozen values that
/// always live keep the register allocator from finding a free one.
#[test]
fn results_that_are_spilled_to_places_of_their_own() {
    let types = " v128".repeat(128);
    let loads: String = (1..13).map(|local| format!("(local.set {local} (v128.load (i32.const {local})))")).collect();
    let stores: String = (1..13).map(|local| format!("(v128.store (i32.const {local}) (local.get {local}))")).collect();
    let wat = format!(
        "(module (memory 1) (func $give (result {types}) unreachable) (func $take (param {types})) (func $nop)
            (func $f (export \"f\") (param i32) (result i32) {} (if (i32.load (i32.const 0)) (then {loads}))
                (if (i32.eqz (local.get 0)) (then {}))
                (local.set 0 (call $f (i32.add (local.get 0) (i32.const 1)))) {stores} (local.get 0)))",
        "(local v128)".repeat(12),
        "(call $give) (call $nop) (call $take)".repeat(100)
    );
    check("spills", &wat);
}

#[test]
fn indirect_recursion() {
    let wat = "(module (type $t (func (param i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $f) (memory 1)
        (func $f (export \"f\") (type $t) (f64.store (i32.const 8) (f64.div (f64.load (i32.const 0)) (f64.const 3)))
            (drop (memory.grow (i32.const 0))) (memory.fill (i32.const 0) (i32.const 1) (i32.const 8))
            (call_indirect (type $t) (local.get 0) (i32.const 0))))";
    check("indirect", wat);
}
