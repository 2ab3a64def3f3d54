//! Memory that is declared, touched, hashed and missed.

use std::fmt::Write;

use super::{BAR_FAR, Case, text};

/// A word in each 8 KiB of so many pages, one after the other.
fn touching(pages: u32) -> String {
    let mut stores = String::new();
    for step in 0..64 {
        write!(stores, "(i64.store offset={} (local.get $p) (i64.const 1)) ", 4092 + 8192 * step).unwrap();
    }
    let end = i64::from(pages) * 65_536 - 8192 * 64;
    format!(
        "(loop $t {stores} (br_if $t (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const {}))) (i32.const {end}))))",
        8192 * 64
    )
}

/// A main sub-VM that touches its memory, and then does this.
fn touched(pages: u32, then: &str) -> String {
    let body = touching(pages);
    format!("(module (memory {pages}) (func (export \"_start\") (local $p i32) {body} {then}))")
}

fn spawned(pages: u32, body: &str) -> String {
    text::nested(&format!("(memory {pages})"), "(local $p i32)", "(call $spawn)", body)
}

/// Loads all over so many pages, each at a place that nobody foresees.
fn far(pages: u32) -> String {
    let mask = pages * 65_536 - 64;
    let load = format!(
        "(local.set $i (i32.load (local.tee $j (i32.and (i32.add (i32.mul (i32.add (local.get $j) (local.get $i)) (i32.const 0x41c64e6d))
            (i32.const 12345)) (i32.const {mask})))))"
    );
    let all = "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0x10000000))";
    format!(
        "(module (memory {pages}) (func (export \"_start\") (local $i i32) (local $j i32) {all} (loop $l {} (br $l))))",
        load.repeat(64)
    )
}

pub(super) fn cases() -> Vec<Case> {
    const PAGES: u32 = 8000;
    let long = |case: Case| case.with(|setting| setting.ticks = 800_000_000);
    let cold = "(local.set $i (i32.const 0)) (loop $f (memory.fill (local.get $i) (i32.const 7) (i32.const 65536))
        (br_if $f (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 65536))) (i32.const 0x1f300000)))) (return)";
    vec![
        long(Case::of_text("declared", "sandboxes that declare memory, and leave it", "2,000x", || spawned(PAGES, ""))),
        long(Case::of_text("declared_touched", "sandboxes that touch all that they declare", "2,000x", || {
            spawned(PAGES, &touching(PAGES))
        })),
        long(Case::of_text("touched", "memory is touched all over", "", || touched(PAGES, ""))),
        long(Case::of_text("touched_hashed", "the same, and a trap", "3,400x", || {
            touched(PAGES, "(drop (i32.load (i32.const -1)))")
        })),
        long(Case::of_text("cold_fill", "memory.fill of memory that nobody touched", "10x", move || {
            text::endless(&format!("(memory {PAGES})"), "(local $i i32)", cold)
        })),
        Case::of_text("grow_nothing", "memory.grow by no page", "", || {
            text::endless("(memory 1)", "", &"(drop (memory.grow (i32.const 0)))".repeat(16))
        }),
        Case::of_text("far_loads", "loads all over 256 MiB", "48x", || far(4096))
            .bar(BAR_FAR)
            .with(|setting| setting.ticks = 4096 * 32_768 + 40_000_000 + (256 << 20) / 8),
    ]
}
