//! Modules that are generated: whatever an initialisation does to memories, globals, tables and segments, a run goes on from there.

use proptest::prelude::*;
use subvm_host_std::snapshot::{Options, SnapshotError};

use crate::{Maker, same, text};

/// What a step may touch, so that each way of writing a snapshot is come to.
#[derive(Clone, Copy, Debug)]
struct Touches {
    tables: bool,
    segments: bool,
}

fn function() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "(ref.func $f0)",
        "(ref.func $f1)",
        "(ref.func $f2)",
        "(ref.func $odd)",
        "(ref.null func)",
    ])
}

/// A step, as text. What it is applied to may be too short for it: then it traps.
fn step(touches: Touches) -> BoxedStrategy<String> {
    let small = || 0u32..6;
    let memory = || prop::sample::select(vec!["$m", "$n"]);
    let table = || prop::sample::select(vec!["$t", "$u"]);
    let mut steps = vec![
        (memory(), 0u32..5_000, any::<u64>())
            .prop_map(|(memory, at, value)| format!("(i64.store {memory} (i32.const {at}) (i64.const {value}))"))
            .boxed(),
        (memory(), 0u32..2).prop_map(|(memory, by)| format!("(drop (memory.grow {memory} (i32.const {by})))")).boxed(),
        (memory(), 0u32..66_000, any::<u8>(), 0u32..3_000)
            .prop_map(|(memory, at, byte, len)| {
                format!("(memory.fill {memory} (i32.const {at}) (i32.const {byte}) (i32.const {len}))")
            })
            .boxed(),
        (0u32..4_000, 0u32..4_000, 0u32..900)
            .prop_map(|(to, from, len)| {
                format!("(memory.copy $n $m (i32.const {to}) (i32.const {from}) (i32.const {len}))")
            })
            .boxed(),
        any::<u32>().prop_map(|value| format!("(global.set $a (i32.const {value}))")).boxed(),
        any::<u64>().prop_map(|value| format!("(global.set $b (i64.const {value}))")).boxed(),
        any::<u64>().prop_map(|bits| format!("(global.set $c (f64.reinterpret_i64 (i64.const {bits})))")).boxed(),
    ];
    if touches.segments {
        let data = || prop::sample::select(vec!["$d0", "$d1", "$written"]);
        steps.push(
            (data(), 0u32..5_000, small(), small())
                .prop_map(|(data, to, from, len)| {
                    format!("(memory.init $m {data} (i32.const {to}) (i32.const {from}) (i32.const {len}))")
                })
                .boxed(),
        );
        steps.push(data().prop_map(|data| format!("(data.drop {data})")).boxed());
    }
    if touches.tables {
        let elements = || prop::sample::select(vec!["$e0", "$e1", "$placed"]);
        let sets = (table(), small(), function())
            .prop_map(|(table, at, function)| format!("(table.set {table} (i32.const {at}) {function})"));
        steps.push(sets.boxed());
        let grows = (table(), function(), 0u32..3)
            .prop_map(|(table, function, by)| format!("(drop (table.grow {table} {function} (i32.const {by})))"));
        steps.push(grows.boxed());
        let copies = (table(), table(), small(), small(), small()).prop_map(|(to, from, at, of, len)| {
            format!("(table.copy {to} {from} (i32.const {at}) (i32.const {of}) (i32.const {len}))")
        });
        steps.push(copies.boxed());
        let fills = (table(), small(), function(), small()).prop_map(|(table, at, function, len)| {
            format!("(table.fill {table} (i32.const {at}) {function} (i32.const {len}))")
        });
        steps.push(fills.boxed());
        let inits = (table(), elements(), small(), small(), small()).prop_map(|(table, of, at, from, len)| {
            format!("(table.init {table} {of} (i32.const {at}) (i32.const {from}) (i32.const {len}))")
        });
        steps.push(inits.boxed());
        steps.push(elements().prop_map(|elements| format!("(elem.drop {elements})")).boxed());
        steps.push(
            (table(), small())
                .prop_map(|(table, at)| format!("(global.set $r (table.get {table} (i32.const {at})))"))
                .boxed(),
        );
        steps.push(function().prop_map(|function| format!("(global.set $r {function})")).boxed());
    }
    prop::strategy::Union::new(steps).boxed()
}

/// A module that initialises itself with some steps, goes on with others, and prints all that can be seen of it.
fn module(touches: Touches, before: &[String], after: &[String]) -> String {
    // Identities of functions: what each returns; one of another type traps.
    let probe = |table: &str, at: u32| {
        format!(
            "(if (i32.lt_u (i32.const {at}) (table.size {table})) (then (call $note (if (result i32) (ref.is_null (table.get {table} (i32.const {at}))) \
             (then (i32.const 99)) (else (call_indirect {table} (type $v) (i32.const {at})))))))"
        )
    };
    let probes: String = (0..8).flat_map(|at| [probe("$t", at), probe("$u", at)]).collect();
    let (global, held) = if touches.tables {
        (
            "(global $r (mut funcref) (ref.func $f2))",
            "(table.set $u (i32.const 0) (global.get $r)) (call $note (ref.is_null (table.get $u (i32.const 0)))) ",
        )
    } else {
        ("", "")
    };
    let held_probe = if touches.tables { probe("$u", 0) } else { String::new() };
    format!(
        r#"(module (type $v (func (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (memory $m 1 4) (memory $n 1 3) (table $t 3 7 funcref) (table $u 2 6 funcref)
        (global $a (mut i32) (i32.const 3)) (global $b (mut i64) (i64.const 4)) (global $c (mut f64) (f64.const 5)) {global}
        (global $at (mut i32) (i32.const 20000))
        (data $d0 "passive") (data $written (memory $m) (i32.const 300) "active") (data $d1 "\00\00other\00") (data (memory $n) (i32.const 65530) "other")
        (elem $e0 func $f0 $odd $f2) (elem $placed (table $t) (i32.const 1) func $f1 $f0) (elem $e1 funcref (ref.func $f2) (ref.null func)) (elem declare func $f0 $f1 $f2 $odd)
        (func $f0 (result i32) i32.const 10) (func $f1 (result i32) i32.const 11) (func $f2 (result i32) i32.const 12) (func $odd (param i32) (result i32) i32.const 13)
        (func $note (param i32) (i32.store $m (global.get $at) (local.get 0)) (global.set $at (i32.add (global.get $at) (i32.const 4))))
        (func $print (param $from i32) (param $len i32)
            (i32.store $m (i32.const 65000) (local.get $from)) (i32.store $m (i32.const 65004) (local.get $len))
            (if (call $fd_write (i32.const 1) (i32.const 65000) (i32.const 1) (i32.const 65008)) (then unreachable)))
        (func (export "snapshot") {})
        (func (export "_start") {}
            (call $note (memory.size $m)) (call $note (memory.size $n)) (call $note (table.size $t)) (call $note (table.size $u)) (call $note (global.get $a))
            (i64.store $m (i32.const 20100) (global.get $b)) (f64.store $m (i32.const 20108) (global.get $c))
            (call $print (i32.const 0) (i32.const 24000))
            (memory.copy $m $n (i32.const 0) (i32.const 0) (i32.const 40000)) (call $print (i32.const 0) (i32.const 40000))
            (memory.copy $m $n (i32.const 0) (i32.const 60000) (i32.const 5536)) (call $print (i32.const 0) (i32.const 6000))
            {probes} (call $print (i32.const 20000) (i32.const 200)) {held} {held_probe} (call $print (i32.const 20000) (i32.const 200))))"#,
        before.join(" "),
        after.join(" ")
    )
}

fn modules() -> impl Strategy<Value = String> {
    (any::<bool>(), any::<bool>()).prop_flat_map(|(tables, segments)| {
        let touches = Touches { tables, segments };
        let steps = |most| prop::collection::vec(step(touches), 0..most);
        (steps(12), steps(6)).prop_map(move |(before, after)| module(touches, &before, &after))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_run_goes_on_from_what_an_initialisation_left(module in modules(), on_wasmtime in 0u8..4) {
        let makers: &[Maker] = if on_wasmtime == 0 { &[Maker::Wasmi, Maker::Wasmtime] } else { &[Maker::Wasmi] };
        match same(makers, &text(&module), &Options::default()) {
            Ok(_) | Err(SnapshotError::Failed { .. }) => {}
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }
}
