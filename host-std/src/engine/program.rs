//! Programs: a package's modules, lowered and compiled, each once per process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::{FloatPolicy, InternalError, InternalErrorKind, Invalid, Mode, Package, VmError};
use wasmtime::{Engine, InstancePre, Linker, Module};

use super::drive::Stopped;
use super::host_calls;
use super::running::Running;
use crate::lower::{Counters, Floats, FunctionMap, HOST_MODULES, Lowered, Options, lower};

/// Compiled modules that are kept in memory.
const KEPT: usize = 256;
/// Octets that the name of a linked module may have.
const MODULE_NAME: usize = 64;

/// Why a package cannot run: what consensus sees, and what people should know.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) error: VmError,
    pub(super) why: String,
}

impl Refused {
    pub(super) fn new(what: Invalid, why: impl Into<String>) -> Self {
        Self { error: VmError::InvalidContract(what), why: why.into() }
    }
}

/// A compiled module, and what the engine must know of it.
pub(super) struct Unit {
    pub(super) module: Module,
    pub(super) functions: FunctionMap,
    pub(super) memories: u32,
    pub(super) has_start: bool,
    /// From its name section.
    pub(super) own_name: Option<String>,
    /// Ready to instantiate, where it needs nothing but the host's functions.
    pub(super) alone: Option<InstancePre<Running>>,
}

/// The modules of a package in the order of linking, the start module last.
pub(super) struct Program {
    /// Name and module.
    pub(super) parts: Vec<(String, Arc<Unit>)>,
    /// Host functions for every ordinal; nothing where the start module is alone.
    pub(super) linker: Option<Linker<Running>>,
}

/// Compiles modules, and keeps them.
pub(super) struct Programs {
    engine: Engine,
    /// The host's functions for a module that is alone in its sub-VM.
    linker: Linker<Running>,
    kept: Mutex<Kept>,
}

type Key = [u8; 32];

#[derive(Default)]
struct Kept {
    units: HashMap<Key, Arc<Unit>>,
    /// Keys in the order in which they came.
    order: VecDeque<Key>,
}

impl std::fmt::Debug for Programs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Programs").finish_non_exhaustive()
    }
}

impl Programs {
    pub(super) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        host_calls::define(&mut linker, 0)?;
        Ok(Self { engine: engine.clone(), linker, kept: Mutex::default() })
    }

    /// The program of a package, under the consensus parameters' policy for floats.
    pub(super) fn load(&self, package: &Package, mode: Mode, policy: FloatPolicy) -> Result<Program, Stopped> {
        let floats = floats(mode, policy);
        let mut parts: Vec<(String, Arc<Unit>)> = Vec::with_capacity(package.libraries.len() + 1);
        let mut names = HashSet::from(HOST_MODULES.map(str::to_owned));
        for library in &package.libraries {
            if !is_module_name(&library.name) || !names.insert(library.name.clone()) {
                let why =
                    format!("library name {:?} is malformed or taken: use 1 to 64 of A-Z a-z 0-9 _ . -", library.name);
                return Err(Refused::new(Invalid::WasmLinking, why).into());
            }
            let ordinal = parts.len() as u32 + 1;
            let counters = if parts.is_empty() { Counters::Defined } else { Counters::Imported };
            let options = Options { floats, counters, ordinal, ..Options::default() };
            parts.push((library.name.clone(), self.unit(&library.wasm, &options)?));
        }
        let counters = if parts.is_empty() { Counters::Defined } else { Counters::Imported };
        let start = self.unit(&package.start, &Options { floats, counters, ordinal: 0, ..Options::default() })?;
        let linker = if parts.is_empty() { None } else { Some(self.linker_for(parts.len())?) };
        let name = start.own_name.clone().filter(|name| is_module_name(name) && !names.contains(name));
        let name = match name {
            None if names.contains("main") => {
                return Err(Refused::new(
                    Invalid::WasmLinking,
                    "a library is named main, which is the start module's name",
                )
                .into());
            }
            name => name.unwrap_or_else(|| "main".to_owned()),
        };
        parts.push((name, start));
        Ok(Program { parts, linker })
    }

    fn linker_for(&self, libraries: usize) -> Result<Linker<Running>, Refused> {
        let mut linker = self.linker.clone();
        (1..=libraries as u32)
            .try_for_each(|ordinal| host_calls::define(&mut linker, ordinal))
            .map_err(|error| Refused::new(Invalid::WasmLinking, format!("{error:#}")))?;
        Ok(linker)
    }

    fn unit(&self, wasm: &[u8], options: &Options) -> Result<Arc<Unit>, Stopped> {
        let key = key(wasm, options);
        if let Some(unit) = self.kept().units.get(&key) {
            return Ok(Arc::clone(unit));
        }
        // Two threads may compile the same module; the first one to come is kept, and both are right.
        let unit = Arc::new(self.compile(wasm, options)?);
        let mut kept = self.kept();
        if kept.order.len() == KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.units.remove(&oldest);
        }
        if kept.units.insert(key, Arc::clone(&unit)).is_none() {
            kept.order.push_back(key);
        }
        Ok(unit)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compile(&self, wasm: &[u8], options: &Options) -> Result<Unit, Stopped> {
        let Lowered { wasm, functions, memories, has_start, module_name, .. } =
            lower(wasm, options).map_err(|refusal| Refused::new(Invalid::WasmValidating, refusal.to_string()))?;
        // What is valid before lowering is valid after it: what fails here is this node's fault, and no verdict on the contract.
        let module = Module::new(&self.engine, &wasm).map_err(|error| {
            InternalError::caused_by(InternalErrorKind::Engine, "compiling a lowered module", error.into())
        })?;
        let alone = if options.ordinal == 0 && options.counters == Counters::Defined {
            let linked = self.linker.instantiate_pre(&module);
            Some(linked.map_err(|error| Refused::new(Invalid::WasmLinking, format!("{error:#}")))?)
        } else {
            None
        };
        Ok(Unit { module, functions, memories, has_start, own_name: module_name, alone })
    }
}

fn floats(mode: Mode, policy: FloatPolicy) -> Floats {
    match (mode, policy) {
        (Mode::NonDeterministic, _) => Floats::Native,
        (Mode::Deterministic, FloatPolicy::Soft) => Floats::Soft,
        (Mode::Deterministic, FloatPolicy::Trap) => Floats::Trap,
        (Mode::Deterministic, FloatPolicy::Canonical) => Floats::Canonical,
    }
}

fn key(wasm: &[u8], options: &Options) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(blake3::hash(wasm).as_bytes());
    hasher.update(&options.key());
    *hasher.finalize().as_bytes()
}

fn is_module_name(name: &str) -> bool {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"_.-".contains(&octet);
    (1..=MODULE_NAME).contains(&name.len()) && name.bytes().all(allowed)
}
