//! A contract from its source.

use std::path::Path;
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the contract whose `Cargo.toml` lies in a directory, in release, with the cargo that runs this test; gives its module. Built once
/// for all tests of a process that ask for it, and by cargo only where something changed.
///
/// ```no_run
/// let module = subvm_testing::build(concat!(env!("CARGO_MANIFEST_DIR"), "/../contract"));
/// ```
///
/// # Panics
/// Where it does not build, with what cargo says.
#[must_use]
pub fn build(directory: impl AsRef<Path>) -> Vec<u8> {
    let directory = directory.as_ref();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = directory.join("target");
    let output = Command::new(cargo)
        .args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(&target)
        .current_dir(directory)
        // What a test of the host was built with is not for the contract.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap_or_else(|error| panic!("cargo does not start: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} does not build (is the target there? rustup target add {TARGET}):\n{said}",
        directory.display()
    );
    let messages = String::from_utf8_lossy(&output.stdout);
    let module = messages.split('"').rfind(|text| text.ends_with(".wasm") && !text.contains("/deps/"));
    let module = module.unwrap_or_else(|| panic!("{} makes no module: is its crate-type cdylib?", directory.display()));
    std::fs::read(module).unwrap_or_else(|error| panic!("{module}: {error}"))
}
