//! Programs: a package's modules in the order of linking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use subvm_core::costs::MEMORIES;
use subvm_core::{Invalid, Package};
use wasmtime::Linker;

use super::builder::OnModule;
use super::cache::ModuleCache;
use super::engines::Engines;
use super::frames::Frames;
use super::host_calls;
use super::running::Running;
use super::stopped::{Refused, Stopped};
use super::units::{Beside, Unit, Units};
use subvm_lower::{Counters, Look, Options, Watch, is_library_name, start_name};

/// The functions of the host, as modules import them.
type HostFunctions = Arc<Linker<Running>>;

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
    /// What modules tell of themselves.
    watch: Watch,
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
        (watch, look): (Watch, Option<Arc<dyn Look>>),
    ) -> Self {
        let units = Units::new(Arc::clone(&engines), cache, on_module, compile_time, look);
        Self { engines, units, linkers: Mutex::default(), watch }
    }

    /// How long a run waits for a module, and by how much compiling moves its deadline.
    pub(super) fn compile_time(&self) -> Duration {
        self.units.compile_time
    }

    /// The program of a package, lowered as `options` say, for the engine that does so with frames. What takes long is
    /// done `beside` the run.
    pub(super) fn load(
        &self,
        package: &Package,
        options: Options,
        frames: Frames,
        beside: &mut Beside<'_>,
    ) -> Result<Program, Stopped> {
        let options = |ordinal: usize, first: bool| Options {
            counters: Counters::of(first),
            ordinal: ordinal as u32,
            watch: self.watch,
            ..options
        };
        let mut parts: Vec<(String, Arc<Unit>)> = Vec::with_capacity(package.libraries.len() + 1);
        for library in &package.libraries {
            let name = &library.name;
            if !is_library_name(name, |name| is_taken(name, &parts)) {
                let why = format!("library name {name:?} is malformed or taken: use 1 to 64 of A-Z a-z 0-9 _ . -");
                return Err(Refused::new(Invalid::WasmLinking, why).into());
            }
            let options = options(parts.len() + 1, parts.is_empty());
            parts.push((name.clone(), self.units.get(&library.wasm, &options, frames, beside)?));
        }
        let start = self.units.get(&package.start, &options(0, parts.is_empty()), frames, beside)?;
        let host = if parts.is_empty() { None } else { Some(self.host(parts.len(), frames)?) };
        let Some(name) = start_name(start.own_name.as_deref(), |name| is_taken(name, &parts)) else {
            let why = "a library is named main, which is the start module's name";
            return Err(Refused::new(Invalid::WasmLinking, why).into());
        };
        parts.push((name.to_owned(), start));
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

fn is_taken(name: &str, parts: &[(String, Arc<Unit>)]) -> bool {
    parts.iter().any(|(taken, _)| taken == name)
}
