//! Modules that are dear to compile. What is only just accepted takes minutes, and only `known --whole` does it.

use std::fmt::Write;

use subvm_core::{Library, Parts};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module, TypeSection,
};

use super::Case;

/// `functions` of `fills` instructions `memory.fill` each.
fn fills(functions: u32, fills: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    let mut code = body.instructions();
    (0..fills).for_each(|_| _ = code.i32_const(0).i32_const(0).i32_const(0).memory_fill(0));
    code.end();
    repeated(functions, true, &body)
}

/// The same function many times, the last of which starts, with a memory or without.
fn repeated(count: u32, filled: bool, body: &Function) -> Vec<u8> {
    let (mut types, mut declared, mut bodies) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    for _ in 0..count {
        declared.function(0);
        bodies.function(body);
    }
    let memory = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    let (mut memories, mut exports) = (MemorySection::new(), ExportSection::new());
    if filled {
        memories.memory(memory);
    }
    exports.export("_start", ExportKind::Func, count - 1);
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&memories).section(&exports).section(&bodies);
    module.finish()
}

/// Functions of two instructions.
fn small(count: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    body.instructions().i32_const(0).drop().end();
    repeated(count, false, &body)
}

/// Empty active data segments.
fn segments(count: usize) -> String {
    format!("(module (memory 1) {} (func (export \"_start\")))", "(data (i32.const 0) \"\")".repeat(count))
}

/// Square roots of `soft`, many in a function.
fn roots(functions: u32, each: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    let mut code = body.instructions();
    code.f64_const(2.0.into());
    (0..each).for_each(|_| _ = code.f64_sqrt());
    code.drop().end();
    repeated(functions, false, &body)
}

/// Sixteen libraries and a start module, none of which is like another.
fn distinct(functions: u32) -> Parts {
    let module = |number: u32| {
        let mut body = Function::new([]);
        body.instructions().i32_const(number as i32).drop().end();
        repeated(functions, false, &body)
    };
    let library = |number: u32| Library { name: format!("l{number}"), wasm: module(number).into() };
    Parts { start: module(16).into(), libraries: (0..16).map(library).collect(), ..Parts::default() }
}

/// A function that falls through a table of so many cases.
fn cases_of(count: usize) -> String {
    let mut text = String::from("(module (func (export \"_start\") (local i32 i64) ");
    text += &"block ".repeat(count);
    text += "local.get 0 br_table ";
    (0..count).for_each(|label| write!(text, "{label} ").unwrap());
    (0..count).for_each(|_| text += "end local.get 1 i64.const 3 i64.mul local.set 1 ");
    text + "))"
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::of_module("fills", "925 functions of 50 memory.fill", "", || fills(925, 50)),
        Case::of_module("fills_whole", "18,500 functions of 50 memory.fill: 8.4 MB", "137 s", || fills(18_500, 50))
            .whole(),
        Case::of_module("roots", "5 functions of 10,000 square roots", "", || roots(5, 10_000)),
        Case::of_module("roots_whole", "50 functions of 100,000 square roots", "104 s, 5.3 GB", || roots(50, 100_000))
            .whole(),
        Case::of_module("small", "2,000 functions of two instructions", "", || small(2000)),
        Case::of_module("small_whole", "32,768 functions of two instructions", "8 s for .15 M ticks", || small(32_768))
            .whole(),
        Case::new("distinct", "17 distinct modules of 100 functions", "17 times one", || distinct(100)),
        Case::of_text("segments", "5,000 empty active segments", "", || segments(5000)),
        Case::of_text("segments_whole", "100,000 empty active segments", "27 s, 1.8 GB", || segments(100_000)).whole(),
        Case::of_text("switch", "a function of 4,000 cases that fall through", "", || cases_of(4000)),
    ]
}
