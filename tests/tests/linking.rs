//! What linking holds and what it costs: the libraries of a package, in each sub-VM of a nest.

use std::sync::Arc;

use subvm_core::costs::calls::{INSTANCE_BYTES_INCLUDED, LINKED_IMPORT, LINKED_MODULE};
use subvm_core::costs::instructions::{Class, Schedule};
use subvm_core::costs::{LIBRARIES, SUB_VM};
use subvm_core::{Engine, Invalid, Library, Outcome, Params, Parts, Report, Resource, Run, VmError, Wasm, run};
use subvm_tests::engines::{engines, same};
use subvm_tests::transaction::{deployed, embedded, transaction};

fn module(wat: &str) -> Wasm {
    wat::parse_str(wat).unwrap().into()
}

fn parts(start: &str, libraries: &[(String, Wasm)]) -> Parts {
    let libraries = libraries.iter().map(|(name, wasm)| Library { name: name.clone(), wasm: wasm.clone() });
    Parts { start: module(start), libraries: libraries.collect(), ..Parts::default() }
}

fn run_on(engine: Arc<dyn Engine>, parts: &Parts, params: &Params) -> Report {
    let node = deployed(parts.clone()).node();
    run(engine, node, Run { params: Arc::new(params.clone()), ..transaction() }).1.expect("no internal error")
}

/// On both engines, which say the same, to people too.
fn run_within(parts: Parts, params: Params) -> Report {
    let [first, second] = engines().map(|(_, engine)| run_on(engine, &parts, &params));
    same("wasmi", &first, &second);
    assert_eq!(first.diagnostics, second.diagnostics);
    first
}

fn run_parts(parts: Parts) -> Report {
    run_within(parts, Params::default())
}

fn ticks(parts: Parts) -> u64 {
    let report = run_parts(parts);
    assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
    report.receipt.gas.time
}

/// A start module that opens a sandbox in itself, so that each opens the next.
fn nest() -> String {
    let sandbox = r#"{"Sandbox": {"data": b#, "allow_write_storage": false, "allow_send_messages": false}}"#;
    let (request, length) = embedded(sandbox);
    format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32)))
        (memory 1) (data (i32.const 1024) "{request}")
        (func (export "_start") (drop (call $gl (i32.const 1024) (i32.const {length}) (i32.const 16)))))"#
    )
}

/// What a level of a nest allocates and what it is charged, in bytes, on each engine: guests' memories, tables and stacks are mapped beside it
/// by wasmtime, and allocated by wasmi.
fn levels(libraries: &[(String, Wasm)]) -> [(usize, usize); 2] {
    const MORE: u32 = 100;
    let parts = parts(&nest(), libraries);
    engines().map(|(name, engine)| {
        let nested = |depth: u32| {
            let mut params = Params::default();
            params.limits.depth = depth;
            let mut report = None;
            let allocated = allocation_counter::measure(|| report = Some(run_on(engine.clone(), &parts, &params)));
            let report = report.unwrap();
            assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
            (allocated.bytes_max as usize, report.ram_peak as usize)
        };
        // The first run compiles, and keeps what it compiled.
        nested(1);
        let ((few, few_charged), (many, many_charged)) = (nested(1), nested(1 + MORE));
        let [held, charged] = [many - few, many_charged - few_charged].map(|bytes| bytes / MORE as usize);
        eprintln!("{name}: {held} bytes held, {charged} charged");
        (held, charged)
    })
}

/// 16 libraries with as many exports as there may be, in a nest: they were 109 MB a level, of which 8 MB were charged in all.
#[test]
fn a_nest_of_large_libraries_holds_what_it_was_charged() {
    let exports: String = (0..49_990).map(|number| format!("(export \"{number}\" (global 0))")).collect();
    let wasm = module(&format!("(module (global i32 (i32.const 0)) {exports})"));
    let libraries: Vec<(String, Wasm)> = (0..LIBRARIES).map(|number| (format!("lib{number}"), wasm.clone())).collect();
    // A sub-VM is charged for 17 instances and itself, and for a page of memory.
    let model = (LIBRARIES + 1) * 4_096 + SUB_VM as usize;
    for (held, charged) in levels(&libraries) {
        assert!(held <= charged && model + 65_536 <= charged, "{held} bytes held, {charged} charged");
    }
}

/// What stands in an instance's record, as much of it as a module may have: wasmi keeps it in several places.
#[test]
fn a_nest_of_large_instances_holds_little_more_than_it_was_charged() {
    let globals = "(global (mut i64) (i64.const 0))".repeat(4_000);
    let functions = "(func)".repeat(4_000);
    for (what, of) in [("globals", format!("(module {globals})")), ("functions", format!("(module {functions})"))] {
        for (held, charged) in levels(&[("lib".to_owned(), module(&of))]) {
            assert!(held <= 4 * charged, "{what}: {held} bytes held, {charged} charged");
        }
    }
}

/// What a library does not export any more, for no module imports it, can still be meant by what it does with its functions.
#[test]
fn exports_that_nobody_imports_are_missed_by_nobody() {
    let many: String = (0..2_000).map(|number| format!("(export \"{number}\" (func $f)) ")).collect();
    let library = format!(
        r#"(module {many} (table (export "t") 2 funcref) (elem (table 0) (i32.const 0) func $g)
            (func $f (export "f") (result i32) (i32.const 7)) (func $g (result i32) (i32.const 8))
            (func (export "set") (table.set (i32.const 1) (ref.func $f)))
            (func (export "_initialize") (call 2)))"#
    );
    let start = |imported: &str| {
        format!(
            r#"(module (import "lib" "{imported}" (func $f (result i32))) (import "lib" "t" (table 2 funcref)) (type $ty (func (result i32)))
            (func (export "_start")
                (if (i32.ne (call $f) (i32.const 7)) (then unreachable))
                (if (i32.ne (call_indirect (type $ty) (i32.const 1)) (i32.const 7)) (then unreachable))))"#
        )
    };
    let library = [("lib".to_owned(), module(&library))];
    for imported in ["f", "0", "1999"] {
        let report = run_parts(parts(&start(imported), &library));
        assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
    }
    let absent = run_parts(parts(&start("2000"), &library));
    assert_eq!(absent.outcome, Outcome::VmError(VmError::InvalidContract(Invalid::WasmLinking)));
}

#[test]
fn imports_are_paid_where_modules_are_linked() {
    let library = module(r#"(module (global (export "g") i32 (i32.const 0)) (func (export "f")))"#);
    let library = [("lib".to_owned(), library)];
    let start = |imports: &str| format!(r#"(module {imports} (func (export "_start")))"#);
    let unlinked = ticks(parts(&start(""), &library));
    let global = r#"(import "lib" "g" (global i32))"#;
    let function = r#"(import "lib" "f" (func))"#;
    let host = r#"(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))"#;
    for (imports, count) in
        [(global.into(), 1), (function.into(), 1), (host.into(), 1), (global.repeat(5) + function + host, 7)]
    {
        // Their records are within what a start includes.
        assert_eq!(ticks(parts(&start(&imports), &library)) - unlinked, count * LINKED_IMPORT, "{imports}");
    }
    assert_eq!(ticks(parts(&start(&host.repeat(7)), &[])), ticks(parts(&start(""), &[])), "a module alone");
}

#[test]
fn instances_are_paid_beyond_what_a_start_includes() {
    let empty = module("(module)");
    let start = r#"(module (func (export "_start")))"#;
    let with = |count: usize| {
        let libraries: Vec<(String, Wasm)> = (0..count).map(|number| (format!("l{number}"), empty.clone())).collect();
        ticks(parts(start, &libraries))
    };
    let own = 4_096 + 32;
    assert_eq!(with(16) - with(0), (16 * 4_096 + own) - INSTANCE_BYTES_INCLUDED + 17 * LINKED_MODULE);
}

/// What a module declares is paid as if it grew by it.
#[test]
fn declared_memories_and_tables_are_paid_as_growth_is() {
    let start = |declared: &str| format!(r#"(module {declared} (func (export "_start")))"#);
    let price = |class| Schedule::V1.ticks(class);
    let alone = ticks(parts(&start(""), &[]));
    let (page, entry) = (price(Class::GrowPage), price(Class::GrowEntry));
    for (declared, expected) in [
        ("(memory 1)", page),
        ("(memory 1000)", 1_000 * page),
        ("(memory 3) (memory 4)", 7 * page),
        ("(table 1000 funcref)", 1_000 * entry),
        ("(table 5 externref) (table 6 funcref) (memory 0)", 11 * entry),
    ] {
        assert_eq!(ticks(parts(&start(declared), &[])) - alone, expected, "{declared}");
    }
    // Whoever imports a memory makes none.
    let library = [("lib".to_owned(), module(r#"(module (memory (export "m") 10))"#))];
    let imported = r#"(import "lib" "m" (memory 10))"#;
    assert_eq!(ticks(parts(&start(imported), &library)) - ticks(parts(&start(""), &library)), LINKED_IMPORT);
}

#[test]
fn what_cannot_be_paid_is_not_set_up() {
    let start = r#"(module (memory 60000) (func (export "_start")))"#;
    let mut params = Params::default();
    params.limits.gas_time = 60_000 * Schedule::V1.ticks(Class::GrowPage) - 1;
    let report = run_within(parts(start, &[]), params);
    assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasTime)));
    assert!(report.fingerprint.unwrap().module_instances.is_empty() && report.ram_peak < 1 << 20);
}

#[test]
fn what_cannot_be_linked_is_refused_and_says_why() {
    let library = r#"(module (global (export "g") i32 (i32.const 0)) (func (export "f")) (memory (export "m") 1 2)
        (table (export "t") 1 funcref))"#;
    let library = [("lib".to_owned(), module(library))];
    let report = |import: &str| run_parts(parts(&format!(r#"(module {import} (func (export "_start")))"#), &library));
    for (import, why) in [
        (r#"(import "lib" "absent" (func))"#, "it imports lib.absent, which the library lib does not export"),
        (r#"(import "nobody" "f" (func))"#, "no library of the name \"nobody\" is linked before it"),
        (r#"(import "main" "f" (func))"#, "no library of the name \"main\" is linked before it"),
        (r#"(import "genlayer_sdk" "absent" (func))"#, "it imports genlayer_sdk.absent, which is none of the"),
        (r#"(import "lib" "f" (func (param i32)))"#, "it imports lib.f as (func (param i32)), which is (func)"),
        (r#"(import "lib" "g" (func))"#, "it imports lib.g as (func), which is (global i32)"),
        (r#"(import "lib" "g" (global (mut i32)))"#, "it imports lib.g as (global (mut i32)), which is (global i32)"),
        (r#"(import "lib" "m" (memory 2))"#, "it imports lib.m as (memory 2), which is (memory 1 2)"),
        (
            r#"(import "lib" "t" (table 1 externref))"#,
            "it imports lib.t as (table 1 externref), which is (table 1 funcref)",
        ),
        (
            r#"(import "wasi_snapshot_preview1" "fd_close" (func (param i64) (result i32)))"#,
            "which is (func (param i32) (result i32))",
        ),
    ] {
        let report = report(import);
        let refused = Outcome::VmError(VmError::InvalidContract(Invalid::WasmLinking));
        assert_eq!(report.outcome, refused, "{import}: {:?}", report.diagnostics);
        assert!(report.diagnostics.iter().any(|said| said.contains(why)), "{import}: {:?}", report.diagnostics);
    }
    assert_eq!(report(r#"(import "lib" "m" (memory 1 2))"#).outcome, Outcome::null());
}

/// As the specification of WebAssembly says: what counts is how large it is when it is imported.
#[test]
fn a_memory_that_grew_is_as_large_as_it_is() {
    let library = r#"(module (memory (export "m") 1)
        (func (export "_initialize") (drop (memory.grow (i32.const 4)))))"#;
    let start = r#"(module (import "lib" "m" (memory 5)) (func (export "_start") (i32.store (i32.const 327676) (i32.const 1))))"#;
    let report = run_parts(parts(start, &[("lib".to_owned(), module(library))]));
    assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
}
