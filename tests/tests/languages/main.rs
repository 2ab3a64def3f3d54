//! Contracts in other languages than Rust: in C with `subvm.h`, and sketches in AssemblyScript and Go. They are built here, where their
//! compilers are, and held to the scenarios that contracts in Rust are held to.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use subvm_testing::scenario::Suite;

mod calldata;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const C: &str = "tests/guests/contracts/c";
const SKETCHES: &str = "tests/guests/contracts/sketches";

/// A program: in `PATH`, or where `.ci/install` puts it.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed =
        ["target/tools/python/bin", "target/tools/node/node_modules/.bin"].map(|dir| Path::new(ROOT).join(dir));
    std::env::split_paths(&path).chain(installed).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Where a compiler keeps its own libraries once they are compiled.
fn cache(compiler: &str) -> OsString {
    Path::new(ROOT).join("target/tools").join(format!("{compiler}-cache")).into_os_string()
}

/// Runs a compiler; none where it is not there.
#[track_caller]
fn compile(what: &str, name: &str, arguments: &[&str], more: &[(&str, OsString)]) -> Option<()> {
    let Some(program) = program(name) else {
        eprintln!("SKIPPED: {what} is not built: there is no {name}; .ci/install installs it");
        return None;
    };
    let output = Command::new(&program).args(arguments).current_dir(ROOT).envs(more.iter().cloned()).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

/// Runs scenarios with a module in the place of a contract's.
#[track_caller]
fn holds(scenarios: &str, contract: &str, module: &Path) {
    let mut suite = Suite::load(format!("{ROOT}/tests/scenarios/{scenarios}")).unwrap();
    suite.replace(contract, fs::read(module).unwrap()).unwrap();
    let ran = suite.run(|_| true, false).unwrap();
    let failed: Vec<String> = ran.iter().filter_map(|ran| ran.told(Path::new(scenarios))).collect();
    assert!(failed.is_empty() && !ran.is_empty(), "{}: {}", module.display(), failed.join("\n"));
}

/// What the head of `subvm.h` says to compile with, which is what `subvm new --lang c` writes.
const FLAGS: [&str; 12] = [
    "-O2",
    "-std=c11",
    "-nostdlib",
    "-mbulk-memory",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Icore/sdk/c",
    "-Wl,--no-entry",
    "-Wl,-z,stack-size=16384",
    "-Wl,--gc-sections",
    "-Wl,--strip-debug",
];

/// The token in C comes to what the one in Rust comes to: results, failures, events, storage.
#[track_caller]
fn the_token_is_the_token(compiler: &str, before: &[&str], target: &str) {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("token.wasm");
    let source = format!("{C}/token.c");
    let output = module.to_str().unwrap();
    let arguments = [before, &[target], &FLAGS, &["-o", output, &source]].concat();
    let cache = [("ZIG_GLOBAL_CACHE_DIR", cache("zig"))];
    if compile("the token in C", compiler, &arguments, &cache).is_some() {
        holds("token.toml", "token", &module);
        let size = fs::metadata(&module).unwrap().len();
        println!("token.c by {compiler}: {size} bytes");
        assert!(size <= 28 * 1024, "{size} bytes");
    }
}

#[test]
fn the_token_by_clang_is_the_token() {
    the_token_is_the_token("clang", &["-Wl,--stack-first"], "--target=wasm32");
}

#[test]
fn the_token_by_zig_is_the_token() {
    if program("zig").is_some() {
        return the_token_is_the_token("zig", &["cc"], "--target=wasm32-freestanding");
    }
    the_token_is_the_token("python-zig", &["cc"], "--target=wasm32-freestanding");
}

#[test]
fn the_sketch_in_assemblyscript_runs() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("counter.wasm");
    let (source, output) = (format!("{SKETCHES}/counter.ts"), module.to_str().unwrap());
    let arguments = [&source, "-o", output, "-O", "--runtime", "stub", "--use", "abort="];
    if compile("the sketch in AssemblyScript", "asc", &arguments, &[]).is_some() {
        holds("sketches.toml", "sketch", &module);
    }
}

#[test]
fn the_sketch_in_go_runs() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("counter.wasm");
    let (source, output) = (format!("{SKETCHES}/counter.go"), module.to_str().unwrap());
    let variables = [("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOPROXY", "off"), ("GOTOOLCHAIN", "local")];
    let mut variables: Vec<(&str, OsString)> = variables.map(|(name, value)| (name, value.into())).into();
    variables.push(("GOCACHE", cache("go")));
    if !go_is_new() {
        eprintln!("SKIPPED: the sketch in Go is not built: there is no go of 1.24 or later; .ci/install installs it");
        return;
    }
    let arguments = ["build", "-ldflags=-s -w", "-o", output, &source];
    if compile("the sketch in Go", "go", &arguments, &variables).is_some() {
        holds("sketches.toml", "sketch", &module);
    }
}

/// Debian's may be older than what can import from a host.
fn go_is_new() -> bool {
    let Some(go) = program("go") else { return false };
    let said = Command::new(go).env("GOTOOLCHAIN", "local").args(["env", "GOVERSION"]).output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut numbers = said.trim().trim_start_matches("go").split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(1), Some(24))
}
