//! Work that a compiler would lift out of loops, or do again where it is used (`docs/RATIONALE.md#work-that-compilers-move`).

use std::fmt::Write;

use super::Case;

/// Multiplications and additions in a branch that is never taken, in a loop in a loop.
fn lifted(operators: usize) -> String {
    let work = "local.tee 1 local.get 1 i64.mul local.get 0 i64.add ".repeat(operators);
    format!(
        "(module (global (mut i32) (i32.const 0)) (global (mut i64) (i64.const 0)) (func (export \"_start\") (local i64 i64 i64)
            loop i64.const 0 local.set 2
                loop global.get 0 if local.get 0 {work} global.set 1 end
                    local.get 2 i64.const 1 i64.add local.tee 2 i64.const 1 i64.lt_u br_if 0 end
                local.get 0 i64.const 1 i64.add local.set 0 br 0 end))"
    )
}

/// The same work before so many branches that use what it comes to.
fn sunk(operators: usize, branches: usize) -> String {
    let work = "local.tee 1 local.get 1 i64.mul local.get 0 i64.add ".repeat(operators);
    let mut uses = String::new();
    (0..branches).for_each(|_| write!(uses, "global.get 0 i32.eqz if local.get 1 global.set 1 end ").unwrap());
    format!(
        "(module (global (mut i32) (i32.const 0)) (global (mut i64) (i64.const 0)) (func (export \"_start\") (local i64 i64)
            loop local.get 0 {work} local.set 1 {uses} local.get 0 i64.const 1 i64.add local.set 0 br 0 end))"
    )
}

pub(super) fn cases() -> Vec<Case> {
    const LIFTED: &str = "pure work in a branch that is never taken, in a loop";
    const SUNK: &str = "pure work that many branches use";
    vec![
        Case::of_text("lifted_10", LIFTED, "", || lifted(10)),
        Case::of_text("lifted_1000", LIFTED, "179x", || lifted(1000)),
        Case::of_text("lifted_125000", LIFTED, "20,500x", || lifted(125_000)),
        Case::of_text("sunk_100_100", SUNK, "", || sunk(100, 100)),
        Case::of_text("sunk_1000_1000", SUNK, ".447 s for .002 s", || sunk(1000, 1000)),
        Case::of_text("sunk_3000_1500", SUNK, "7.8 s, 1.2 GB to compile", || sunk(3000, 1500)),
    ]
}
