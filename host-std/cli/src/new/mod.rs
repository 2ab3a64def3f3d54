//! `subvm new`: a project to begin with.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Failure, terminal};

/// Writes a project that builds, is tested and runs by the commands that this prints.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm new counter
  subvm new counter --lang c
  subvm new counter --source ~/subvm")]
pub(super) struct New {
    /// What it is called, and the directory: lower-case letters, digits, - and _
    name: String,
    /// What the contract is written in
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    lang: Lang,
    /// A checkout of subvm to build with, for Rust and Python [default: the one that this program lies in, else its repository]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lang {
    /// With subvm-sdk
    Rust,
    /// With subvm.h
    C,
    /// With the runner of docs/python.md
    Python,
}

const TARGET: &str = "wasm32-unknown-unknown";

/// What a project is made of: paths and contents; where its module comes to lie, the commands that are printed.
struct Project {
    files: Vec<(&'static str, String)>,
    module: String,
    /// What `subvm run` is given.
    runs: String,
    build: Vec<String>,
    before: Vec<String>,
    after: Vec<String>,
    about: &'static str,
}

impl New {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let Self { name, lang, source } = &self;
        let mut letters = name.chars();
        let begins = letters.next().is_some_and(|first| first.is_ascii_lowercase());
        if !begins || !letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_') {
            let why = "take lower-case letters, digits, - and _, a letter first";
            return Err(Failure::usage(format_args!("{name:?} cannot be the name of a package"), why));
        }
        let project = match (lang, source) {
            (Lang::Rust, source) => rust(name, source.as_deref())?,
            (Lang::C, None) => c(name),
            (Lang::C, Some(_)) => {
                return Err(Failure::Usage("--source is for Rust: a project in C has all that it needs".into()));
            }
            (Lang::Python, source) => python(name, source.as_deref()),
        };
        let Project { mut files, module, runs, build, before, after, about } = project;
        // A string of TOML escapes as one of Rust does.
        let build = build.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let refused = match lang {
            Lang::Python => "n is negative",
            Lang::Rust | Lang::C => "calldata, n: expected an integer of type u64",
        };
        let scenarios = include_str!("scenarios.toml").replace("MODULE", &module).replace("BUILD", &build);
        let scenarios = scenarios.replace("REFUSED", refused);
        files.push(("test.toml", scenarios));
        files.push(("add.txt", include_str!("message.txt").to_owned()));
        write(Path::new(name), files)?;
        let subvm = this_program();
        let usual = [format!("{subvm} test test.toml"), format!("{subvm} run --message add.txt --store memory {runs}")];
        let commands = [format!("cd {name}")].into_iter().chain(before).chain(usual);
        let after = after.into_iter().map(|command| command.replace("subvm ", &format!("{subvm} ")));
        let commands: String = commands.chain(after).map(|command| format!("  {command}\n")).collect();
        terminal::out(format!("{}. Next:\n\n{commands}", about.replace("NAME", name)))?;
        Ok(0)
    }
}

fn write(root: &Path, files: Vec<(&'static str, String)>) -> Result<(), Failure> {
    fs::create_dir(root).map_err(|error| Failure::usage(format_args!("cannot create {}", root.display()), error))?;
    for (path, content) in files {
        let path = root.join(path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, content));
        written.map_err(|error| Failure::usage(format_args!("cannot write {}", path.display()), error))?;
    }
    Ok(())
}

/// How this program is called from anywhere: by its name, where it was called so.
fn this_program() -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let by_name = called.components().count() <= 1;
    match std::env::current_exe() {
        Ok(path) if !by_name => path.display().to_string(),
        _ => "subvm".to_owned(),
    }
}

fn rust(name: &str, source: Option<&Path>) -> Result<Project, Failure> {
    let here = source.map(Path::to_owned).or_else(checkout);
    let [sdk, testing] = [("core/sdk", "sdk"), ("host-std/testing", "testing")].map(|(part, what)| match &here {
        Some(source) => dependency(&source.join(part), what),
        None => Ok(format!("git = {:?}", env!("CARGO_PKG_REPOSITORY"))),
    });
    let (sdk, testing) = (sdk?, testing?);
    let filled = |text: &str, source: &str| text.replace("NAME", name).replace("SOURCE", source);
    let module = format!("contract/target/{TARGET}/release/{}.wasm", name.replace('-', "_"));
    let build = format!(
        "cargo build --quiet --release --target {TARGET} --manifest-path contract/Cargo.toml --target-dir contract/target"
    );
    Ok(Project {
        files: vec![
            ("Cargo.toml", filled(include_str!("rust/tests.toml"), &testing)),
            (".cargo/config.toml", include_str!("rust/config.toml").to_owned()),
            ("tests/contract.rs", include_str!("rust/test.rs").to_owned()),
            ("contract/Cargo.toml", filled(include_str!("rust/contract.toml"), &sdk)),
            ("contract/src/lib.rs", include_str!("rust/contract.rs").to_owned()),
            (".gitignore", "target/\n".to_owned()),
        ],
        build: build.split(' ').map(str::to_owned).collect(),
        before: vec![format!("rustup target add {TARGET}")],
        after: vec![format!("subvm schema {module}"), "cargo test".to_owned()],
        runs: module.clone(),
        module,
        about: "NAME/contract/src/lib.rs is a contract, NAME/test.toml what it must do, NAME/tests/contract.rs the same in Rust \
                (its first build compiles an engine)",
    })
}

fn c(name: &str) -> Project {
    Project {
        files: vec![
            ("contract.c", include_str!("c/contract.c").to_owned()),
            ("subvm.h", include_str!("c/subvm.h").to_owned()),
            ("build.sh", include_str!("c/build.sh").replace("NAME", name)),
            (".gitignore", "*.wasm\n".to_owned()),
        ],
        build: vec!["sh".to_owned(), "build.sh".to_owned()],
        module: format!("{name}.wasm"),
        runs: format!("{name}.wasm"),
        before: Vec::new(),
        after: vec![format!("subvm check {name}.wasm")],
        about: "NAME/contract.c is a contract, NAME/subvm.h what it is written with, NAME/test.toml what it must do, NAME/build.sh how \
                it is built: with clang and lld, or CC=\"zig cc\"",
    }
}

/// A project in Python: its runner is built in a checkout of subvm.
fn python(name: &str, source: Option<&Path>) -> Project {
    const RUNNER: &str = "python.bundle";
    let here = source.map(Path::to_owned).or_else(checkout).unwrap_or_else(|| PathBuf::from("../subvm"));
    let here = here.display();
    let module = format!("{name}.bundle");
    let pack = ["bundle", "pack", "contract.py", "--runner", RUNNER, "--output", &module].map(String::from);
    Project {
        files: vec![
            ("contract.py", include_str!("python/contract.py").to_owned()),
            (".gitignore", "*.bundle\n".to_owned()),
        ],
        build: std::iter::once(this_program()).chain(pack).collect(),
        runs: format!("--runner {RUNNER} contract.py"),
        module,
        before: vec![
            format!("env SUBVM={} {here}/runners/python/build", this_program()),
            format!("cp {here}/target/runners/python/out/{RUNNER} {RUNNER}"),
        ],
        after: Vec::new(),
        about: "NAME/contract.py is a contract, NAME/test.toml what it must do; the first command builds the interpreter that it runs on, once",
    }
}

/// The checkout of subvm that this program was built in, where it lies in one still.
fn checkout() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let found = exe.ancestors().find(|directory| directory.join("core/sdk/Cargo.toml").is_file());
    found.map(Path::to_owned)
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
