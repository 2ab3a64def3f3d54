//! Holds the public API of each crate to a file in `tests/golden/api/`.
//!
//! `subvm-public-api [--record]`, in the root of the repository. rustdoc's JSON output is unstable, so the pinned toolchain is asked for it
//! as its own standard library would be built.

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

/// Where the API of each crate is written down.
const FILES: &str = "tests/golden/api";
/// Crates that others build on.
const CRATES: &[&str] = &[
    "subvm-calldata",
    "subvm-core",
    "subvm-sdk",
    "subvm-softfloat",
    "subvm-lower",
    "subvm-link",
    "subvm-profile",
    "subvm-symbols",
    "subvm-check",
    "subvm-observe",
    "subvm-replay",
    "subvm-pool",
    "subvm-block",
    "subvm-look",
    "subvm-runners",
    "subvm-snapshot",
    "subvm-system",
    "subvm-testing",
    "subvm-wasmi",
    "subvm-wasmtime",
    "subvm-tiered",
    "subvm-ledger",
    "subvm-modules",
    "subvm-genvm",
    "subvm-config",
    "subvm-host-std",
    "subvm-host-mock",
];

fn main() -> ExitCode {
    let record = env::args().nth(1).is_some_and(|argument| argument == "--record");
    let mut failed = false;
    if let Err(error) = describe() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    for &name in CRATES {
        match check(name, record) {
            Ok(None) => println!("{name}: as written down"),
            Ok(Some(difference)) => {
                eprintln!("{name}: its public API is not what {FILES}/{name}.txt says\n{difference}");
                failed = true;
            }
            Err(error) => {
                eprintln!("{name}: {error}");
                failed = true;
            }
        }
    }
    if failed {
        eprintln!("Where it was meant: `.ci/public-api --record`, and a line in CHANGELOG.md.");
    }
    ExitCode::from(u8::from(failed))
}

/// The lines that are new or gone, where there are any.
fn check(name: &str, record: bool) -> Result<Option<String>, Box<dyn Error>> {
    let api = public_api::Builder::from_rustdoc_json(
        Path::new("target/doc").join(name.replace('-', "_")).with_extension("json"),
    )
    .omit_blanket_impls(true)
    .omit_auto_trait_impls(true)
    .omit_auto_derived_impls(true)
    .build()?;
    let now = api.to_string();
    let path = Path::new(FILES).join(name).with_extension("txt");
    if record {
        fs::create_dir_all(FILES)?;
        fs::write(&path, &now)?;
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    let only = |mark: &str, these: &str, those: &str| -> String {
        let lines = these.lines().filter(|line| !those.lines().any(|other| other == *line));
        lines.map(|line| format!("  {mark} {line}\n")).collect()
    };
    let difference = only("-", &before, &now) + &only("+", &now, &before);
    Ok((!difference.is_empty()).then_some(difference))
}

/// Has rustdoc describe all crates of the workspace, with the features that they have there.
fn describe() -> Result<(), Box<dyn Error>> {
    let mut command = Command::new("cargo");
    command.args(["doc", "--quiet", "--workspace", "--no-deps", "--lib", "--locked"]);
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow");
    if command.status()?.success() { Ok(()) } else { Err("rustdoc failed".into()) }
}
