//! Everything that would make a run refuse a package, found before anything runs: `subvm check`.
//!
//! Nothing is compiled, and nothing runs. What a package is refused for is what `docs/spec/lowering.md` and `docs/spec/sub-vm.md` say; that
//! the findings are those of a run is tested with the command line.
//!
//! ```
//! use subvm_check::check;
//! use subvm_core::{Params, Parts};
//!
//! let module = wat::parse_str(r#"(module (import "env" "abort" (func)) (func (export "main")))"#)?;
//! let params = Params::default();
//! let package = Parts { start: module.into(), ..Parts::default() }.check(&params.refused_env)?;
//! let lines: Vec<String> = check(&package, &params).findings.iter().map(ToString::to_string).collect();
//! assert_eq!(lines, [
//!     "main, byte 17: it imports env.abort, and no library of the name \"env\" is linked before it (invalid_contract wasm linking)",
//!     "main: it exports no function \"_start\", which is to be called (invalid_contract wasm entrypoint)",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use subvm_core::costs::instructions::Schedule;
use subvm_core::{Invalid, Mode, Package, Params, VmError};
use subvm_link::{MAIN, is_library_name, start_name};
use subvm_lower::{Counters, Lowered, Options, Refusal, lower, refused_at};

mod facts;
mod linking;
mod memory;

use facts::Facts;

/// What was found.
///
/// ```
/// use subvm_check::check;
/// use subvm_core::{Params, Parts};
/// let module = wat::parse_str("(module $idle (func (export \"_start\")))")?;
/// let package = Parts { start: module.into(), ..Parts::default() }.check(&Params::default().refused_env)?;
/// let checked = check(&package, &Params::default());
/// assert!(checked.findings.is_empty() && checked.modules[0].name == "idle");
/// assert!(checked.deployment > Some(1_000), "in ticks");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// What a run would refuse; nothing where it would run.
    pub findings: Vec<Finding>,
    /// The modules, in the order of linking, as far as they can be lowered.
    pub modules: Vec<Module>,
    /// What a chain charges for the package at deployment, in ticks: compiling each module for each mode, as `WasmtimeEngine::prepare` says once
    /// it is done. Nothing where a module cannot be lowered, or this release lacks the schedule of the
    /// parameters.
    pub deployment: Option<u64>,
}

/// Something that a run would refuse.
///
/// ```
/// use subvm_check::Finding;
/// use subvm_core::{Invalid, VmError};
/// let mut finding = Finding::of("main", VmError::InvalidContract(Invalid::WasmValidating), "type mismatch");
/// finding.offset = Some(40);
/// assert_eq!(finding.to_string(), "main, byte 40: type mismatch (invalid_contract wasm validating)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The name under which the module is linked.
    pub module: String,
    /// The function, where it is one's.
    pub function: Option<Function>,
    /// The byte of the module, where it is one's.
    pub offset: Option<usize>,
    /// What the run would come to.
    pub error: VmError,
    /// What is wrong, for people.
    pub what: String,
}

/// A function of a module.
///
/// ```
/// use subvm_check::check;
/// use subvm_core::{Params, Parts};
/// let module = wat::parse_str("(module (func) (func $broken (drop (i32.add (i32.const 1)))))")?;
/// let package = Parts { start: module.into(), ..Parts::default() }.check(&Params::default().refused_env)?;
/// let function = check(&package, &Params::default()).findings[0].function.clone().unwrap();
/// assert_eq!((function.index, function.name.as_deref()), (1, Some("broken")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Function {
    /// Its index, imported ones included.
    pub index: u32,
    /// From the name section, demangled.
    pub name: Option<String>,
}

/// What a module is, and what it may ask for.
///
/// ```
/// use subvm_check::check;
/// use subvm_core::{Params, Parts};
/// let module = wat::parse_str(r#"(module (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32))))"#)?;
/// let package = Parts { start: module.into(), ..Parts::default() }.check(&Params::default().refused_env)?;
/// let [module] = &check(&package, &Params::default()).modules[..] else { unreachable!() };
/// assert_eq!(module.host_calls, ["wasi_snapshot_preview1.fd_close"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Module {
    /// The name under which it is linked.
    pub name: String,
    /// Bytes of it.
    pub size: usize,
    /// Bytes of what lowering makes of it.
    pub lowered_size: usize,
    /// The host's functions that it imports, `module.name`, in the order of its imports.
    pub host_calls: Vec<String>,
    /// Instructions on floats; under the policy *trap* each one is a trap where it is reached.
    pub float_sites: u64,
    /// The functions with the largest frames, and the stack units that these take, largest first.
    pub largest_frames: Vec<(Function, u32)>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.module)?;
        match &self.function {
            Some(Function { index, name: Some(name) }) => write!(f, ", function {index} ({name})")?,
            Some(Function { index, name: None }) => write!(f, ", function {index}")?,
            None => {}
        }
        if let Some(offset) = self.offset {
            write!(f, ", byte {offset}")?;
        }
        write!(f, ": {} ({})", self.what, self.error)
    }
}

impl Finding {
    /// A finding about a module as a whole: with no function, and no byte of it.
    #[must_use]
    pub fn of(module: &str, error: VmError, what: impl Into<String>) -> Self {
        Self { module: module.to_owned(), function: None, offset: None, error, what: what.into() }
    }
}

/// A module on the way: its name, its bytes, what it says of itself and what lowering made of it.
struct Part<'a> {
    name: String,
    facts: Facts<'a>,
    lowered: Result<Lowered, Refusal>,
}

/// Finds everything that would make a deterministic run of `package` under `params` refuse it.
///
/// # Cost
/// Lowers each module twice, once for each mode: time and memory in proportion to them, which the limits of lowering bound.
///
/// ```
/// use subvm_check::check;
/// use subvm_core::{Params, Parts, Resource, VmError, costs::Limits};
/// let module = wat::parse_str("(module (memory 100) (func (export \"_start\")))")?;
/// let params = Params { limits: Limits { ram: 1 << 20, ..Limits::default() }, ..Params::default() };
/// let package = Parts { start: module.into(), ..Parts::default() }.check(&params.refused_env)?;
/// assert_eq!(check(&package, &params).findings[0].error, VmError::OutOf(Resource::WasmMemory));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn check(package: &Package, params: &Params) -> Checked {
    let mut findings = Vec::new();
    let parts = parts(package, params, &mut findings);
    let defined: u32 = parts.iter().filter_map(|part| part.lowered.as_ref().ok()).map(|it| it.defined_memories).sum();
    let most = subvm_core::costs::MEMORIES;
    if defined > most {
        let what = format!("the package's modules define {defined} memories; it may have {most}");
        let start = parts.last().map_or(MAIN, |part| &part.name);
        findings.push(Finding::of(start, VmError::InvalidContract(Invalid::WasmLinking), what));
    }
    findings.extend(linking::findings(&parts));
    findings.extend(memory::finding(&parts, package, params));
    let deployment = deployment(package, params, &parts);
    Checked { findings, modules: parts.iter().filter_map(module).collect(), deployment }
}

/// The price of compiling each module, for both modes.
fn deployment(package: &Package, params: &Params, parts: &[Part<'_>]) -> Option<u64> {
    let modules = package.libraries.iter().map(|library| &library.wasm).chain([&package.start]);
    let schedule = Schedule::of(params.schedule)?;
    let mut ticks = 0_u64;
    for (position, (wasm, part)) in modules.zip(parts).enumerate() {
        let ordinal = if position + 1 == parts.len() { 0 } else { position as u32 + 1 };
        let native =
            Options { counters: Counters::of(position == 0), ordinal, ..Options::of(Mode::NonDeterministic, params) };
        for lowered in [part.lowered.as_ref().ok()?, &lower(wasm, &native).ok()?] {
            let functions = lowered.functions.guest_functions().into();
            ticks = ticks.saturating_add(schedule.compiling(wasm.len() as u64, functions, lowered.report.values));
        }
    }
    Some(ticks)
}

/// Lowers each module as a run would.
fn parts<'a>(package: &'a Package, params: &Params, findings: &mut Vec<Finding>) -> Vec<Part<'a>> {
    let own = Options::of(Mode::Deterministic, params);
    let refused = |name: &str, what: String| Finding::of(name, VmError::InvalidContract(Invalid::WasmLinking), what);
    let mut parts: Vec<Part<'_>> = Vec::new();
    for (position, library) in package.libraries.iter().enumerate() {
        let name = &library.name;
        if !is_library_name(name, |name| is_taken(name, &parts)) {
            let what = format!("the library's name {name:?} is malformed or taken: use 1 to 64 of A-Z a-z 0-9 _ . -");
            findings.push(refused(name, what));
        }
        let options = Options { counters: Counters::of(position == 0), ordinal: position as u32 + 1, ..own };
        parts.push(part(name.clone(), &library.wasm, &options, findings));
    }
    let counters = Counters::of(parts.is_empty());
    let facts = Facts::read(&package.start);
    let name = start_name(facts.name.as_deref(), |name| is_taken(name, &parts));
    if name.is_none() {
        findings.push(refused(MAIN, "a library is named main, which is the start module's name".to_owned()));
    }
    let name = name.unwrap_or(MAIN).to_owned();
    parts.push(part(name, &package.start, &Options { counters, ..own }, findings));
    parts
}

fn part<'a>(name: String, wasm: &'a [u8], options: &Options, findings: &mut Vec<Finding>) -> Part<'a> {
    let (facts, lowered) = (Facts::read(wasm), lower(wasm, options));
    if let Err(refusal) = &lowered {
        let (offset, what) = match refusal {
            Refusal::Validating { message, offset } => (Some(*offset), message.clone()),
            other => (refused_at(wasm, options), other.to_string()),
        };
        let error = VmError::InvalidContract(Invalid::WasmValidating);
        let function = offset.and_then(|offset| facts.function_at(offset));
        findings.push(Finding { module: name.clone(), function, offset, error, what });
    }
    Part { name, facts, lowered }
}

fn is_taken(name: &str, parts: &[Part<'_>]) -> bool {
    parts.iter().any(|part| part.name == name)
}

fn module(part: &Part<'_>) -> Option<Module> {
    let Lowered { report, .. } = part.lowered.as_ref().ok()?;
    let host = |import: &&subvm_lower::Import| subvm_lower::HOST_MODULES.contains(&&*import.module);
    Some(Module {
        name: part.name.clone(),
        size: part.facts.size,
        lowered_size: report.lowered_size,
        host_calls: report.imports.iter().filter(host).map(|it| format!("{}.{}", it.module, it.name)).collect(),
        float_sites: report.float_sites + report.vector_float_sites,
        largest_frames: report.largest_frames.iter().map(|it| (part.facts.function(it.function), it.units)).collect(),
    })
}
