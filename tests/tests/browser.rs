//! subvm in a browser: the core, lowering and wasmi, compiled to `wasm32-unknown-unknown` and run by Node's own engine, come to the
//! receipts that are recorded in `tests/vectors/transactions.json`. Its code is `tests/browser/`, a workspace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use subvm_tests::matrix::{record, row};

const TARGET: &str = "wasm32-unknown-unknown";

/// Whether a program starts, and can do what it is asked for.
fn works(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// What this test needs beside a compiler: Node, and Rust's libraries for the target.
fn missing() -> Option<String> {
    let node = works("node", &["--version"]).err();
    let libraries = || match works("rustc", &["--print", "target-libdir", "--target", TARGET]) {
        Ok(path) if Path::new(path.trim()).is_dir() => None,
        Ok(path) => Some(format!("{} is not there: rustup target add {TARGET}", path.trim())),
        Err(error) => Some(error),
    };
    node.or_else(libraries)
}

/// Compiles the module; it has a target folder of its own.
fn compiled(folder: &Path) -> PathBuf {
    let manifest = folder.join("Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--target", TARGET, "--manifest-path"]).arg(&manifest);
    // What is set for the build of this test is not for that one.
    cargo.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let output = cargo.output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.join("target").join(TARGET).join("debug/subvm_browser.wasm")
}

#[test]
fn a_browsers_engine_comes_to_what_is_recorded() {
    if let Some(why) = missing() {
        eprintln!("SKIPPED: subvm is not run in a browser's engine: {why}");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("browser");
    let module = compiled(&folder);
    let vectors = fs::read_to_string(root.join("vectors/transactions.json")).unwrap();
    let vectors: Json = serde_json::from_str(&vectors).unwrap();
    let transactions = vectors["transactions"].as_array().unwrap();
    assert_eq!(transactions.len(), 2);
    for (index, transaction) in transactions.iter().enumerate() {
        let output = Command::new("node").arg(folder.join("run.mjs")).arg(&module).arg(index.to_string()).output();
        let output = output.expect("node starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: Json = serde_json::from_slice(&output.stdout).unwrap();
        for field in ["receipt_digest", "receipt", "gas_time"] {
            assert_eq!(said[field], transaction["expected"][field], "{} {field}: {said}", transaction["name"]);
        }
    }
    record(&[row("Node.js", "wasmi, compiled to WebAssembly", transactions.len(), &vectors)], true);
}
