//! What a run costs the node, on both engines: instances, growth, frames.

use subvm_core::costs::Limits;
use subvm_core::{Outcome, Params, Resource, Trap, VmError};
use subvm_tests::engines::{parts, run_both};

#[test]
fn what_an_instance_takes_of_the_node_is_charged() {
    let peak = |functions: &str| {
        let start = format!(r#"(module {functions} (func (export "_start")))"#);
        run_both(Params::default(), &parts(&start)).ram_peak
    };
    let more = peak(&"(func)".repeat(1_000)) - peak("");
    assert!(more >= 32 * 1_000, "{more}");
}

/// Functions, globals and segments are set up anew whenever a sub-VM starts.
#[test]
fn what_is_set_up_at_a_start_is_paid_for() {
    let of = |items: usize| {
        let start = format!(r#"(module (func $f (export "_start")) (func $g) (elem func {}))"#, "$g ".repeat(items));
        parts(&start)
    };
    let ticks = |items| run_both(Params::default(), &of(items)).receipt.gas.time;
    assert_eq!(ticks(0), ticks(500), "little is included");
    // 16 bytes of RAM for each item.
    assert_eq!(ticks(3_000) - ticks(2_000), 16_000);
    assert!(ticks(100_000) > 1_580_000);
    let limits = Limits { gas_time: 1_000_000, ..Limits::default() };
    let params = Params { limits, ..Params::default() };
    let report = run_both(params, &of(100_000));
    assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasTime)));
    assert_eq!(report.receipt.gas.time, 1_000_000);
}

/// A budget above what a memory or a table can ever have: what fails for its type costs nothing either.
#[test]
fn growth_beyond_what_the_type_can_have_costs_nothing_however_large_the_budget() {
    let start = |memory: &str, table: &str, probes: &str| {
        format!(
            r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") {memory})
            (memory $small 1 2)
            (table $t {table} funcref)
            (func (export "_start") {probes}))"#
        )
    };
    let fails =
        |code: u32, grow: &str| format!("(if (i32.ne {grow} (i32.const -1)) (then (call $exit (i32.const {code}))))");
    let mut params = Params::default();
    (params.limits.ram, params.limits.gas_time) = (1 << 60, i64::MAX as u64);
    for (memory, table) in [("1", "1"), ("1 65536", "1 4294967295"), ("1 100", "1 5")] {
        let probes = [
            fails(1, "(memory.grow (i32.const 65536))"),
            fails(2, "(memory.grow (i32.const -1))"),
            fails(3, "(memory.grow $small (i32.const 2))"),
            fails(4, "(memory.grow $small (i32.const -1))"),
            fails(5, "(table.grow $t (ref.null func) (i32.const -1))"),
        ];
        let peak = |probes: &str| {
            let report = run_both(params.clone(), &parts(&start(memory, table, probes)));
            assert_eq!(report.outcome, Outcome::null(), "{memory}, {table}");
            report.ram_peak
        };
        assert_eq!(peak(&probes.concat()), peak(""), "{memory}, {table}");
    }
}

/// The engine would copy a function's name for each of its frames.
#[test]
fn long_names_cost_nothing_at_a_trap() {
    let start = format!(r#"(module (func ${0} (export "_start") (call ${0})))"#, "n".repeat(99_000));
    let report = run_both(Params::default(), &parts(&start));
    assert_eq!(report.outcome, Outcome::VmError(VmError::Trap(Trap::StackOverflow)));
    assert_eq!(report.fingerprint.unwrap().frames.len(), 128);
}

/// A function that calls itself three calls below the entry, and divides softly at the end: what lowering added is no frame.
#[test]
fn a_fingerprint_lists_the_innermost_frames() {
    const DEEP: &str = r#"(module
        (func $entry (export "_start") (call $middle (i32.const 2000)))
        (func $middle (param i32) (call $deep (local.get 0)))
        (func $deep (param i32)
            (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))))
            (drop (i32.trunc_f64_s (f64.div (f64.const 1) (f64.const 0))))))"#;
    let of = |fingerprint_frames, wat: &str| {
        let limits = Limits { fingerprint_frames, ..Limits::default() };
        let params = Params { limits, ..Params::default() };
        let report = run_both(params, &parts(wat));
        let frames: Vec<u32> = report.fingerprint.unwrap().frames.iter().map(|frame| frame.func).collect();
        (frames, report.receipt.result.len())
    };
    for (limit, listed) in [(0, 0), (1, 1), (1024, 1024), (1025, 1024), (u32::MAX, 1024)] {
        assert_eq!(of(limit, DEEP).0, vec![2; listed], "{limit}");
    }
    let shallow = DEEP.replace("2000", "2");
    assert_eq!(of(4, &shallow).0, [2, 2, 2, 1]);
    assert_eq!(of(5, &shallow).0, [2, 2, 2, 1, 0]);
    // A name of 64 bytes, as deep as it goes.
    let endless = format!(r#"(module ${} (func $f (export "") (call $f)))"#, "a".repeat(64));
    let (frames, bytes) = of(128, &endless);
    assert!(frames.len() == 128 && bytes < 16_384, "{bytes}");
}

/// wasmtime makes a heap for references beside the memories of a module that has some: it is no memory of the guest's, and takes no memory's place.
#[test]
fn memories_are_charged_beside_tables_of_references() {
    let peak = |fields: &str| {
        run_both(Params::default(), &parts(&format!(r#"(module {fields} (func (export "_start")))"#))).ram_peak
    };
    for table in ["(table 1 externref)", "(table 1 funcref)", "(global externref (ref.null extern))", ""] {
        for (memory, bytes) in [("(memory 4)", 4 << 16), ("(memory 0)", 0)] {
            let more = peak(&format!("{table} {memory}")) - peak(table);
            // What an instance takes of the node is charged for a memory too.
            assert!((bytes..bytes + 4_096).contains(&more), "{table} {memory}: {more}");
        }
    }
}
