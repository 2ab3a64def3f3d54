//! Modules, lowered and compiled: each once in a process, and once on a machine where there is a cache on disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use subvm_core::{InternalError, InternalErrorKind, Invalid, VmError, Wasm};
use wasmtime::{Engine, InstancePre, Linker, Module};

use super::builder::{ModuleEvent, OnModule};
use super::cache::file::{self, Compiled};
use super::cache::{EngineId, Key, ModuleCache};
use super::drive::Stopped;
use super::kept::Kept;
use super::running::Running;
use crate::lower::{Counters, FunctionMap, Lowered, Options, lower};

/// Compiled modules that are kept in memory, and the octets of code that they may have together.
const UNITS: (usize, usize) = (256, 1 << 30);
/// Refusals that are kept in memory, and the octets of their texts.
const REFUSALS: (usize, usize) = (4096, 1 << 20);
/// Locks that keep threads from compiling one module at the same time; those of different modules may meet at one, and wait.
const TURNS: usize = 64;

/// Why a package cannot run: what consensus sees, and what people should know.
#[derive(Clone, Debug)]
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

impl Unit {
    /// What its code takes.
    fn octets(&self) -> usize {
        let image = self.module.image_range();
        image.end.addr() - image.start.addr()
    }
}

/// Makes units, and keeps them.
pub(super) struct Units {
    engine: Engine,
    id: EngineId,
    /// The host's functions for a module that is alone in its sub-VM.
    linker: Linker<Running>,
    cache: Option<ModuleCache>,
    on_module: Option<OnModule>,
    units: Mutex<Kept<Arc<Unit>>>,
    /// A module that is refused must not be validated at each spawn either.
    refusals: Mutex<Kept<Refused>>,
    turns: [Mutex<()>; TURNS],
}

impl Units {
    pub(super) fn new(
        engine: &Engine,
        linker: Linker<Running>,
        cache: Option<ModuleCache>,
        on_module: Option<OnModule>,
    ) -> Self {
        Self {
            engine: engine.clone(),
            id: EngineId::of(engine),
            linker,
            cache,
            on_module,
            units: Mutex::new(Kept::new(UNITS.0, UNITS.1)),
            refusals: Mutex::new(Kept::new(REFUSALS.0, REFUSALS.1)),
            turns: [const { Mutex::new(()) }; TURNS],
        }
    }

    /// The unit of a module.
    ///
    /// # Cost
    /// A look-up, where this process knows the module; its digest comes with it.
    pub(super) fn get(&self, wasm: &Wasm, options: &Options) -> Result<Arc<Unit>, Stopped> {
        let key = Key::new(wasm, options, &self.id);
        if let Some(known) = self.known(&key) {
            return Ok(known?);
        }
        // Whoever waits here finds the module known afterwards.
        let _turn = locked(&self.turns[usize::from(key.0[0]) % TURNS]);
        if let Some(known) = self.known(&key) {
            return Ok(known?);
        }
        let made = self.make(wasm, options, &key);
        match &made {
            Ok(unit) => locked(&self.units).put(key, Arc::clone(unit), unit.octets()),
            Err(Stopped::Refused(refused)) => locked(&self.refusals).put(key, refused.clone(), refused.why.len()),
            // This node failed, and may do better next time.
            Err(Stopped::Internal(_) | Stopped::Unwound(_)) => {}
        }
        made
    }

    fn known(&self, key: &Key) -> Option<Result<Arc<Unit>, Refused>> {
        let unit = locked(&self.units).get(key);
        unit.map(Ok).or_else(|| locked(&self.refusals).get(key).map(Err))
    }

    fn make(&self, wasm: &Wasm, options: &Options, key: &Key) -> Result<Arc<Unit>, Stopped> {
        let mut unit = match self.load(wasm, key) {
            Some(unit) => unit,
            None => self.compile_told(wasm, options, key)?,
        };
        if options.ordinal == 0 && options.counters == Counters::Defined {
            let linked = self.linker.instantiate_pre(&unit.module);
            unit.alone = Some(linked.map_err(|error| Refused::new(Invalid::WasmLinking, format!("{error:#}")))?);
        }
        Ok(Arc::new(unit))
    }

    /// A unit from the cache on disk. What cannot be used is as good as absent.
    fn load(&self, wasm: &Wasm, key: &Key) -> Option<Unit> {
        let octets = self.cache.as_ref()?.read(key)?;
        let Compiled { guest_functions, memories, has_start, name, code } = file::parse(&octets, key)?;
        // SAFETY: these octets are unchanged what `Module::serialize` gave: the digest tells damage, the key (an engine's version,
        // settings and target among it) tells another engine's, and nobody but this user and the administrator can write where they
        // were read (`ModuleCache::open`). They were read once, into memory of this process, before the digest was taken.
        let module = unsafe { Module::deserialize(&self.engine, code) }.ok()?;
        self.tell(&ModuleEvent::Loaded { octets: wasm.len() });
        let functions = FunctionMap::new(guest_functions);
        Some(Unit { module, functions, memories, has_start, own_name: name.map(str::to_owned), alone: None })
    }

    fn compile_told(&self, wasm: &Wasm, options: &Options, key: &Key) -> Result<Unit, Stopped> {
        let octets = wasm.len();
        self.tell(&ModuleEvent::Compiling { octets });
        let start = Instant::now();
        let compiled = self.compile(wasm, options);
        self.tell(&ModuleEvent::Compiled { octets, took: start.elapsed(), accepted: compiled.is_ok() });
        let unit = compiled?;
        self.keep(&unit, key);
        Ok(unit)
    }

    fn compile(&self, wasm: &Wasm, options: &Options) -> Result<Unit, Stopped> {
        let Lowered { wasm, functions, memories, has_start, module_name, .. } =
            lower(wasm, options).map_err(|refusal| Refused::new(Invalid::WasmValidating, refusal.to_string()))?;
        // What is valid before lowering is valid after it: what fails here is this node's fault, and no verdict on the contract.
        let module = Module::new(&self.engine, &wasm).map_err(|error| {
            InternalError::caused_by(InternalErrorKind::Engine, "compiling a lowered module", error.into())
        })?;
        Ok(Unit { module, functions, memories, has_start, own_name: module_name, alone: None })
    }

    /// Writes a unit to the cache on disk.
    fn keep(&self, unit: &Unit, key: &Key) {
        let Some(cache) = &self.cache else { return };
        let Ok(code) = unit.module.serialize() else { return };
        let compiled = Compiled {
            guest_functions: unit.functions.guest_functions(),
            memories: unit.memories,
            has_start: unit.has_start,
            name: unit.own_name.as_deref(),
            code: &code,
        };
        if let Err(error) = cache.write(key, &compiled.to_octets(key)) {
            self.tell(&ModuleEvent::NotKept { error: &error });
        }
    }

    /// Tells who wants to know, whose failure changes nothing.
    fn tell(&self, event: &ModuleEvent<'_>) {
        if let Some(on_module) = &self.on_module {
            let _ = catch_unwind(AssertUnwindSafe(|| on_module(event)));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
