//! The Go package beside this one: its tests, and that its example comes to the receipts that Rust computes.

mod support;

use std::path::PathBuf;
use std::process::Command;

use support::{checked, computed, here, is_there, library, oracle, receipts};

/// Go, in the directory of the package, with the library.
fn go() -> Command {
    let mut go = Command::new("go");
    let library = library();
    let library = library.display();
    go.current_dir(here().join("../go"))
        .env("CGO_LDFLAGS", format!("-L{library} -Wl,-rpath,{library}"))
        // No toolchain and no module of the network: there is nothing to fetch.
        .envs([("GOFLAGS", "-mod=mod"), ("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("CGO_ENABLED", "1")])
        // Every pointer that goes to C is looked at.
        .env("GODEBUG", "cgocheck=2");
    go
}

#[test]
fn the_go_package_keeps_its_word() {
    if !is_there("go version") || !is_there("gcc --version") {
        return;
    }
    let unformatted = checked(Command::new("gofmt").args(["-l", "."]).current_dir(here().join("../go")));
    assert_eq!(unformatted, "", "gofmt -w");
    checked(go().args(["vet", "./..."]));
    checked(go().args(["test", "-count=1", "./..."]));
    let node: PathBuf = library().join("node-go");
    checked(go().args(["build", "-o"]).arg(&node).arg("./example/node"));
    let expected = computed();
    for engine in ["wasmtime", "wasmi"] {
        let printed = checked(Command::new(&node).arg(oracle()).arg(engine));
        assert_eq!(receipts(&printed), expected, "{engine}:\n{printed}");
    }
}
