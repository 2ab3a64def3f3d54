//! Calls and values on the stack, bounded as GenVM's lines bound them: 1,024 and 65,535 in each sub-VM.

use std::sync::Arc;

use subvm_core::{Engine, Library, Outcome, Params, Parts, Profile, Run, Trap, VmError, Wasm, run};
use subvm_tests::engines::{engines, same};
use subvm_tests::transaction::{deployed, transaction};

const OVERFLOW: Outcome = Outcome::VmError(VmError::Trap(Trap::StackOverflow));

fn module(wat: &str) -> Wasm {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}: {wat}")).into()
}

fn run_on(engine: Arc<dyn Engine>, parts: &Parts, params: Params) -> subvm_core::Report {
    let node = deployed(parts.clone()).node();
    run(engine, node, Run { params: Arc::new(params), ..transaction() }).1.expect("no internal error")
}

/// How a package ends under a profile, on both engines.
fn ends(parts: &Parts, profile: Profile) -> Outcome {
    let params = || Params { profile, ..Params::default() };
    let [first, second] = engines().map(|(_, engine)| run_on(engine, parts, params()));
    same("wasmi", &first, &second);
    first.outcome
}

/// The same of one module.
fn alone(wat: &str, profile: Profile) -> Outcome {
    ends(&Parts { start: module(wat), ..Parts::default() }, profile)
}

/// A function that calls itself so many times, with `locals`, and does `last` then. An operand stack is 2 high.
fn down(locals: &str, last: &str) -> String {
    format!(
        "(func $down (export \"down\") (param i32) {locals}
            (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1)))) (else {last})))"
    )
}

fn descent(depth: u32, locals: &str, last: &str) -> String {
    let down = down(locals, last);
    format!("(module (func $leaf) {down} (func (export \"_start\") (call $down (i32.const {depth}))))")
}

#[test]
fn a_line_has_1024_calls_and_the_seed_has_stack_units() {
    for profile in [Profile::GenVm0_1, Profile::GenVm0_2] {
        // `_start`, and one more than it goes down.
        assert_eq!(alone(&descent(1022, "", ""), profile), Outcome::null());
        assert_eq!(alone(&descent(1023, "", ""), profile), OVERFLOW);
        // A leaf function is a call like any other.
        assert_eq!(alone(&descent(1021, "", "(call $leaf)"), profile), Outcome::null());
        assert_eq!(alone(&descent(1022, "", "(call $leaf)"), profile), OVERFLOW);
    }
    assert_eq!(alone(&descent(100_000, "", "(call $leaf)"), Profile::Seed), Outcome::null());
}

#[test]
fn a_line_has_65535_values_whatever_their_types() {
    // 102 for each, no parameters, and one of `_start`: 642 fit.
    for ty in ["i32", "v128"] {
        let locals = format!("(local{})", format!(" {ty}").repeat(100));
        assert_eq!(alone(&descent(641, &locals, ""), Profile::GenVm0_1), Outcome::null(), "{ty}");
        assert_eq!(alone(&descent(642, &locals, ""), Profile::GenVm0_1), OVERFLOW, "{ty}");
    }
}

#[test]
fn who_returns_or_calls_in_its_own_place_gives_back() {
    let down = down("", "");
    let calls = "(call $down (i32.const 1000))".repeat(3);
    let again = format!("(module {down} (func (export \"_start\") {calls}))");
    assert_eq!(alone(&again, Profile::GenVm0_1), Outcome::null());
    let tail = "(module
        (func $on (param i32) (if (local.get 0) (then (return_call $on (i32.sub (local.get 0) (i32.const 1))))))
        (func (export \"_start\") (call $on (i32.const 50000))))";
    assert_eq!(alone(tail, Profile::GenVm0_1), Outcome::null());
}

#[test]
fn the_modules_of_a_sub_vm_share_their_calls() {
    let library = module(&format!("(module {})", down("", "")));
    let linked = |own: u32, theirs: u32| {
        let down = down("", &format!("(call $theirs (i32.const {theirs}))"));
        let start = format!(
            "(module (import \"lib\" \"down\" (func $theirs (param i32))) {} \
             (func (export \"_start\") (call $down (i32.const {own}))))",
            down.replace("(export \"down\")", "")
        );
        let libraries = vec![Library { name: "lib".into(), wasm: library.clone() }];
        ends(&Parts { start: module(&start), libraries, ..Parts::default() }, Profile::GenVm0_2)
    };
    assert_eq!(linked(500, 521), Outcome::null());
    assert_eq!(linked(500, 522), OVERFLOW);
}

#[test]
fn what_an_exception_leaves_is_given_back() {
    let start = format!(
        "(module (tag $e) {}
            (func $once (block $caught (try_table (catch_all $caught) (call $down (i32.const 1000)))))
            (func (export \"_start\") {}))",
        down("", "(throw $e)"),
        "(call $once)".repeat(5)
    );
    let parts = Parts { start: module(&start), ..Parts::default() };
    let params = Params { profile: Profile::GenVm0_1, exceptions: true, ..Params::default() };
    // The other engine has no exceptions.
    let [(_, wasmtime), _] = engines();
    assert_eq!(run_on(wasmtime, &parts, params).outcome, Outcome::null());
}
