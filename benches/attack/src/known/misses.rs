//! What a processor foretells, and what of it may be far away: code, tables, bytes that were just written.

use std::fmt::Write;

use super::{BAR_FAR, Case, text};

/// How many times a tick of the kernel a tick may take where a load waits for a store over the border of two pages.
const BAR_SPLIT: f64 = 6.0;

/// Functions with so many stores in a branch that is never taken, each called in an order that nobody foretells.
fn calls(functions: u32, stores: u32) -> String {
    let mut text = String::from("(module (memory 1) (global $never (mut i32) (i32.const 0)) ");
    let stores: String =
        (0..stores).map(|at| format!("(i64.store offset={at} (i32.const 0) (i64.const {at}))")).collect();
    for number in 0..functions {
        write!(text, "(func $f{number} (if (global.get $never) (then {stores}))) ").unwrap();
    }
    text += "(func (export \"_start\") (loop $l ";
    // Odd, so that all are called before one is again.
    (0..functions).for_each(|number| {
        let number = u64::from(number) * 10_007 % u64::from(functions);
        write!(text, "(call $f{number})").unwrap();
    });
    text + "(br $l))))"
}

/// A number that the last one gave, and which of so many it is.
fn next(local: &str, mask: u32) -> String {
    format!(
        "(local.set {local} (i32.add (i32.mul (local.get {local}) (i32.const 1664525)) (i32.const 1013904223)))
         (local.set $j (i32.and (i32.shr_u (local.get {local}) (i32.const 7)) (i32.const {mask})))"
    )
}

/// `table.get` all over so many entries.
fn gets(entries: u32) -> String {
    let get = format!("{} (drop (table.get $t (local.get $j)))", next("$i", entries - 1));
    text::endless(&format!("(table $t {entries} funcref)"), "(local $i i32) (local $j i32)", &get.repeat(32))
}

/// Loads over the border of two pages, all over 256 MiB, each at a place that the one before gave.
fn split(pages: u32) -> String {
    let mask = pages * 65_536 - 0x2000;
    let load = format!(
        "(local.set $i (i32.load offset=4094 (local.tee $j (i32.and (i32.add (i32.mul (i32.add (local.get $j) (local.get $i)) (i32.const 0x41c64e6d))
            (i32.const 12345)) (i32.const {})))))",
        mask & !0xfff
    );
    let all = "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0x10000000))";
    format!(
        "(module (memory {pages}) (func (export \"_start\") (local $i i32) (local $j i32) {all} (loop $l {} (br $l))))",
        load.repeat(64)
    )
}

/// Eight bytes that are stored over the border of two pages and loaded a little beside, each time what was loaded.
fn forwarded(store: u32, load: u32) -> String {
    let body = format!("(i64.store (i32.const {store}) (local.get $x)) (local.set $x (i64.load (i32.const {load})))");
    text::endless("(memory 1)", "(local $x i64)", &body.repeat(32))
}

/// Throws out of so many calls, each of which has so many clauses that do not catch it.
fn thrown(calls: u32, clauses: u32) -> String {
    let clauses = "(catch $other $out) ".repeat(clauses as usize);
    format!(
        "(module (tag $e) (tag $other)
            (func $down (param i32)
                (block $out (try_table {clauses}
                    (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1)))) (else (throw $e))))))
            (func (export \"_start\") (loop $l (block $caught (try_table (catch $e $caught) (call $down (i32.const {calls})))) (br $l))))"
    )
}

pub(super) fn cases() -> Vec<Case> {
    let throwing = |case: Case| case.with(|setting| setting.change = |params| params.exceptions = true);
    const FAR: &str = "calls of functions that are far from each other";
    const FORWARD: &str = "a load of what was just stored beside it";
    vec![
        Case::of_text("calls_small", FAR, "", || calls(16_384, 0)).bar(BAR_FAR),
        Case::of_text("calls_far", FAR, "", || calls(16_384, 48)).bar(BAR_FAR),
        Case::of_text("gets_far", "table.get all over 4 Mi entries", "", || gets(1 << 22))
            .bar(BAR_FAR)
            .with(|setting| setting.ticks = (12 << 22) + 40_000_000),
        Case::of_text("loads_split", "loads over the border of two pages, all over 256 MiB", "", || split(4096))
            .bar(BAR_FAR)
            .with(|setting| setting.ticks = 4096 * 32_768 + 40_000_000 + (256 << 20) / 8),
        Case::of_text("forwarded", FORWARD, "", || forwarded(4096, 4100)),
        // Beyond three, and not mended: a price for it would be paid by every load and store.
        Case::of_text("forwarded_split", FORWARD, "", || forwarded(4091, 4094)).bar(BAR_SPLIT),
        throwing(Case::of_text("throws", "a throw that is caught where it was", "", || thrown(0, 0))),
        throwing(Case::of_text("throws_deep", "throws out of 1,000 calls", "", || thrown(1000, 0))),
        throwing(Case::of_text("throws_past", "throws past 32 clauses in each of 1,000 calls", "", || {
            thrown(1000, 32)
        })),
    ]
}
