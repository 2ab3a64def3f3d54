//! Sub-VMs on wasmtime and on wasmi: what a child does to its parent, which is nothing but its result.

use subvm_core::{Outcome, Parts, Report, run};
use subvm_host_mock::Printed;
use subvm_tests::engines::{engines, same};
use subvm_tests::transaction::{deployed, embedded, transaction};

/// What every contract here begins with. `$level` is a number in storage, `$sandbox` runs the contract again and gives the bytes of its result,
/// which lie at 8192.
const PRELUDE: &str = r#"
    (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
    (import "genlayer_sdk" "storage_read" (func $storage_read (param i32 i32 i32 i32) (result i32)))
    (import "genlayer_sdk" "storage_write" (func $storage_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func $level (result i32)
        (drop (call $storage_read (i32.const 512) (i32.const 0) (i32.const 64) (i32.const 4)))
        (i32.load (i32.const 64)))
    (func $set_level (param i32)
        (i32.store (i32.const 64) (local.get 0))
        (drop (call $storage_write (i32.const 512) (i32.const 0) (i32.const 64) (i32.const 4))))
    (func $sandbox (result i32)
        (if (call $gl_call (i32.const 1024) (i32.const REQUEST) (i32.const 0)) (then (unreachable)))
        (i32.store (i32.const 8) (i32.const 8192))
        (i32.store (i32.const 12) (i32.const 1024))
        (drop (call $fd_read (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 16)))
        (i32.load (i32.const 16)))
    (func $overflow (call $overflow))
"#;

fn run_contract(text: &str) -> (Report, Printed) {
    let fields = r#"{"data": b#, "allow_write_storage": true, "allow_send_messages": false, "gas_time": 100000000}"#;
    let (quoted, length) = embedded(&format!(r#"{{"Sandbox": {fields}}}"#));
    let prelude = PRELUDE.replace("REQUEST", &length.to_string());
    let wat = format!(r#"(module {prelude} (data (i32.const 1024) "{quoted}") {text})"#);
    let parts = Parts { start: wat::parse_str(wat).unwrap().into(), ..Parts::default() };
    let [(report, printed), (other, others)] = engines().map(|(_, engine)| {
        let host = deployed(parts.clone());
        let (_, report) = run(engine, host.node(), transaction());
        (report.expect("no internal error"), host.printed())
    });
    same("wasmi", &report, &other);
    assert_eq!(printed, others);
    (report, printed)
}

/// Each child fails in its own way; the parent prints their results, and finds its memory as it left it.
#[test]
fn a_childs_failure_is_a_result_and_memories_share_nothing() {
    let (report, printed) = run_contract(
        r#"
        (data (i32.const 2048) "\0e\09UserError\14no")
        (data (i32.const 2100) "\n")
        (func $child (param $way i32)
            ;; Its memory is its own, and new.
            (if (i32.load (i32.const 5000)) (then (call $exit (i32.const 99))))
            (i32.store (i32.const 5000) (i32.const -1))
            (block $seven (block $six (block $five (block $four (block $three (block $two (block $one
                (br_table $seven $one $two $three $four $five $six $seven (local.get $way)))
                (unreachable))
                (drop (i32.load (i32.const 65536))))
                (call $exit (i32.const 7)))
                (call $overflow))
                (drop (call $gl_call (i32.const 2048) (i32.const 14) (i32.const 0))))
                (loop (br 0))))
        (func (export "_start") (local $way i32)
            (if (local.tee $way (call $level)) (then (call $child (local.get $way)) (return)))
            (i32.store (i32.const 5000) (i32.const 42))
            (loop
                (call $set_level (local.tee $way (i32.add (local.get $way) (i32.const 1))))
                (i32.store (i32.const 24) (i32.const 8192))
                (i32.store (i32.const 28) (call $sandbox))
                (i32.store (i32.const 32) (i32.const 2100))
                (i32.store (i32.const 36) (i32.const 1))
                (drop (call $fd_write (i32.const 1) (i32.const 24) (i32.const 2) (i32.const 16)))
                (if (i32.ne (i32.load (i32.const 5000)) (i32.const 42)) (then (call $exit (i32.const 98))))
                (br_if 0 (i32.lt_u (local.get $way) (i32.const 7)))))"#,
    );
    assert_eq!(report.outcome, Outcome::null());
    let results = [
        "\u{2}wasm_trap unreachable",
        "\u{2}wasm_trap memory_out_of_bounds",
        "\u{2}exit_code 7",
        "\u{2}wasm_trap stack_overflow",
        "\u{1}no",
        "\u{2}out_of gas time",
        "\0\0",
    ];
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), results.map(|result| format!("{result}\n")).concat());
}

/// However deep sub-VMs are nested, the deepest has all the depth of wasm that is left; what it comes to is its parent's to see.
#[test]
fn wasm_is_as_deep_as_it_gets_at_every_level() {
    for level in [1, 50, 512] {
        let (report, _) = run_contract(&format!(
            r#"
            (func (export "_start") (local $level i32)
                (call $set_level (local.tee $level (i32.add (call $level) (i32.const 1))))
                (if (i32.gt_u (local.get $level) (i32.const {level})) (then (call $overflow)))
                (local.set $level (i32.eq (local.get $level) (i32.const {level})))
                (drop (call $sandbox))
                (if (local.get $level)
                    (then (drop (call $storage_write (i32.const 512) (i32.const 32) (i32.const 8192) (i32.const 25))))))"#
        ));
        assert_eq!(report.outcome, Outcome::null());
        assert_eq!(report.receipt.storage[0].content[..4], (level + 1_u32).to_le_bytes());
        assert_eq!(report.receipt.storage[1].content[..25], *b"\x02wasm_trap stack_overflow", "level {level}");
    }
}
