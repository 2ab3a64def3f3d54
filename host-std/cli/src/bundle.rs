//! `subvm bundle`: packages as one file, as they are deployed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use subvm_core::wasi::Refused;
use subvm_core::{Engine, Library, Package, Parts};

use super::engine::EngineOptions;
use super::input::{self, Mapping, Pair};
use super::python;
use super::report::hex;
use super::{Failure, escaped, line, terminal};
use subvm_host_std::link::is_library_name;

#[derive(Debug, Subcommand)]
pub(super) enum Bundle {
    /// Put a module, its libraries, files, arguments and environment into one file
    #[command(after_help = "Examples:
  subvm bundle pack --output token.bundle token.wasm
  subvm bundle pack --link math=math.wasm --map data=/data --output app.bundle app.wasm -- --verbose")]
    Pack(Box<Pack>),
    /// Write what is in a bundle into a new directory
    #[command(after_help = "Examples:
  subvm bundle unpack token.bundle token")]
    Unpack {
        /// The bundle
        bundle: PathBuf,
        /// The directory, which is not there yet
        directory: PathBuf,
    },
    /// Show what is in a bundle, and its digest
    #[command(after_help = "Examples:
  subvm bundle show token.bundle
  subvm bundle show --json token.bundle")]
    Show {
        /// The bundle
        bundle: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Pack {
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Map a file or directory into the read-only tree; each directory that is not mapped to / is a root of its own
    #[arg(long, value_name = "HOST=GUEST", value_parser = input::mapping)]
    map: Vec<Mapping>,
    /// Link a library first, under this name
    #[arg(long, value_name = "NAME=FILE")]
    link: Vec<Pair>,
    /// Add to the environment
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<Pair>,
    /// Argument 0 [default: the module's file name]
    #[arg(long, value_name = "NAME")]
    arg0: Option<String>,
    /// What runs a contract in Python: a bundle of its interpreter and library (docs/python.md)
    #[arg(long, value_name = "BUNDLE")]
    runner: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineOptions,
    /// The module: .wasm, or its text form .wat; or with --runner a contract's source in Python
    module: PathBuf,
    /// Further arguments
    #[arg(last = true)]
    args: Vec<String>,
}

impl Bundle {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        match self {
            Self::Pack(pack) => pack.execute(),
            Self::Unpack { bundle, directory } => unpack(&read(&bundle)?, &directory),
            Self::Show { bundle, json } => show(&read(&bundle)?, json),
        }
    }
}

impl Pack {
    fn execute(self) -> Result<u8, Failure> {
        let Self { output, map, link, env, arg0, runner, engine, module, args } = self;
        let engine = runner.as_ref().map(|_| engine.plain()).transpose()?;
        let runner = runner.as_deref().zip(engine.as_ref());
        let package = parts(&module, arg0, &args, &env, &link, &map, runner)?
            .check(&Refused::new([]))
            .map_err(|error| Failure::usage(format_args!("{} makes no bundle", module.display()), error))?;
        library_names(&package)?;
        fs::write(&output, package.to_bundle())
            .map_err(|error| Failure::usage(format_args!("cannot write {}", output.display()), error))?;
        terminal::out(format!("{}\n", hex(&package.digest())))?;
        Ok(0)
    }
}

/// The parts of a package, as the options of several commands say them.
pub(super) fn parts(
    module: &Path,
    arg0: Option<String>,
    args: &[String],
    env: &[Pair],
    link: &[Pair],
    map: &[Mapping],
    runner: Option<(&Path, &Arc<dyn Engine>)>,
) -> Result<Parts, Failure> {
    let name = || module.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut parts = match (python::is_source(module), runner) {
        (true, Some((runner, engine))) => python::parts(module, runner, Arc::clone(engine))?,
        (false, None) => Parts { start: input::module(module)?.into(), ..Parts::default() },
        (true, None) => {
            let why = "name what runs it with --runner: docs/python.md says how it is made";
            return Err(Failure::usage(format_args!("{} is a contract in Python", module.display()), why));
        }
        (false, Some(_)) => {
            let why = "--runner is for contracts in Python, whose names end in .py";
            return Err(Failure::usage(format_args!("{} runs on its own", module.display()), why));
        }
    };
    parts.args = std::iter::once(arg0.unwrap_or_else(name)).chain(args.iter().cloned()).collect();
    added(parts, env, link, map)
}

/// Parts, and what options add to them.
pub(super) fn added(mut parts: Parts, env: &[Pair], link: &[Pair], map: &[Mapping]) -> Result<Parts, Failure> {
    parts.env.extend(env.iter().map(|pair| (pair.left.clone(), pair.right.clone())));
    for Pair { left, right } in link {
        parts.libraries.push(Library { name: left.clone(), wasm: input::module(&PathBuf::from(right))?.into() });
    }
    for (number, Mapping { host, guest }) in map.iter().enumerate() {
        let mapped = input::tree(host, guest)?;
        if let Some(root) = input::root(host, guest) {
            if parts.roots.contains(&root) {
                let taken = |earlier: &&Mapping| input::root(&earlier.host, &earlier.guest).as_ref() == Some(&root);
                let earlier = map[..number].iter().find(taken).map_or(Path::new(""), |earlier| &earlier.host);
                let what = format_args!("cannot map {} to {root}: {} is there", host.display(), earlier.display());
                return Err(Failure::usage(what, "give each directory a place of its own"));
            }
            parts.roots.push(root);
        }
        parts.files.extend(mapped.files);
        parts.directories.extend(mapped.directories);
    }
    Ok(parts)
}

fn read(path: &Path) -> Result<Package, Failure> {
    Package::from_bundle(&input::file(path)?)
        .map_err(|error| Failure::usage(format_args!("{} is no bundle", path.display()), line(&error.to_string())))
}

/// A name that no run would link makes no bundle; nor is it a name of a file that is written.
fn library_names(package: &Package) -> Result<(), Failure> {
    for (number, library) in package.libraries.iter().enumerate() {
        let taken = |name: &str| package.libraries[..number].iter().any(|other| other.name == name);
        if !is_library_name(&library.name, taken) {
            let what = format_args!("the name of library {number} is {:?}", library.name);
            return Err(Failure::usage(what, "use 1 to 64 of A-Z a-z 0-9 _ . -, each name once"));
        }
    }
    Ok(())
}

fn show(package: &Package, json: bool) -> Result<u8, Failure> {
    let libraries = package.libraries.iter().map(|library| (library.name.as_str(), &library.wasm));
    let files = package.files.files();
    let directories = package.files.empty_directories();
    let roots: Vec<&str> = package.files.roots().collect();
    let env: Vec<String> = package.env.iter().map(|variable| String::from_utf8_lossy(variable).into_owned()).collect();
    let args: Vec<&str> = package.args.iter().collect();
    if json {
        let module = |wasm: &subvm_core::Wasm| json!({"bytes": wasm.len(), "digest": hex(wasm.digest())});
        let named = |(name, wasm)| json!({"name": name, "bytes": module(wasm)["bytes"], "digest": hex(wasm.digest())});
        let files = files.iter().map(|(path, content)| json!({"path": path, "bytes": content.len()}));
        terminal::json(&json!({
            "digest": hex(&package.digest()),
            "start": module(&package.start),
            "libraries": libraries.map(named).collect::<Json>(),
            "files": files.collect::<Json>(),
            "directories": directories,
            "roots": roots,
            "args": args,
            "env": env,
        }))?;
        return Ok(0);
    }
    let mut lines = vec![format!("digest     {}", hex(&package.digest()))];
    lines.push(format!("start      {} bytes, {}", package.start.len(), hex(package.start.digest())));
    lines.extend(
        libraries.map(|(name, wasm)| format!("library    {name}: {} bytes, {}", wasm.len(), hex(wasm.digest()))),
    );
    lines.extend(files.iter().map(|(path, content)| format!("file       {path}: {} bytes", content.len())));
    lines.extend(directories.iter().map(|path| format!("directory  {path}")));
    lines.extend(roots.iter().map(|path| format!("root       {path}")));
    lines.extend(args.iter().map(|arg| format!("argument   {arg}")));
    lines.extend(env.iter().map(|variable| format!("variable   {variable}")));
    terminal::lines(&lines.iter().map(|text| line(text)).collect::<Vec<_>>())?;
    Ok(0)
}

/// Writes `start.wasm`, `libraries/NUMBER-NAME.wasm`, `files/..` and `package.json`. The directory is made anew, and paths in a package have no `..`,
/// so that nothing else is written to.
fn unpack(package: &Package, directory: &Path) -> Result<u8, Failure> {
    library_names(package)?;
    let failed = |path: &Path, error: std::io::Error| {
        Failure::usage(format_args!("cannot write {}", line(&path.display().to_string())), error)
    };
    let made = |path: PathBuf| fs::create_dir_all(&path).map_err(|error| failed(&path, error));
    let write = |path: PathBuf, bytes: &[u8]| fs::write(&path, bytes).map_err(|error| failed(&path, error));
    fs::create_dir(directory).map_err(|error| failed(directory, error))?;
    write(directory.join("start.wasm"), &package.start)?;
    made(directory.join("libraries"))?;
    for (number, library) in package.libraries.iter().enumerate() {
        write(directory.join("libraries").join(format!("{number}-{}.wasm", library.name)), &library.wasm)?;
    }
    let within = |path: &str| directory.join("files").join(path.trim_start_matches('/'));
    made(directory.join("files"))?;
    for (path, content) in package.files.files() {
        let path = within(&path);
        made(path.parent().unwrap_or(directory).to_owned())?;
        write(path, content)?;
    }
    package.files.empty_directories().iter().try_for_each(|path| made(within(path)))?;
    let env: Vec<String> = package.env.iter().map(|variable| String::from_utf8_lossy(variable).into_owned()).collect();
    let facts = json!({
        "digest": hex(&package.digest()),
        "roots": package.files.roots().collect::<Vec<_>>(),
        "args": package.args.iter().collect::<Vec<_>>(),
        "env": env,
    });
    write(directory.join("package.json"), (escaped(&facts.to_string()) + "\n").as_bytes())?;
    terminal::out(format!("{}\n", hex(&package.digest())))?;
    Ok(0)
}
