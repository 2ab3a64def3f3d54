//! Compilers move pure work: out of loops, though the text never reaches it, and to each place that uses it. Neither may cost what is not
//! paid (`docs/RATIONALE.md#work-that-compilers-move`).

use std::fmt::Write;

use subvm_host_std::lower::{Floats, Options, lower};
use subvm_tests::lowered::Generator;
use wasmtime::Module;

/// Lowered text, and the compiled size in bytes.
fn lowered(wat: &str, floats: Floats, generator: Generator) -> (String, usize) {
    let module = wat::parse_str(wat).unwrap();
    let lowered = lower(&module, &Options { floats, ..Options::default() }).unwrap();
    let compiled = Module::new(&generator.engine(), &lowered.wasm).unwrap();
    (
        wasmprinter::print_bytes(&lowered.wasm).unwrap(),
        compiled.image_range().end as usize - compiled.image_range().start as usize,
    )
}

/// `work` multiplications, then as many branches that use what they come to.
fn used_in_branches(work: usize, branches: usize, ty: &str) -> String {
    let mut body = String::from("local.get 0 ");
    (0..work).for_each(|_| write!(body, "local.tee 1 local.get 1 {ty}.mul local.get 0 {ty}.add ").unwrap());
    body.push_str("local.set 1 ");
    (0..branches).for_each(|_| body.push_str("global.get 0 if local.get 1 global.set 1 end "));
    format!(
        "(module (global (mut i32) (i32.const 0)) (global (mut {ty}) ({ty}.const 0)) \
         (func (export \"f\") (param {ty}) (local {ty}) {body}))"
    )
}

/// A loop with a branch that is never taken, in which there is `work` on what does not change in the loop: a chain, or one by one.
fn never_taken(work: usize, one_by_one: bool) -> String {
    let mut body = String::new();
    for _ in 0..work {
        body.push_str("local.get 0 local.get 1 i64.mul ");
        body.push_str(if one_by_one { "global.set 1 " } else { "local.set 1 " });
    }
    format!(
        "(module (global (mut i32) (i32.const 0)) (global (mut i64) (i64.const 0)) \
         (func (export \"f\") (param i64 i64) loop global.get 0 if {body} end global.get 0 br_if 0 end))"
    )
}

#[test]
fn what_many_branches_use_is_compiled_once() {
    for (ty, floats) in
        [("i64", Floats::Soft), ("i32", Floats::Soft), ("f64", Floats::Canonical), ("f32", Floats::Native)]
    {
        for generator in Generator::ALL {
            let size = |work, branches| lowered(&used_in_branches(work, branches, ty), floats, generator).1;
            let (work, branches, both) = (size(300, 1), size(1, 300), size(300, 300));
            assert!(both <= 2 * (work + branches), "{ty} {generator:?}: {both} bytes, {work} and {branches} alone");
        }
    }
}

#[test]
fn what_a_loop_never_reaches_depends_on_what_no_compiler_knows() {
    for one_by_one in [false, true] {
        let module = never_taken(2_000, one_by_one);
        let (text, _) = lowered(&module, Floats::Soft, Generator::Speed);
        let first = text.find("i64.extend_i32_u").expect("a local is bound");
        assert!(text[..first].matches("i64.mul").count() <= 70, "too much may be lifted before the first is bound");
    }
}

/// What is small stays as it is: no code, and no global, is added for it.
#[test]
fn little_work_is_left_alone() {
    for module in [never_taken(5, true), used_in_branches(2, 300, "i64")] {
        let (text, _) = lowered(&module, Floats::Soft, Generator::None);
        assert!(!text.contains("i64.extend_i32_u"));
        // The guest's two globals and the three counters.
        assert_eq!(text.lines().filter(|line| line.starts_with("  (global ")).count(), 5);
    }
}

/// What is behind a reference is counted too, and doubles with each of these.
#[test]
fn cones_do_not_overflow() {
    let double = "local.get 0 local.get 0 local.get 1 select (result funcref) local.set 0 ".repeat(100);
    let module =
        format!("(module (func (export \"f\") (param funcref i32) (result i32) {double} local.get 0 ref.is_null))");
    lowered(&module, Floats::Soft, Generator::Speed);
}

/// Behind what does not go on, a block may take what nobody has put down.
#[test]
fn blocks_that_are_never_reached_may_take_what_is_not_there() {
    for block in [
        "block (param i32) drop end",
        "loop (param i32 i64) drop drop end",
        "if (param f64 v128) drop drop else drop drop end",
    ] {
        let module = format!("(module (func (export \"f\") unreachable {block}))");
        lowered(&module, Floats::Soft, Generator::Speed);
    }
}
