//! `subvm new`: what it writes builds and runs by the commands that it prints.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{ROOT, fails, scratch};

const TARGET: &str = "wasm32-unknown-unknown";

/// Runs `subvm` in a directory; what it prints.
#[track_caller]
fn subvm_in(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    command.current_dir(dir).args(args).stdin(Stdio::null()).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    let output = command.output().expect("the binary runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_new_project_builds_and_runs_by_the_commands_that_are_printed() {
    let dir = scratch("new");
    let printed = subvm_in(dir.path(), &["new", "my-counter", "--source", ROOT]);
    let project = dir.path().join("my-counter");
    let commands: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let ["cd my-counter", "rustup target add wasm32-unknown-unknown", "cargo test", build, schema, run] = commands[..]
    else {
        panic!("other commands: {printed}")
    };

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
    let words: Vec<&str> = build.split(' ').collect();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(&words[1..]).current_dir(&project).env_remove("CARGO_TARGET_DIR");
    let built = cargo.output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let words = |command: &'static str| command.split(' ').skip(1).collect::<Vec<_>>();
    let (schema, run): (&'static str, &'static str) = (schema.to_owned().leak(), run.to_owned().leak());
    assert!(subvm_in(&project, &words(schema)).contains(r#""contract": "Counter""#));
    assert!(subvm_in(&project, &words(run)).starts_with("return:   5\n"));
}

#[test]
fn what_cannot_be_a_project_is_refused() {
    for name in ["", "Counter", "7up", "a b", "../x", "a\"b"] {
        fails(&["new", name], 126, &["cannot be the name of a package"]);
    }
    fails(&["new", "docs"], 126, &["cannot create docs"]);
    fails(&["new", "counter", "--source", "docs"], 126, &["docs/core/sdk has no sdk of subvm"]);
}
