//! Guests that make one call many times.

use crate::syscalls::Case;

/// How a guest says that it has come to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkBy {
    /// It writes a byte to standard error.
    Stderr,
    /// It calls the import `mark` of `bench`.
    Import,
}

/// A module whose `_start` prepares `case`, and goes `times` through a loop that makes no call and then through one that does, with marks
/// before, between and after. It traps where a call failed.
#[must_use]
pub fn text(case: &Case, times: u32, mark: MarkBy) -> String {
    let mut imports: String = case.functions.iter().map(|(name, types)| import(name, types)).collect();
    let mark = match mark {
        MarkBy::Import => {
            imports += "(import \"bench\" \"mark\" (func $mark))";
            ""
        }
        MarkBy::Stderr => {
            if !case.functions.iter().any(|(name, _)| *name == "fd_write") {
                imports += &import("fd_write", "i32 i32 i32 i32");
            }
            "(func $mark (drop (call $fd_write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 24))))"
        }
    };
    let (empty, full) = (loop_of("$empty", times, "(i32.const 0)"), loop_of("$full", times, case.call));
    // At 16 an iovec of one byte, at 32 one of 64, at 40 one of 4096.
    format!(
        r#"(module {imports}
            (memory (export "memory") 16) (global $fd (mut i32) (i32.const 0))
            (data (i32.const 16) "\00\10\00\00\01\00\00\00")
            (data (i32.const 32) "\00\10\00\00\40\00\00\00" "\00\20\00\00\00\10\00\00")
            (data (i32.const 64) "a/b/c/file.txt") (data (i32.const 96) "dir100")
            {mark}
            (func (export "_start") (local $n i32) (local $errno i32)
                {setup} (call $mark) {empty} (call $mark) {full} (call $mark)
                (if (local.get $errno) (then unreachable))))"#,
        setup = case.setup
    )
}

fn import(name: &str, types: &str) -> String {
    let module = if name.starts_with("storage_") { "genlayer_sdk" } else { "wasi_snapshot_preview1" };
    format!("(import \"{module}\" \"{name}\" (func ${name} (param {types}) (result i32)))\n")
}

fn loop_of(label: &str, times: u32, call: &str) -> String {
    format!(
        "(local.set $n (i32.const {times}))
        (loop {label}
            {call} (local.set $errno (i32.or (local.get $errno)))
            (br_if {label} (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    )
}
