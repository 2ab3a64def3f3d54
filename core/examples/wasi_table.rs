//! Lists the functions of WASI Preview 1 with the line of the specification that says what each does, and the number of its tests.
//!
//! `cargo run -p subvm-core --example wasi_table`

use std::io;
use std::path::Path;
use std::process::Command;

use subvm_core::wasi::{FUNCTIONS, Function};

fn main() -> io::Result<()> {
    let specification = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec/wasi.md"))?;
    let tests = tests()?;
    for function in &FUNCTIONS {
        let line = line(&specification, function.name);
        let count = tests.iter().filter(|test| is_of(function, test)).count();
        println!("{:<26} docs/spec/wasi.md:{line:<4} {count:>3} tests", function.name);
    }
    println!("{} functions, {} tests", FUNCTIONS.len(), tests.len());
    Ok(())
}

/// The first row of a table that begins with the function's name among others; 0 if there is none.
fn line(specification: &str, name: &str) -> usize {
    let heads = |line: &str| line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{name}`")));
    specification.lines().position(heads).map_or(0, |index| index + 1)
}

/// The names of all tests of the core's WASI suite.
fn tests() -> io::Result<Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let list =
        Command::new(cargo).args(["test", "-q", "-p", "subvm-core", "--test", "wasi", "--", "--list"]).output()?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    Ok(list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// A test bears its function's name, alone or before what it shows.
fn is_of(function: &Function, test: &str) -> bool {
    let name = test.rsplit("::").next().unwrap_or(test);
    name.strip_prefix(function.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}
