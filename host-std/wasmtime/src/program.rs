//! Programs: a package's modules in the order of linking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use subvm_core::Package;
use wasmtime::Linker;

use super::Stopped;
use super::builder::OnModule;
use super::cache::ModuleCache;
use super::engines::Engines;
use super::frames::Frames;
use super::host_calls;
use super::running::Running;
use super::unit::Unit;
use super::units::Units;
use subvm_link::Beside;
use subvm_lower::{Look, Options, Watch};

/// The functions of the host, as modules import them.
type HostFunctions = Arc<Linker<Running>>;

/// The modules of a package in the order of linking, the start module last.
pub(super) struct Program {
    /// The modules, by name.
    pub(super) modules: subvm_link::Program<Unit>,
    /// Host functions for every ordinal, shared by all sub-VMs; nothing where the start module is alone.
    pub(super) host: Option<HostFunctions>,
}

/// Makes programs.
pub(super) struct Programs {
    engines: Arc<Engines>,
    pub(super) units: Units,
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
        compile: (Duration, u64),
        (watch, look): (Watch, Option<Arc<dyn Look>>),
    ) -> Self {
        let units = Units::new(Arc::clone(&engines), cache, on_module, compile, look);
        Self { engines, units, linkers: Mutex::default(), watch }
    }

    /// How long a run waits for a module, and by how much compiling moves its deadline.
    pub(super) fn compile_time(&self) -> Duration {
        self.units.compile_time
    }

    /// As `options` say, and what those who watch want.
    pub(super) fn options(&self, options: Options) -> Options {
        Options { watch: self.watch, ..options }
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
        let modules = subvm_link::Program::load(package, self.options(options), |wasm, options| {
            self.units.get(wasm, options, frames, beside)
        })?;
        let libraries = package.libraries.len();
        let host = if libraries == 0 { None } else { Some(self.host(libraries, frames)?) };
        Ok(Program { modules, host })
    }

    /// Host functions for a start module and so many libraries.
    fn host(&self, libraries: usize, frames: Frames) -> Result<HostFunctions, Stopped> {
        let mut linkers = self.linkers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(linker) = linkers.get(&(libraries, frames)) {
            return Ok(Arc::clone(linker));
        }
        let mut linker = self.engines.of(frames).linker.clone();
        (1..=libraries as u32)
            .try_for_each(|ordinal| host_calls::define(&mut linker, ordinal))
            .map_err(Stopped::Unwound)?;
        let linker = Arc::new(linker);
        linkers.insert((libraries, frames), Arc::clone(&linker));
        Ok(linker)
    }
}
