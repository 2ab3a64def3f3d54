//! Instructions that are dearer in some state of the machine than where they were priced.

use std::fmt::Write;

use super::{Case, text};

/// A function with so many locals that a branch which is not taken sets and another one uses, called again and again.
fn locals(count: usize) -> String {
    let types = "i64 ".repeat(count);
    let (mut set, mut used) = (String::new(), String::new());
    for local in 2..count + 2 {
        write!(set, "local.get 1 local.set {local} ").unwrap();
        write!(used, "local.get {local} global.set 0 ").unwrap();
    }
    format!(
        "(module (global (mut i64) (i64.const 0)) (func $g)
            (func $f (param i32 i64) (local {types}) local.get 0 if {set} end call $g local.get 0 if {used} end)
            (func (export \"_start\") (loop $l (call $f (i32.const 0) (i64.const 5)) (br $l))))"
    )
}

/// Indirect calls, at random, of so many functions.
fn indirect(functions: u32) -> String {
    let mut text = String::from("(module (type $t (func (param i32) (result i32))) ");
    for number in 0..functions {
        write!(text, "(func (type $t) local.get 0 i32.const {} i32.add) ", number * 7 + 3).unwrap();
    }
    let next = "(local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))";
    let call = format!(
        "{next} (drop (call_indirect (type $t) (local.get $x) (i32.and (i32.shr_u (local.get $x) (i32.const 15)) (i32.const {}))))",
        functions - 1
    );
    let items: String = (0..functions).map(|number| format!("{number} ")).collect();
    write!(
        text,
        "(table {functions} funcref) (elem (i32.const 0) func {items})
            (func (export \"_start\") (local $x i32) (loop $l {} (br $l))))",
        call.repeat(8)
    )
    .unwrap();
    text
}

/// Jumps, at random, to so many labels of each of these functions.
fn jumps(functions: u32, labels: u32) -> String {
    let mut text = String::from("(module (global $x (mut i32) (i32.const 1)) ");
    let targets: String = (0..labels).map(|label| format!("{label} ")).collect();
    let next = "(i32.add (i32.mul (global.get $x) (i32.const 1664525)) (i32.const 1013904223))";
    for function in 0..functions {
        write!(text, "(func $f{function} (local $y i32) (global.set $x {next}) ").unwrap();
        text += &"block ".repeat(labels as usize);
        write!(
            text,
            "(br_table {targets} (i32.and (i32.shr_u (global.get $x) (i32.const 15)) (i32.const {})))",
            labels - 1
        )
        .unwrap();
        (0..labels).for_each(|label| {
            write!(text, " end (global.set $x (i32.xor (global.get $x) (i32.const {label}))) return").unwrap()
        });
        text += ") ";
    }
    let calls: String = (0..functions).map(|function| format!("(call $f{function}) ")).collect();
    write!(text, "(func (export \"_start\") (loop $l {calls} (br $l))))").unwrap();
    text
}

/// The first `table.get` of each entry of a table of functions.
fn first_gets(entries: u32) -> String {
    let gets: String =
        (0..16).map(|number| format!("(drop (table.get $t (i32.add (local.get $i) (i32.const {number}))))")).collect();
    let pass = format!(
        "(local.set $i (i32.const 0)) (loop $g {gets} (br_if $g (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (i32.const {}))))",
        entries - 16
    );
    text::nested(&format!("(memory 1) (table $t {entries} funcref)"), "(local $i i32)", "(call $spawn)", &pass)
}

/// An endless loop of one instruction that calls the engine's run time.
fn of_run_time(instruction: &str) -> String {
    text::endless(
        "(import \"wasi_snapshot_preview1\" \"fd_close\" (func $close (param i32) (result i32)))
            (memory 1) (func $nothing) (elem $items func $nothing) (elem declare func $nothing $close) (data $bytes \"text\")",
        "",
        &instruction.repeat(8),
    )
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::of_text("locals_100", "locals that are zeroed, and not used", "", || locals(100)),
        Case::of_text("locals_5000", "locals that are zeroed, and not used", "8x", || locals(5000)),
        Case::of_text("indirect", "call_indirect over 32,768 functions at random", "8x", || indirect(32_768))
            .bar(super::BAR_FAR),
        Case::of_text("jumps", "br_table over 8 times 8,192 labels at random", "", || jumps(8, 8_192))
            .bar(super::BAR_FAR),
        Case::of_text("first_gets", "the first table.get of each entry, in sandboxes", "7x", || first_gets(1 << 20))
            .with(|setting| setting.ticks = 100_000_000),
        Case::of_text("references", "ref.func of a function", "3.7x", || of_run_time("(drop (ref.func $nothing))")),
        Case::of_text("references_host", "ref.func of a function of the host", "4.8x", || {
            of_run_time("(drop (ref.func $close))")
        }),
        Case::of_text("drops", "elem.drop and data.drop", "", || of_run_time("elem.drop $items data.drop $bytes ")),
        Case::of_text("endless", "an endless loop", "timeout, never out_of gas", || text::endless("", "", "")),
    ]
}
