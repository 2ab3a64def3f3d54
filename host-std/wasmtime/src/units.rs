//! Modules, lowered and compiled: each once in a process, and once on a machine where there is a cache on disk.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use subvm_core::costs::SetUp;
use subvm_core::{InternalError, InternalErrorKind, Invalid, Wasm};
use wasmtime::Module;

use super::builder::{ModuleEvent, OnModule};
use super::cache::file::{self, Compiled, Facts};
use super::cache::{EngineId, Key, ModuleCache};
use super::engines::{Code, Engines};
use super::frames::Frames;
use super::kept::Kept;
use super::running::Part;
use super::stopped::{Refused, Stopped};
use subvm_lower::{Counters, FunctionMap, Lowered, Options, lower};
use subvm_observe::{self as observe, Found};

/// Compiled modules that are kept in memory, and the bytes of code that they may have together.
const UNITS: (usize, usize) = (256, 1 << 30);
/// Refusals that are kept in memory, and the bytes of their texts.
const REFUSALS: (usize, usize) = (4096, 1 << 20);
/// Locks that keep threads from compiling one module at the same time; those of different modules may meet at one, and wait.
const TURNS: usize = 64;

/// A compiled module, and what the engine must know of it.
pub(super) struct Unit {
    /// On the engine whose traps capture frames.
    captured: Code,
    /// On the other one, once a sub-VM asked for it.
    ignored: OnceLock<Code>,
    pub(super) functions: FunctionMap,
    pub(super) memories: u32,
    pub(super) defined_memories: u32,
    /// What an instance sets up.
    pub(super) set_up: SetUp,
    pub(super) has_start: bool,
    /// From its name section.
    pub(super) own_name: Option<String>,
}

impl Unit {
    fn new(module: Module, facts: Facts<'_>) -> Self {
        let Facts { guest_functions, memories, defined_memories, set_up, has_start, name } = facts;
        Self {
            captured: Code { module, alone: None },
            ignored: OnceLock::new(),
            functions: FunctionMap::new(guest_functions),
            memories,
            defined_memories,
            set_up,
            has_start,
            own_name: name.map(str::to_owned),
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            guest_functions: self.functions.guest_functions(),
            memories: self.memories,
            defined_memories: self.defined_memories,
            set_up: self.set_up,
            has_start: self.has_start,
            name: self.own_name.as_deref(),
        }
    }

    /// Its code. On the engine that ignores frames it is there since [`Units::get`] was asked for it.
    pub(super) fn code(&self, frames: Frames) -> &Code {
        match frames {
            Frames::Captured => &self.captured,
            Frames::Ignored => self.ignored.get().unwrap_or(&self.captured),
        }
    }

    /// What a failure is described by, where it is linked under `name`.
    pub(super) fn part(&self, name: &str) -> Part {
        let (module, functions, memories) = (self.captured.module.clone(), self.functions, self.memories);
        Part { name: name.to_owned(), module, functions, memories }
    }

    /// What its code takes on both engines.
    fn bytes(&self) -> usize {
        let image = self.captured.module.image_range();
        2 * (image.end.addr() - image.start.addr())
    }
}

/// Makes units, and keeps them.
pub(super) struct Units {
    engines: Arc<Engines>,
    id: EngineId,
    cache: Option<ModuleCache>,
    on_module: Option<OnModule>,
    units: Mutex<Kept<Arc<Unit>>>,
    /// A module that is refused must not be validated at each spawn either.
    refusals: Mutex<Kept<Refused>>,
    turns: [Mutex<()>; TURNS],
}

impl Units {
    pub(super) fn new(engines: Arc<Engines>, cache: Option<ModuleCache>, on_module: Option<OnModule>) -> Self {
        Self {
            id: EngineId::of(&engines.of(Frames::Captured).engine),
            engines,
            cache,
            on_module,
            units: Mutex::new(Kept::new(UNITS.0, UNITS.1)),
            refusals: Mutex::new(Kept::new(REFUSALS.0, REFUSALS.1)),
            turns: [const { Mutex::new(()) }; TURNS],
        }
    }

    /// The unit of a module, for the engine that does so with frames.
    ///
    /// # Cost
    /// A look-up, where this process knows the module; its digest comes with it.
    pub(super) fn get(&self, wasm: &Wasm, options: &Options, frames: Frames) -> Result<Arc<Unit>, Stopped> {
        let unit = self.captured(wasm, options)?;
        if frames == Frames::Ignored && unit.ignored.get().is_none() {
            let code = self.copy(&unit.captured.module, options)?;
            // Another thread may have been faster; both are right.
            let _ = unit.ignored.set(code);
        }
        Ok(unit)
    }

    fn captured(&self, wasm: &Wasm, options: &Options) -> Result<Arc<Unit>, Stopped> {
        let key = Key::new(wasm, options, &self.id);
        if let Some(known) = self.known(&key) {
            observe::looked_for(Found::Memory);
            return Ok(known?);
        }
        // Whoever waits here finds the module known afterwards.
        let _turn = locked(&self.turns[usize::from(key.0[0]) % TURNS]);
        if let Some(known) = self.known(&key) {
            return Ok(known?);
        }
        let made = self.make(wasm, options, &key);
        match &made {
            Ok(unit) => locked(&self.units).put(key, Arc::clone(unit), unit.bytes()),
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
            Some(unit) => {
                observe::looked_for(Found::Disk);
                unit
            }
            None => {
                observe::looked_for(Found::Nowhere);
                self.compile_told(wasm, options, key)?
            }
        };
        self.link(&mut unit.captured, options, Frames::Captured)?;
        Ok(Arc::new(unit))
    }

    /// Makes a module that is alone in its sub-VM ready to instantiate.
    fn link(&self, code: &mut Code, options: &Options, frames: Frames) -> Result<(), Refused> {
        if options.ordinal == 0 && options.counters == Counters::Defined {
            let linked = self.engines.of(frames).linker.instantiate_pre(&code.module);
            code.alone = Some(linked.map_err(|error| Refused::unlinkable(&error))?);
        }
        Ok(())
    }

    /// The code of a module on the engine that ignores frames.
    fn copy(&self, module: &Module, options: &Options) -> Result<Code, Stopped> {
        let failed = |error: wasmtime::Error| {
            InternalError::caused_by(InternalErrorKind::Engine, "copying a compiled module", error.into())
        };
        let bytes = module.serialize().map_err(failed)?;
        let engine = &self.engines.of(Frames::Ignored).engine;
        // SAFETY: the bytes are what `Module::serialize` just gave.
        let module = unsafe { Module::deserialize(engine, bytes) }.map_err(failed)?;
        let mut code = Code { module, alone: None };
        self.link(&mut code, options, Frames::Ignored)?;
        Ok(code)
    }

    /// A unit from the cache on disk. What cannot be used is as good as absent.
    fn load(&self, wasm: &Wasm, key: &Key) -> Option<Unit> {
        let bytes = self.cache.as_ref()?.read(key)?;
        let Compiled { facts, code } = file::parse(&bytes, key)?;
        // SAFETY: these bytes are unchanged what `Module::serialize` gave: the digest tells damage, the key (an engine's version,
        // settings and target among it) tells another engine's, and nobody but this user and the administrator can write where they
        // were read (`ModuleCache::open`). They were read once, into memory of this process, before the digest was taken.
        let module = unsafe { Module::deserialize(&self.engines.of(Frames::Captured).engine, code) }.ok()?;
        self.tell(&ModuleEvent::Loaded { bytes: wasm.len() });
        Some(Unit::new(module, facts))
    }

    fn compile_told(&self, wasm: &Wasm, options: &Options, key: &Key) -> Result<Unit, Stopped> {
        let bytes = wasm.len();
        self.tell(&ModuleEvent::Compiling { bytes });
        let start = Instant::now();
        let compiled = self.compile(wasm, options);
        let took = start.elapsed();
        self.tell(&ModuleEvent::Compiled { bytes, took, accepted: compiled.is_ok() });
        observe::compiled(
            match &compiled {
                Ok(_) => observe::Compiled::Done,
                Err(Stopped::Refused(_)) => observe::Compiled::Refused,
                Err(Stopped::Internal(_) | Stopped::Unwound(_)) => observe::Compiled::Failed,
            },
            took,
        );
        let unit = compiled?;
        self.keep(&unit, key);
        Ok(unit)
    }

    fn compile(&self, wasm: &Wasm, options: &Options) -> Result<Unit, Stopped> {
        let lowered =
            lower(wasm, options).map_err(|refusal| Refused::new(Invalid::WasmValidating, refusal.to_string()))?;
        let Lowered { wasm, functions, memories, defined_memories, set_up, has_start, ref module_name, .. } = lowered;
        // What is valid before lowering is valid after it: what fails here is this node's fault, and no verdict on the contract.
        let module = Module::new(&self.engines.of(Frames::Captured).engine, &wasm).map_err(|error| {
            InternalError::caused_by(InternalErrorKind::Engine, "compiling a lowered module", error.into())
        })?;
        let (guest_functions, name) = (functions.guest_functions(), module_name.as_deref());
        Ok(Unit::new(module, Facts { guest_functions, memories, defined_memories, set_up, has_start, name }))
    }

    /// Writes a unit to the cache on disk.
    fn keep(&self, unit: &Unit, key: &Key) {
        let Some(cache) = &self.cache else { return };
        let Ok(code) = unit.captured.module.serialize() else { return };
        let compiled = Compiled { facts: unit.facts(), code: &code };
        if let Err(error) = cache.write(key, &compiled.to_bytes(key)) {
            self.tell(&ModuleEvent::NotKept { error: &error });
        }
    }

    /// Tells who wants to know, whose failure changes nothing.
    fn tell(&self, event: &ModuleEvent<'_>) {
        if let Some(on_module) = &self.on_module {
            observe::quietly(|| on_module(event));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
