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
        .envs([("GOFLAGS", "-mod=mod"), ("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("CGO_ENABLED", "1")]);
    go
}

/// What has every pointer that goes to C looked at: a program of a Go since 1.21 does not start with the one of before.
fn every_pointer(version: &str) -> (&'static str, &'static str) {
    // As `go1.19.8`, `go1.21rc1`; all others are of later ones, as `devel go1.26-..`.
    let minor = version.trim().strip_prefix("go1.").and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    let before = minor.and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor < 21);
    if before { ("GODEBUG", "cgocheck=2") } else { ("GOEXPERIMENT", "cgocheck2") }
}

#[test]
fn pointers_are_looked_at_as_the_version_asks_for() {
    for before in ["go1.19.8\n", "go1.20", "go1.20rc1"] {
        assert_eq!(every_pointer(before), ("GODEBUG", "cgocheck=2"), "{before}");
    }
    for since in ["go1.21rc1", "go1.21.0\n", "go1.100.1", "devel go1.26-abcdef Mon", "go2.1"] {
        assert_eq!(every_pointer(since), ("GOEXPERIMENT", "cgocheck2"), "{since}");
    }
}

#[test]
fn the_go_package_keeps_its_word() {
    if !is_there("go version") || !is_there("gcc --version") {
        return;
    }
    let unformatted = checked(Command::new("gofmt").args(["-l", "."]).current_dir(here().join("../go")));
    assert_eq!(unformatted, "", "gofmt -w");
    let (variable, value) = every_pointer(&checked(go().args(["env", "GOVERSION"])));
    checked(go().args(["vet", "./..."]));
    checked(go().env(variable, value).args(["test", "-count=1", "./..."]));
    let node: PathBuf = library().join("node-go");
    checked(go().env(variable, value).args(["build", "-o"]).arg(&node).arg("./example/node"));
    let expected = computed();
    for engine in ["wasmtime", "wasmi"] {
        // The one is for those who build, the other for what runs.
        let printed = checked(Command::new(&node).env(variable, value).arg(oracle()).arg(engine));
        assert_eq!(receipts(&printed), expected, "{engine}:\n{printed}");
    }
}
