//! `subvm new`: what it writes builds and holds by the commands that it prints.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{ROOT, fails, scratch};

const TARGET: &str = "wasm32-unknown-unknown";

/// Runs `subvm` in a directory; what it prints.
#[track_caller]
fn subvm_in(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    command.current_dir(dir).args(args).stdin(Stdio::null()).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    // What the test was built with is not for the contract.
    command
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CC");
    let output = command.output().expect("the binary runs");
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&said));
    String::from_utf8(output.stdout).expect("text")
}

/// The commands that were printed. Each names the program that printed it by a path that works from anywhere.
#[track_caller]
fn commands(printed: &str) -> Vec<Vec<&str>> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("  "));
    let commands: Vec<Vec<&str>> = lines.map(|line| line.split(' ').collect()).collect();
    for command in commands.iter().filter(|command| command[0].contains("subvm")) {
        assert!(Path::new(command[0]).is_absolute() && Path::new(command[0]).is_file(), "{command:?}");
    }
    commands
}

#[test]
fn a_new_project_builds_and_runs_by_the_commands_that_are_printed() {
    let dir = scratch("new");
    // The checkout is found where the program lies in one.
    let printed = subvm_in(dir.path(), &["new", "my-counter"]);
    let project = dir.path().join("my-counter");
    let commands = commands(&printed);
    let [cd, rustup, test, run, schema, cargo] = &commands[..] else { panic!("other commands: {printed}") };
    assert_eq!(cd.join(" "), "cd my-counter");
    assert_eq!(rustup.join(" "), format!("rustup target add {TARGET}"));
    assert_eq!(cargo.join(" "), "cargo test");

    // `cargo test` of the project compiles wasmtime anew: its parts are what the test reads, and cargo finds all of it.
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(&project)
        .output();
    let metadata = metadata.expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));

    let libdir =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).current_dir(ROOT).output();
    let libdir = String::from_utf8(libdir.expect("rustc runs").stdout).expect("a path");
    if !Path::new(libdir.trim()).exists() {
        eprintln!("SKIPPED: a new contract is not built: the toolchain has no {TARGET}; rustup target add {TARGET}");
        return;
    }
    let toolchain = std::fs::copy(format!("{ROOT}/rust-toolchain.toml"), project.join("rust-toolchain.toml"));
    toolchain.expect("the directory is writable");
    assert_eq!(subvm_in(&project, &test[1..]), "test.toml\n  holds  it counts\n1 hold, 0 fail\n");
    assert!(subvm_in(&project, &run[1..]).starts_with("return:   5\n"));
    assert!(subvm_in(&project, &schema[1..]).contains(r#""contract": "Counter""#));
    // Pages that are declared are paid for: a small stack and what the module keeps are one.
    let module = std::fs::read(project.join(schema[2])).expect("it was built");
    let memory = wasmparser::Parser::new(0).parse_all(&module).find_map(|payload| match payload {
        Ok(wasmparser::Payload::MemorySection(memories)) => memories.into_iter().next(),
        _ => None,
    });
    assert_eq!(memory.expect("it has a memory").expect("it is valid").initial, 1);
}

#[test]
fn a_new_project_in_c_builds_and_runs_by_the_commands_that_are_printed() {
    let dir = scratch("new-c");
    let printed = subvm_in(dir.path(), &["new", "counter", "--lang", "c"]);
    let project = dir.path().join("counter");
    let commands = commands(&printed);
    let [cd, test, run, check] = &commands[..] else { panic!("other commands: {printed}") };
    assert_eq!(cd.join(" "), "cd counter");
    if [("clang", "--version"), ("wasm-ld", "--version")]
        .iter()
        .any(|(name, flag)| Command::new(name).arg(flag).output().is_err())
    {
        eprintln!("SKIPPED: a new contract in C is not built: there is no clang with lld; .ci/install installs them");
        return;
    }
    assert_eq!(subvm_in(&project, &test[1..]), "test.toml\n  holds  it counts\n1 hold, 0 fail\n");
    assert!(subvm_in(&project, &run[1..]).starts_with("return:   5\n"));
    assert!(subvm_in(&project, &check[1..]).starts_with("module:  main, "));
}

#[test]
fn what_cannot_be_a_project_is_refused() {
    for name in ["", "Counter", "7up", "a b", "../x", "a\"b"] {
        fails(&["new", name], 126, &["cannot be the name of a package"]);
    }
    fails(&["new", "docs"], 126, &["cannot create docs"]);
    fails(&["new", "counter", "--source", "docs"], 126, &["docs/core/sdk has no sdk of subvm"]);
    fails(&["new", "counter", "--lang", "c", "--source", "docs"], 126, &["--source is for Rust"]);
    fails(&["new", "counter", "--lang", "cobol"], 126, &["cobol", "rust"]);
}
