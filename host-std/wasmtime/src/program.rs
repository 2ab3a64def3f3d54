//! Programs: a package's modules in the order of linking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use subvm_core::costs::MEMORIES;
use subvm_core::{FloatPolicy, Invalid, Mode, Package};
use wasmtime::Linker;

use super::builder::OnModule;
use super::cache::ModuleCache;
use super::engines::Engines;
use super::frames::Frames;
use super::host_calls;
use super::running::Running;
use super::stopped::{Refused, Stopped};
use super::units::{Beside, Unit, Units};
use subvm_lower::{Counters, Floats, HOST_MODULES, Options};

/// The functions of the host, as modules import them.
type HostFunctions = Arc<Linker<Running>>;

/// Bytes that the name of a linked module may have.
const MODULE_NAME: usize = 64;
/// What the start module is called that has no name of its own.
const MAIN: &str = "main";

/// The modules of a package in the order of linking, the start module last.
pub(super) struct Program {
    /// Name and module.
    pub(super) parts: Vec<(String, Arc<Unit>)>,
    /// Host functions for every ordinal, shared by all sub-VMs; nothing where the start module is alone.
    pub(super) host: Option<HostFunctions>,
    /// Memories that the modules define.
    pub(super) memories: u32,
}

/// Makes programs.
pub(super) struct Programs {
    engines: Arc<Engines>,
    units: Units,
    /// By the number of libraries: to define host functions for each takes longer than to instantiate it.
    linkers: Mutex<HashMap<(usize, Frames), HostFunctions>>,
}

impl std::fmt::Debug for Programs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Programs").finish_non_exhaustive()
    }
}

impl Programs {
    pub(super) fn new(
        engines: Arc<Engines>,
        cache: Option<ModuleCache>,
        on_module: Option<OnModule>,
        compile_time: Duration,
    ) -> Self {
        let units = Units::new(Arc::clone(&engines), cache, on_module, compile_time);
        Self { engines, units, linkers: Mutex::default() }
    }

    /// How long a run waits for a module, and by how much compiling moves its deadline.
    pub(super) fn compile_time(&self) -> Duration {
        self.units.compile_time
    }

    /// The program of a package, under the consensus parameters' policy for floats, for the engine that does so with frames. What takes long is
    /// done `beside` the run.
    pub(super) fn load(
        &self,
        package: &Package,
        mode: Mode,
        policy: FloatPolicy,
        frames: Frames,
        beside: &mut Beside<'_>,
    ) -> Result<Program, Stopped> {
        let floats = floats(mode, policy);
        let mut parts: Vec<(String, Arc<Unit>)> = Vec::with_capacity(package.libraries.len() + 1);
        for library in &package.libraries {
            let name = &library.name;
            if !is_module_name(name) || is_taken(name, &parts) {
                let why = format!("library name {name:?} is malformed or taken: use 1 to 64 of A-Z a-z 0-9 _ . -");
                return Err(Refused::new(Invalid::WasmLinking, why).into());
            }
            let options = options(floats, parts.len() as u32 + 1, parts.is_empty());
            parts.push((name.clone(), self.units.get(&library.wasm, &options, frames, beside)?));
        }
        let start = self.units.get(&package.start, &options(floats, 0, parts.is_empty()), frames, beside)?;
        let host = if parts.is_empty() { None } else { Some(self.host(parts.len(), frames)?) };
        let own_name = start.own_name.as_deref().filter(|name| is_module_name(name) && !is_taken(name, &parts));
        let name = own_name.unwrap_or(MAIN).to_owned();
        if is_taken(&name, &parts) {
            let why = "a library is named main, which is the start module's name";
            return Err(Refused::new(Invalid::WasmLinking, why).into());
        }
        parts.push((name, start));
        let memories: u32 = parts.iter().map(|(_, unit)| unit.defined_memories).sum();
        if memories > MEMORIES {
            let why = format!("its modules define {memories} memories; a package may have {MEMORIES}");
            return Err(Refused::new(Invalid::WasmLinking, why).into());
        }
        Ok(Program { parts, host, memories })
    }

    /// Host functions for a start module and so many libraries.
    fn host(&self, libraries: usize, frames: Frames) -> Result<HostFunctions, Refused> {
        let mut linkers = self.linkers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(linker) = linkers.get(&(libraries, frames)) {
            return Ok(Arc::clone(linker));
        }
        let mut linker = self.engines.of(frames).linker.clone();
        (1..=libraries as u32)
            .try_for_each(|ordinal| host_calls::define(&mut linker, ordinal))
            .map_err(|error| Refused::unlinkable(&error))?;
        let linker = Arc::new(linker);
        linkers.insert((libraries, frames), Arc::clone(&linker));
        Ok(linker)
    }
}

fn options(floats: Floats, ordinal: u32, first: bool) -> Options {
    let counters = if first { Counters::Defined } else { Counters::Imported };
    Options { floats, counters, ordinal, ..Options::default() }
}

fn floats(mode: Mode, policy: FloatPolicy) -> Floats {
    match (mode, policy) {
        (Mode::NonDeterministic, _) => Floats::Native,
        (Mode::Deterministic, FloatPolicy::Soft) => Floats::Soft,
        (Mode::Deterministic, FloatPolicy::Trap) => Floats::Trap,
        (Mode::Deterministic, FloatPolicy::Canonical) => Floats::Canonical,
    }
}

fn is_module_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=MODULE_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

fn is_taken(name: &str, parts: &[(String, Arc<Unit>)]) -> bool {
    HOST_MODULES.contains(&name) || parts.iter().any(|(taken, _)| taken == name)
}
