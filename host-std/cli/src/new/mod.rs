//! `subvm new`: a project to begin with.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Failure, terminal};

/// Writes a project that builds, is tested and runs by the commands that this prints.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm new counter
  subvm new counter --source ~/subvm")]
pub(super) struct New {
    /// What it is called, and the directory: lower-case letters, digits, - and _
    name: String,
    /// What the contract is written in
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    lang: Lang,
    /// A checkout of subvm to build with [default: its repository]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lang {
    /// With subvm-sdk
    Rust,
}

const TARGET: &str = "wasm32-unknown-unknown";

impl New {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let Self { name, lang: Lang::Rust, source } = self;
        let mut letters = name.chars();
        let begins = letters.next().is_some_and(|first| first.is_ascii_lowercase());
        if !begins || !letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_') {
            let why = "take lower-case letters, digits, - and _, a letter first";
            return Err(Failure::usage(format_args!("{name:?} cannot be the name of a package"), why));
        }
        let [sdk, testing] = [("core/sdk", "sdk"), ("host-std/testing", "testing")].map(|(part, what)| match &source {
            Some(source) => dependency(&source.join(part), what),
            None => Ok(format!("git = {:?}", env!("CARGO_PKG_REPOSITORY"))),
        });
        let (sdk, testing) = (sdk?, testing?);
        let filled = |text: &str, source: &str| text.replace("NAME", &name).replace("SOURCE", source);
        let files = [
            ("Cargo.toml", filled(include_str!("tests.toml"), &testing)),
            ("tests/contract.rs", include_str!("test.rs").to_owned()),
            ("contract/Cargo.toml", filled(include_str!("contract.toml"), &sdk)),
            ("contract/src/lib.rs", include_str!("contract.rs").to_owned()),
            ("add.txt", include_str!("message.txt").to_owned()),
            (".gitignore", "target/\n".to_owned()),
        ];
        let root = Path::new(&name);
        fs::create_dir(root).map_err(|error| Failure::usage(format_args!("cannot create {name}"), error))?;
        for (path, content) in files {
            let path = root.join(path);
            let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, content));
            written.map_err(|error| Failure::usage(format_args!("cannot write {}", path.display()), error))?;
        }
        let module = name.replace('-', "_");
        terminal::out(format!(
            "{name}/contract/src/lib.rs is a contract, {name}/tests/contract.rs its test. Next:

  cd {name}
  rustup target add {TARGET}
  cargo test
  cargo build --release --target {TARGET} --manifest-path contract/Cargo.toml
  subvm schema contract/target/{TARGET}/release/{module}.wasm
  subvm run --message add.txt --store memory contract/target/{TARGET}/release/{module}.wasm
"
        ))?;
        Ok(0)
    }
}

/// A crate of a checkout, as a dependency says it.
fn dependency(path: &Path, what: &str) -> Result<String, Failure> {
    let whole = path.join("Cargo.toml").canonicalize();
    let whole =
        whole.map_err(|error| Failure::usage(format_args!("{} has no {what} of subvm", path.display()), error))?;
    match whole.parent().and_then(Path::to_str) {
        // A string of TOML escapes as one of Rust does.
        Some(path) => Ok(format!("path = {path:?}")),
        None => Err(Failure::Usage(format!("{}: the path is not UTF-8; name another one", path.display()))),
    }
}
