//! Modules that are refused say why, in the words of who wrote them.

use super::*;

#[test]
fn modules_that_cannot_be_validated_or_entered_say_why() {
    fails(&["exec", &guest("no_start")], 125, &["invalid_contract wasm entrypoint", "_start"]);
    fails(&["exec", &guest("not_valid")], 125, &["invalid_contract wasm validating"]);
    fails(&["exec", &guest("big_memory")], 125, &["out_of memory wasm_memory"]);
}

/// The refusal of a module of this text, linked after the libraries.
#[track_caller]
fn unlinkable(text: &str, libraries: &[(&str, &str)], says: &[&str]) {
    let dir = scratch("linking");
    let libraries: Vec<String> = libraries
        .iter()
        .map(|(name, text)| format!("{name}={}", write(dir.path(), &format!("{name}.wat"), text.as_bytes())))
        .collect();
    let module = write(dir.path(), "module.wat", text.as_bytes());
    let links = libraries.iter().flat_map(|library| ["--link", library]);
    let args: Vec<&str> = ["exec", "--cache", "off"].into_iter().chain(links).chain([&*module]).collect();
    fails(&args, 125, &[&["invalid_contract wasm linking: "], says].concat());
    // Nothing of what lowering made.
    let output = subvm(&args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("$subvm") && !stderr.contains("(type"), "{stderr}");
}

#[test]
fn an_import_of_the_hosts_is_told_as_the_guest_has_it() {
    let imports = |what: &str| format!("(module (import {what}) (func (export \"_start\")))");
    let wasi = |what: &str| imports(&format!("\"wasi_snapshot_preview1\" {what}"));
    let library = [("lib", "(module (func (export \"f\")))")];
    // Alone, and as one of several, whose imports have other names once they are lowered.
    for libraries in [&[][..], &library] {
        let says = "it imports wasi_snapshot_preview1.fd_conjure, which is none of the 46 functions there are";
        unlinkable(&wasi("\"fd_conjure\" (func)"), libraries, &[says]);
        let says = "it imports wasi_snapshot_preview1.fd_close as (func (param i64)), which is (func (param i32) (result i32))";
        unlinkable(&wasi("\"fd_close\" (func (param i64))"), libraries, &[says]);
        let says = "it imports wasi_snapshot_preview1.proc_exit as (func (param i32) (result i32)), which is (func (param i32))";
        unlinkable(&wasi("\"proc_exit\" (func (param i32) (result i32))"), libraries, &[says]);
        let says = "it imports wasi_snapshot_preview1.fd_seek as (memory 1), which is (func (param i32 i64 i32 i32) (result i32))";
        unlinkable(&wasi("\"fd_seek\" (memory 1)"), libraries, &[says]);
        for parameters in [16, 18] {
            let ty = format!("(func (param{}) (result i64))", " i64".repeat(parameters));
            unlinkable(&wasi(&format!("\"fd_seek\" {ty}")), libraries, &[&format!("as {ty}, which is")]);
        }
        let says = "it imports genlayer_sdk.gl_call as (func), which is (func (param i32 i32 i32) (result i32))";
        unlinkable(&imports("\"genlayer_sdk\" \"gl_call\" (func)"), libraries, &[says]);
        let says = "it imports genlayer_sdk.fd_close, which is none of the 5 functions there are";
        unlinkable(&imports("\"genlayer_sdk\" \"fd_close\" (func)"), libraries, &[says]);
        let says = "it imports env.f, and no library of the name \"env\" is linked before it (`--link env=FILE`)";
        unlinkable(&imports("\"env\" \"f\" (func)"), libraries, &[says]);
    }
    let several: String = (0..6).map(|at| format!("(import \"env\" \"f{at}\" (func))")).collect();
    unlinkable(&format!("(module {several} (func (export \"_start\")))"), &[], &["env.f0", "env.f3", "; and 2 more"]);
}

#[test]
fn an_import_of_a_librarys_is_told_as_both_have_it() {
    let library = [("lib", "(module (func (export \"f\") (param i64)) (memory (export \"m\") 1))")];
    let imports = |what: &str| format!("(module (import \"lib\" {what}) (func (export \"_start\")))");
    unlinkable(&imports("\"g\" (func)"), &library, &["it imports lib.g, which the library lib does not export"]);
    let says = "it imports lib.f as (func (result i32)), which is (func (param i64))";
    unlinkable(&imports("\"f\" (func (result i32))"), &library, &[says]);
    unlinkable(
        &imports("\"f\" (global i32)"),
        &library,
        &["it imports lib.f as (global i32), which is (func (param i64))"],
    );
    unlinkable(&imports("\"m\" (memory 2)"), &library, &["it imports lib.m as (memory 2), which is (memory 1)"]);
    // What a library wants of the host is told as well.
    let bad = [("lib", "(module (import \"wasi_snapshot_preview1\" \"fd_close\" (func)))")];
    let says = "it imports wasi_snapshot_preview1.fd_close as (func), which is (func (param i32) (result i32))";
    unlinkable("(module (func (export \"_start\")))", &bad, &[says]);
}

#[test]
fn no_advice_is_given_that_nobody_can_follow() {
    let dir = scratch("features");
    let refused = |text: &str, says: &str| {
        let module = write(dir.path(), "module.wat", text.as_bytes());
        for command in ["exec", "inspect"] {
            let output = subvm(&[command, &module]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.contains(says) && !stderr.contains("enable"), "{command} {text}: {stderr}");
        }
    };
    refused("(component)", "a component, where a core module is wanted: build it for wasm32-wasip1");
    let feature = |text: &str, feature: &str| refused(text, &format!("{feature} is no feature that a module may use"));
    // Also on a memory that nobody shares, where they would be plain ones.
    let atomics = [
        "(drop (i64.atomic.load (i32.const 0)))",
        "(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))",
        "atomic.fence",
    ]
    .map(|code| format!("(module (memory 1) (func {code}))"));
    for text in atomics.iter().map(String::as_str).chain(["(module (memory 1 1 shared))"]) {
        refused(text, "threads are no feature that a module may use, nor are shared memories and atomic instructions");
        refused(text, "clang: without -pthread, -matomics");
    }
    feature("(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))", "relaxed SIMD");
    feature("(module (memory i64 1))", "memory64");
    // The form that compilers made before the standard's: what helps is said by each command.
    // `(func (export "_start") try catch_all end)`, which the text form has no longer.
    let legacy = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x08\x01\x06\0\x06\x40\x19\x0b\x0b";
    let legacy = write(dir.path(), "legacy.wasm", legacy);
    for command in [&["exec"][..], &["check"], &["check", "--exceptions", "true"], &["inspect"]] {
        let Output { stdout, stderr, status } = subvm(&[command, &[&*legacy]].concat());
        let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
        assert!(!status.success() && said.contains("exceptions in their legacy form"), "{command:?}: {said}");
        assert!(said.contains("--translate-to-exnref") && !said.contains("enable"), "{command:?}: {said}");
    }
    let tag = write(dir.path(), "tag.wat", b"(module (tag) (func (export \"_start\")))");
    let output = subvm(&["exec", "--exceptions", "false", &tag]);
    let says = "exceptions are no feature that a module may use where the parameter `exceptions` is off";
    assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{output:?}");
    feature("(module (rec (type (func)) (type (func))))", "gc");
    feature("(module (type $a (sub (func))) (type (sub $a (func))))", "gc");
    feature("(module (memory 1 (pagesize 1)))", "custom page sizes");
    refused("(module (type (struct)))", "gc");
}
