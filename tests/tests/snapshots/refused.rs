//! What is refused, each by its name.

use subvm_core::Parts;
use subvm_host_std::snapshot::{Options, SnapshotError};

use crate::{BOTH, Maker, made, text};

/// Why there is no snapshot, on either engine.
fn refused(parts: &Parts, options: &Options) -> SnapshotError {
    let [first, second] = BOTH.map(|maker| made(maker, parts, options).expect_err("it is refused"));
    assert_eq!(first.to_string().split(": ").next(), second.to_string().split(": ").next());
    first
}

/// Why there is none of a module with this initialisation, and these things beside it.
fn initialising(does: &str, beside: &str) -> String {
    let module = format!(r#"(module {beside} (memory 1) (func (export "snapshot") {does}) (func (export "_start")))"#);
    refused(&text(&module), &Options::default()).to_string()
}

fn import(name: &str, params: usize) -> String {
    let module = if name == "storage_read" { "genlayer_sdk" } else { "wasi_snapshot_preview1" };
    format!(r#"(import "{module}" "{name}" (func $f (param{}) (result i32)))"#, " i32".repeat(params))
}

#[test]
fn calls_that_every_run_is_told_otherwise() {
    let calls = [
        ("random_get", "(drop (call $f (i32.const 0) (i32.const 8)))", 2, "random bytes are others"),
        ("fd_write", "(drop (call $f (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)))", 4, "print nothing"),
        (
            "fd_read",
            "(drop (call $f (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)))",
            4,
            "descriptor 0 is the message",
        ),
        ("fd_filestat_get", "(drop (call $f (i32.const 0) (i32.const 0)))", 2, "descriptor 0 is the message"),
        (
            "poll_oneoff",
            "(drop (call $f (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)))",
            4,
            "the time is another",
        ),
        (
            "storage_read",
            "(drop (call $f (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)))",
            4,
            "leave them to the run",
        ),
    ];
    for (name, call, params, why) in calls {
        let told = initialising(call, &import(name, params));
        assert!(told.starts_with("the initialisation called") && told.contains(name) && told.contains(why), "{told}");
    }
    let clock = r#"(import "wasi_snapshot_preview1" "clock_time_get" (func $f (param i32 i64 i32) (result i32)))"#;
    assert!(
        initialising("(drop (call $f (i32.const 0) (i64.const 0) (i32.const 8)))", clock).contains("leave the clock")
    );
    let exit = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $f (param i32)))"#;
    assert!(
        initialising("(call $f (i32.const 0))", exit).contains("it has to return"),
        "an exit with 0 is no end of it"
    );
}

#[test]
fn descriptors_that_are_not_what_they_were() {
    let close = import("fd_close", 1);
    assert!(
        initialising("(drop (call $f (i32.const 2)))", &close)
            .contains("descriptor 2 is closed, where it was standard error")
    );
    let open = r#"(import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32))) (data (i32.const 0) "x")"#;
    let once = "(if (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)) (then unreachable))";
    let with = |does: &str| {
        let module =
            format!(r#"(module {open} (memory 1) (func (export "snapshot") {does}) (func (export "_start")))"#);
        let parts = Parts { files: vec![("/x".into(), b"abc"[..].into())], ..text(&module) };
        BOTH.map(|maker| made(maker, &parts, &Options::default()).map(|snapshot| snapshot.paths))
    };
    let [first, second] = with(once);
    assert_eq!(first, second);
    assert!(first.unwrap_err().to_string().contains("descriptor 4 is file /x, 3 bytes, at 0, where it was closed"));
    let close = |fd: u32| format!("(drop (call $close (i32.const {fd})))");
    let good = format!("{once} {} {once} {once} {} {}", close(4), close(5), close(4));
    assert_eq!(with(&good), [Ok(vec!["x".to_owned()]), Ok(vec!["x".to_owned()])]);
    let bad = format!("{once} {once} {} {}", close(4), close(5));
    assert_eq!(with(&bad), [Err(SnapshotError::Order), Err(SnapshotError::Order)]);
}

#[test]
fn initialisations_that_fail() {
    assert!(initialising("unreachable", "").contains("wasm_trap unreachable"));
    assert!(initialising("(i32.store (i32.const 65535) (i32.const 1))", "").contains("did not come to its end"));
    let mut options = Options::default();
    options.params.limits.gas_time = 100_000;
    let told =
        refused(&text(r#"(module (func (export "snapshot") (loop (br 0))) (func (export "_start")))"#), &options)
            .to_string();
    assert!(told.contains("out_of gas time"), "{told}");
}

#[test]
fn modules_of_which_there_is_none() {
    let none = |module: &str| refused(&text(module), &Options::default()).to_string();
    assert!(none(r#"(module (func (export "_start")))"#).contains(r#""snapshot" is to be the initialisation"#));
    assert!(none(r#"(module (func (export "snapshot")))"#).contains("nothing would run"));
    assert!(
        none(r#"(module (func (export "snapshot") (param i32)) (func (export "_start")))"#).contains("of another type")
    );
    assert!(none(r#"(module (memory (export "snapshot") 1) (func (export "_start")))"#).contains("no function"));
    assert!(
        none(r#"(module (import "env" "memory" (memory 1)) (func (export "snapshot")))"#)
            .contains(r#"imports the memory "memory" from "env""#)
    );
    assert!(
        none(r#"(module (import "env" "g" (global (mut i32))) (func (export "snapshot")))"#).contains("the global")
    );
    assert!(none(r#"(module (import "env" "f" (func)) (func (export "snapshot")))"#).contains("the function"));
    assert!(none(r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))) (export "snapshot" (func 0)) (func (export "_start")))"#).contains("imported"));
    let parts = Parts { start: b"\0asm\x01\0\0\0\x01"[..].into(), ..Parts::default() };
    assert!(refused(&parts, &Options::default()).to_string().contains("no module that a run would accept"));
    let library = subvm_core::Library { name: "lib".into(), wasm: Default::default() };
    let parts = Parts { libraries: vec![library], ..text(r#"(module (func (export "snapshot")))"#) };
    assert_eq!(refused(&parts, &Options::default()), SnapshotError::Library("lib".into()));
    let options = Options { init: Some("warm".into()), resume: Some("on".into()), ..Options::default() };
    let told = refused(&text(r#"(module (func (export "warm")) (func (export "_start")))"#), &options).to_string();
    assert!(told.contains(r#""on" is to be what begins a run"#), "{told}");
}

#[test]
fn exceptions_in_globals_are_not_kept() {
    let mut options = Options::default();
    options.params.exceptions = true;
    let module = r#"(module (tag $t) (global $g (mut exnref) (ref.null exn)) (func (export "snapshot")) (func (export "_start")))"#;
    let told = made(Maker::Wasmtime, &text(module), &options).unwrap_err().to_string();
    assert!(told.contains("global 0 may hold an exception"), "{told}");
}
