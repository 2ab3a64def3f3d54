//! Libraries: what they export and import, and sandboxes that link them again and again, beside and inside each other.

use std::fmt::Write;

use subvm_core::{Library, Parts};

use super::{Case, text};

/// A library that exports one global under so many names.
fn exporting(exports: usize) -> String {
    let mut names = String::new();
    (0..exports).for_each(|number| write!(names, "(export \"g{number:x}\" (global 0)) ").unwrap());
    format!("(module (global i32 (i32.const 0)) {names} (func (export \"f\")))")
}

/// A library that imports so many globals from the first one.
fn importing(imports: usize) -> String {
    let mut names = String::new();
    (0..imports).for_each(|number| write!(names, "(import \"l0\" \"g{number:x}\" (global i32)) ").unwrap());
    format!("(module {names} (func (export \"f\")))")
}

/// A contract with these libraries, which are named by their place.
fn package(libraries: Vec<String>, start: &str) -> Parts {
    let library =
        |(number, wat): (usize, &String)| Library { name: format!("l{number}"), wasm: text::module(wat).into() };
    Parts { libraries: libraries.iter().enumerate().map(library).collect(), ..text::parts(start) }
}

/// Sandboxes one after the other.
fn spawns() -> String {
    text::nested("(memory 1)", "", "(call $spawn)", "")
}

/// Sandboxes inside each other, as deep as may be.
fn nest() -> String {
    text::nested("(memory 1)", "", "(call $spawn)", "(call $spawn)")
}

pub(super) fn cases() -> Vec<Case> {
    const SPAWNED: &str = "sandboxes that link libraries";
    vec![
        Case::new(
            "nest_exports",
            "16 libraries of 49,990 exports, sandboxes inside each other",
            "109 MB a level",
            || package(vec![exporting(49_990); 16], &nest()),
        )
        .with(|setting| setting.ram = 64 << 20),
        Case::new("nest", "sandboxes inside each other, 512 deep", "", || text::parts(&nest())),
        Case::new("spawn", "sandboxes one after the other", "", || text::parts(&spawns())),
        Case::new("spawn_exports", SPAWNED, "965x", || package(vec![exporting(49_990); 16], &spawns())),
        Case::new("spawn_imports", SPAWNED, "36x", || {
            let libraries = [vec![exporting(10_000)], vec![importing(10_000); 15]].concat();
            package(libraries, &spawns())
        })
        .with(|setting| setting.ticks = 200_000_000),
        Case::new("spawn_empty", SPAWNED, "18x", || {
            package(vec!["(module (func (export \"f\")))".into(); 16], &spawns())
        }),
    ]
}
