//! Calls that go deep, and the native stack that they touch.

use super::{Case, text};

const NAME: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A function that keeps `kept` integers over a call of itself, and nothing else. Its parameter counts down.
fn keeping(kept: u32) -> String {
    let locals: String =
        (1..=kept).map(|local| format!("(local.set {local} (i64.load offset={} (i32.const 0)))", 8 * local)).collect();
    let used: String =
        (1..=kept).map(|local| format!("(i64.store offset={} (i32.const 0) (local.get {local}))", 8 * local)).collect();
    let types = "i64 ".repeat(kept as usize);
    format!(
        "(func $down (param i32) (local {types}) {locals}
            (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))) {used})"
    )
}

/// A function with a frame of some 64 KiB, which a branch that is never taken would use. It calls itself so often, and `last` then.
fn wide(last: &str) -> String {
    const VECTORS: u32 = 4000;
    let loads: String = (0..VECTORS).map(|at| format!("(v128.load offset={} (i32.const 0))", 16 * at)).collect();
    let used = "v128.xor ".repeat(VECTORS as usize - 1);
    format!(
        "(global $never (mut i32) (i32.const 0)) (global $used (mut v128) (v128.const i64x2 0 0)) (func $nothing)
            (func $down (param i32)
                (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1)))) (else {last}))
                (if (global.get $never) (then {loads} (call $nothing) {used} global.set $used)))"
    )
}

/// A function of 128 vectors, all of which it has in its frame, that calls itself so often, and does `last` then.
fn vectors(last: &str) -> String {
    let types = "v128 ".repeat(128);
    let zeros = "(v128.const i64x2 0 0) ".repeat(128);
    let drops = "drop ".repeat(128);
    format!(
        "(func $down (param i32) (result {types})
            (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))) {drops}) (else {last})) {zeros})
        (func $start (param i32) (call $down (local.get 0)) {drops})"
    )
}

/// A contract that goes to its last stack unit, has a block run there that does so too, and waits for it: both modes have all their stack at once.
fn both_modes() -> String {
    let block = r#"{"RunNondet": {"data_leader": b#, "data_validator": b#}}"#;
    text::nested_by(
        block,
        &format!("(memory 1) {}", vectors("(call $spawn)")),
        "",
        &format!("(call $start (i32.const {}))", MODE_FRAMES),
        "(call $start (i32.const -1))",
    )
}

/// Frames of [`vectors`] that nearly all stack units of a mode allow.
const MODE_FRAMES: u32 = 8_000;
/// The same of what each of 512 sub-VMs inside each other may have.
const NEST_FRAMES: u32 = 10;

/// Sandboxes, each of which goes as deep as it can.
fn descending(function: &str, arguments: &str) -> String {
    text::nested(&format!("(memory 1) {function}"), "", "(call $spawn)", &format!("{arguments} (call $down)"))
}

pub(super) fn cases() -> Vec<Case> {
    let long = |case: Case| case.with(|setting| setting.ticks = 60_000_000);
    vec![
        Case::of_text(
            "frames",
            "a function that calls itself, in a module with a long name",
            "1.4 GB, a receipt of 89 MB",
            || format!("(module ${NAME} (func $f (export \"_start\") (call $f)))"),
        )
        // To the last unit, where all frames are walked.
        .with(|setting| setting.ticks = 40_000_000),
        long(Case::of_text("deep_empty", "sandboxes in which an empty function calls itself", "4.4x", || {
            descending("(func $down (call $down))", "")
        })),
        long(Case::of_text("deep_free", "sandboxes that go as deep as costs nothing", "", || {
            descending(&keeping(0), "(i32.const 2700)")
        })),
        long(Case::of_text("deep_16", "sandboxes that go deep with 16 integers a frame", "", || {
            descending(&keeping(16), "(i32.const -1)")
        })),
        long(Case::of_text("deep_200", "sandboxes that go deep with 200 integers a frame", "", || {
            descending(&keeping(200), "(i32.const -1)")
        })),
        long(Case::of_text("deep_wide", "sandboxes that go deep with frames of 64 KiB that are not used", "", || {
            descending(&wide(""), "(i32.const -1)")
        })),
        long(Case::of_text("deep_nest", "sandboxes inside each other, each of which takes 2 MiB of stack", "", || {
            text::nested(
                &format!("(memory 1) {}", wide("(call $spawn)")),
                "",
                "(call $spawn)",
                "(call $down (i32.const 30))",
            )
        })),
        long(Case::of_text(
            "deep_nest_free",
            "sandboxes inside each other, each of which goes as deep as costs nothing",
            "",
            || {
                text::nested(
                    &format!("(memory 1) {}", wide("(call $spawn)")),
                    "",
                    "(call $spawn)",
                    "(call $down (i32.const 2))",
                )
            },
        )),
        long(Case::of_text("deep_vectors", "sandboxes that go deep with 128 vectors a frame", "", || {
            text::nested(&format!("(memory 1) {}", vectors("")), "", "(call $spawn)", "(call $start (i32.const -1))")
        })),
        long(Case::of_text(
            "deep_nest_all",
            "512 sandboxes inside each other, which take all stack units together",
            "",
            || {
                let fields = format!("(memory 1) {}", vectors("(call $spawn)"));
                text::nested(&fields, "", "(call $spawn)", &format!("(call $start (i32.const {NEST_FRAMES}))"))
            },
        )),
        long(Case::of_text(
            "deep_modes",
            "a block at the last stack unit, which goes to its own last one",
            "",
            both_modes,
        )),
    ]
}
