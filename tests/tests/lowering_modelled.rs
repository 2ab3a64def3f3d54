//! What `docs/spec/lowering.md`, *Time gas*, says of the counter, where it is easily got wrong by one tick or one way.

use subvm_host_std::lower::{Floats, Options};
use subvm_tests::fuzz::modelled::{self, idle};

/// Holds `functions` to the model, run out of gas at every place.
fn hold(functions: &str) {
    let text = format!(
        "(module (memory (export \"memory\") 1) (global $n (mut i32) (i32.const 3))
            (table 4 funcref) (elem (i32.const 0) $small $large) (type $t (func (param i32) (result i32)))
            (func $small (type $t) (i32.div_u (i32.const 1) (local.get 0)))
            (func $large (type $t) (call $small (local.get 0)))
            {})",
        written_out(functions)
    );
    let options = Options { floats: Floats::Trap, ..Options::default() };
    let compared = modelled::program(&text, &[0, 1, 2, 3], 1_000, options);
    assert!(compared.out_of_gas > 0, "{compared:?}");
}

/// Writes out `(idle 7)`, which costs so many ticks, and `(mark 7)`, which shows in memory how far the program came.
fn written_out(functions: &str) -> String {
    let mark = |mark| format!("(i32.store (i32.const 4) (i32.const {mark}))");
    expanded(&expanded(functions, "(idle ", idle), "(mark ", mark)
}

fn expanded(text: &str, opener: &str, with: impl Fn(usize) -> String) -> String {
    let mut parts = text.split(opener);
    let first = parts.next().expect("the text").to_owned();
    parts.fold(first, |text, part| {
        let (number, rest) = part.split_once(')').expect("the end of it");
        text + &with(number.parse().expect("a number")) + rest
    })
}

/// The marks and the branches cost less than 30 ticks.
#[test]
fn as_much_as_may_run_uncompared() {
    for ticks in 1_000..=1_020 {
        hold(&format!(
            "(func (export \"f\") (param i32) (mark 1) (block (br_if 0 (local.get 0)) (idle {ticks})) (mark 2))"
        ));
    }
}

#[test]
fn as_much_as_a_small_function_may_cost() {
    for ticks in 241..=248 {
        for called in ["(call $g", "(return_call $g", "(drop (call $large (local.get 0))) (call $g"] {
            hold(&format!(
                "(func $g (param i32) (mark 1) (idle {ticks}) (mark 2))
                (func (export \"f\") (param i32) (idle 520) {called} (local.get 0)) (idle 500))"
            ));
        }
    }
}

/// What is dead counts for whether a function is small: what it costs, and whether it calls or has a loop.
#[test]
fn small_functions_with_dead_code() {
    let costly: Vec<String> = (241..=248).map(idle).collect();
    for dead in ["(drop (call $small (i32.const 1)))", "(loop)"].into_iter().chain(costly.iter().map(String::as_str)) {
        hold(&format!(
            "(func $g (param i32) (mark 1) (return) {dead})
            (func (export \"f\") (param i32) (idle 600) (call $g (local.get 0)) (idle 780) (mark 2))"
        ));
    }
}

/// A call, and what may run in it uncompared before and behind it.
#[test]
fn calls_of_every_kind() {
    for call in ["call $small", "call $large", "call_indirect (type $t)"] {
        for ticks in (700..=1_020).step_by(32) {
            let rest = 1_020 - ticks;
            let index = if call.contains("indirect") { "(local.get 0)" } else { "" };
            hold(&format!(
                "(func (export \"f\") (param i32)
                    (block (idle {ticks}) (drop ({call} (local.get 0) {index}))
                        (mark 1) (br_if 0 (local.get 0)) (idle {rest})) (mark 2) (idle {ticks}))"
            ));
        }
    }
}

/// A small function that is called in a block which is compared runs behind the comparison.
#[test]
fn calls_behind_comparisons() {
    for ticks in (600..=1_000).step_by(40) {
        hold(&format!(
            "(func $costly (type $t) (idle 200) (local.get 0))
            (func (export \"f\") (param i32) (idle 1000) (drop (call $costly (local.get 0))) (mark 1) (idle {ticks})
                (block (br_if 0 (local.get 0))) (mark 2) (idle 500))"
        ));
    }
}

/// The second way comes from a place that was compared just before: what is owed at the label is uncompared behind it.
#[test]
fn a_compared_way_to_a_label_that_owes() {
    for opener in ["(block", "(if (i32.const 1) (then", "(if (local.get 0) (then (nop)) (else"] {
        for ticks in (500..=780).step_by(40) {
            hold(&format!(
                "(func (export \"f\") (param i32)
                    {opener} (idle 300) (br_if 0 (i32.eq (local.get 0) (i32.const 1))) (idle 900)
                        (br_if 0 (i32.eq (local.get 0) (i32.const 2))) (mark 1) (idle {ticks}) (mark 2)
                    {} (idle {ticks}) (mark 3))",
                ")".repeat(opener.matches('(').count() - opener.matches(')').count())
            ));
        }
    }
}

/// What a `br_table` names owes nothing, even where it stands in dead code.
#[test]
fn labels_of_tables() {
    for table in ["(br_table 0 1 0 (local.get 0))", "(br 0) (br_table 0 1 (i32.const 0))", "(br 0)"] {
        for ticks in (500..=780).step_by(40) {
            hold(&format!(
                "(func (export \"f\") (param i32)
                    (block (block (idle 300) (br_if 0 (i32.eq (local.get 0) (i32.const 1))) (idle 900)
                        (br_if 0 (i32.eq (local.get 0) (i32.const 2))) (mark 1) (idle {ticks}) (mark 2)
                        {table}) (idle {ticks}) (mark 3)) (mark 4))"
            ));
        }
    }
}

/// Of what stands behind an end to which no way leads, the ways count nevertheless, from nothing.
#[test]
fn ends_to_which_no_way_leads() {
    for opener in ["block", "loop", "if (local.get 0)"] {
        let inner = if opener.starts_with("if") { "(then (br 1)) (else (return))" } else { "(br 1)" };
        for ticks in (300..=1_020).step_by(80) {
            let rest = 1_020 - ticks;
            hold(&format!(
                "(func (export \"f\") (param i32)
                    (block (idle 200) ({opener} {inner}) (idle {ticks})
                        (br_if 0 (local.get 0)) (idle 900)) (mark 1) (idle {rest}) (mark 2))"
            ));
        }
    }
}

/// The first way to the end of an `if` without `else` is the one around it, unless a branch came before.
#[test]
fn an_if_without_else() {
    for branch in ["", "(br_if 0 (i32.eq (local.get 0) (i32.const 3)))", "(br_if 1 (local.get 0))"] {
        for ticks in (300..=1_000).step_by(50) {
            hold(&format!(
                "(func (export \"f\") (param i32)
                    (block (idle 100) (if (local.get 0) (then (idle 200) {branch} (idle 900) (mark 1)
                        (br_if 0 (i32.eq (local.get 0) (i32.const 2)))
                        (idle {ticks}) (mark 2))) (idle {ticks}) (mark 3)) (mark 4))"
            ));
        }
    }
}

/// What is owed behind such an `if` is owed at the next label.
#[test]
fn a_label_behind_an_if_without_else() {
    for branch in ["", "(br_if 0 (i32.eq (local.get 0) (i32.const 3)))"] {
        for ticks in (500..=1_000).step_by(50) {
            hold(&format!(
                "(func (export \"f\") (param i32)
                    (block (idle 100) (if (i32.eqz (local.get 0)) (then (idle 100) {branch} (idle 200)))
                        (br_if 0 (i32.eq (local.get 0) (i32.const 1)))
                        (idle 900) (br_if 0 (i32.eq (local.get 0) (i32.const 2)))
                        (idle {ticks}) (mark 1)) (idle {ticks}) (mark 2))"
            ));
        }
    }
}

/// Loop heads, whose ways pay, and what their rounds hide.
#[test]
fn loops_that_trap() {
    for ticks in [0, 500, 1_000, 1_030] {
        hold(&format!(
            "(func (export \"f\") (param i32) (local i32) (idle 300) (local.set 1 (i32.const 5))
                (loop (idle 10) (drop (i32.div_u (i32.const 1) (i32.sub (local.get 1) (local.get 0))))
                        (mark 1) (idle {ticks})
                    (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))) (idle 1000) (mark 2))"
        ));
    }
}

/// Bulk and growth instructions charge for what they are asked for, before they find that they may not.
#[test]
fn sizes() {
    for size in ["0", "7", "8", "65536", "65537", "-1"] {
        hold(&format!(
            "(func (export \"f\") (param i32) (idle 300) (memory.fill (local.get 0) (i32.const 1) (i32.const {size}))
                (drop (memory.grow (local.get 0))) (mark 1) (idle 1000) (drop (f64.sqrt (f64.const 2))) (mark 2))"
        ));
    }
}
