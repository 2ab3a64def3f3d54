//! A planted fault is found: its function, its instruction, both values; and where there is none, none is found.

use subvm_host_std::look::{Bisected, Divergence, Fault};
use subvm_tests::engines::parts;

use crate::support::{ENGINES, Makes, bisected, on_wasmi, on_wasmtime, recorded, sandboxed};

/// Rounds numbers in function 1, which adds them up in memory by way of function 2; what it rounds is never half way, but once.
const ROUNDS: &str = r#"(module
    (memory (export "memory") 1)
    (func $rounds (param f64) (result i64) (i64.trunc_f64_s (f64.nearest (local.get 0))))
    (func $adds (param i32 f64)
        (i64.store (i32.const 1024) (i64.add (i64.load (i32.const 1024)) (call $rounds (local.get 1))))
        (i64.store (local.get 0) (i64.load (i32.const 1024))))
    (func $loops (param $from f64) (local $i i32)
        (loop
            (call $adds (i32.mul (local.get $i) (i32.const 8)) (f64.add (local.get $from) (f64.convert_i32_u (local.get $i))))
            (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100)))))
    (func (export "_start")
        (call $loops (f64.const 0.25))
        (call $loops (f64.const 1000.25))
        (call $adds (i32.const 800) (f64.const 7.75))
        (call $loops (f64.const 0.25))))"#;

fn divergence(bisected: Bisected) -> Divergence {
    match bisected {
        Bisected::Differ(found) => *found,
        same => panic!("{same:?}"),
    }
}

#[test]
fn one_wrong_value_is_found_at_its_instruction() {
    let (recording, _) = recorded(parts(ROUNDS));
    for (first, a) in ENGINES {
        for (second, b) in ENGINES {
            let found = divergence(bisected(&recording, [a, b], Some(Fault { function: 0 })));
            let instruction = found.instruction.as_ref().expect("it is named");
            assert_eq!((instruction.function, instruction.text.as_str()), (0, "f64.nearest"), "{first}, {second}");
            let value = found.value.as_ref().unwrap();
            let values = (f64::from_bits(value.a.unwrap().value), f64::from_bits(value.b.unwrap().value));
            // The one that floor rounds otherwise.
            assert_eq!(values, (8.0, 7.0), "{first}, {second}");
            assert!(found.replays < 100, "{}", found.replays);
        }
    }
}

#[test]
fn where_nothing_is_wrong_nothing_is_found() {
    let (recording, _) = recorded(parts(ROUNDS));
    let same = bisected(&recording, [on_wasmtime, on_wasmi], None);
    assert!(matches!(same, Bisected::Same { values, .. } if values > 1_000), "{same:?}");
    // No value is half way in function 1.
    let same = bisected(&recording, [on_wasmtime, on_wasmi], Some(Fault { function: 1 }));
    assert!(matches!(same, Bisected::Same { .. }), "{same:?}");
}

#[test]
fn what_differs_in_memory_and_globals_is_named() {
    // Wrong twice: what is seen is the first.
    let module = r#"(module
        (memory 1) (global $g (mut f64) (f64.const 0))
        (func (export "_start") (local $i i32)
            (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))
            (f64.store (i32.const 64) (f64.nearest (f64.const 3.75)))
            (global.set $g (f64.nearest (f64.const 9.75)))))"#;
    let (recording, _) = recorded(parts(module));
    let found = divergence(bisected(&recording, [on_wasmtime, on_wasmi], Some(Fault { function: 0 })));
    assert_eq!(f64::from_bits(found.value.as_ref().unwrap().a.unwrap().value), 4.0);
    // 3.0 and 4.0 differ in one byte, little-endian the seventh.
    let bytes = &found.bytes[0];
    assert_eq!((bytes.memory, bytes.page(), bytes.address, bytes.len), (0, 0, 70, 1), "{found:?}");
    assert!(found.globals.len() <= 1, "{found:?}");
}

/// Engines list exports in orders of their own, and lowering keeps answers behind the guest's globals.
#[test]
fn many_globals_are_compared_each_with_itself_and_answers_that_are_kept_are_not() {
    let globals: String = (0..14)
        .map(|number| match number % 2 {
            0 => format!("(global (mut i32) (i32.const {number}))"),
            _ => format!("(global (mut i64) (i64.const {number}))"),
        })
        .collect();
    let module = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
            (memory 1) {globals}
            (func (export "_start") (local $i i32)
                (loop (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 8)))
                    (drop (call $prestat (i32.const 3) (i32.const 16)))
                    (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 500))))
                (f64.store (i32.const 64) (f64.nearest (f64.const 3.75)))))"#
    );
    let (recording, _) = recorded(parts(&module));
    let found = divergence(bisected(&recording, [on_wasmtime, on_wasmi], Some(Fault { function: 2 })));
    assert_eq!(found.instruction.as_ref().unwrap().text, "f64.nearest");
    assert!(found.globals.is_empty(), "{found:?}");
}

#[test]
fn a_fault_in_a_sandbox_is_found_below() {
    let (recording, _) = recorded(parts(&sandboxed()));
    for engines in [[on_wasmtime as Makes, on_wasmi], [on_wasmi, on_wasmtime]] {
        let found = divergence(bisected(&recording, engines, Some(Fault { function: 3 })));
        assert_eq!(found.point.path, [0, 0], "{found:?}");
        assert_eq!(found.instruction.unwrap().text, "f64.nearest");
    }
}
