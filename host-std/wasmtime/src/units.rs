//! Modules, lowered and compiled: each once in a process, and once on a machine where there is a cache on disk.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use subvm_core::{Cancel, InternalError, InternalErrorKind, Wasm};
use wasmtime::Module;

use super::builder::{ModuleEvent, OnModule};
use super::cache::file::{self, Compiled, Facts};
use super::cache::{EngineId, Key, ModuleCache};
use super::engines::{Code, Engines};
use super::frames::Frames;
use super::unit::Unit;
use super::{Stopped, link};
use subvm_link::{Beside, Jobs, Kept, Library, Refused, Waited, panicked};
use subvm_lower::{Counters, FunctionMap, Look, Lowered, Options, lower};
use subvm_observe::{self as observe, Found};

/// Compiled modules that are kept in memory, and the bytes of code that they may have together.
const UNITS: (usize, usize) = (256, 1 << 30);
/// The most bytes of memory that compiling takes for a value of lowering's estimate (`docs/RATIONALE.md#compiling-is-a-thing-of-its-own`).
const BYTES_FOR_A_VALUE: u64 = 64;
/// Refusals that are kept in memory, and the bytes of their texts.
const REFUSALS: (usize, usize) = (4096, 1 << 20);

/// What came of making a unit, for all who wait for it.
type Made = Result<Arc<Unit>, Failed>;

#[derive(Clone)]
enum Failed {
    Refused(Refused),
    Internal(Shared),
}

/// An internal error that several runs end with.
#[derive(Clone, Debug)]
struct Shared(Arc<InternalError>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl From<Failed> for Stopped {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(refused) => Self::Refused(refused),
            Failed::Internal(error) => {
                let kind = error.0.kind();
                Self::Internal(InternalError::caused_by(kind, "a module could not be made ready", error.into()))
            }
        }
    }
}

/// Where a unit was found, and what came of compiling it: told by the run that brought it about, in whose thread it is listened for.
#[derive(Clone, Copy)]
struct Told(Found, Option<(observe::Compiled, Duration)>);

impl Told {
    fn tell(self) {
        let Self(found, compiled) = self;
        observe::looked_for(found);
        compiled.into_iter().for_each(|(what, took)| observe::compiled(what, took));
    }
}

/// Makes units, each once for all who ask for it, and keeps them.
pub(super) struct Units {
    maker: Arc<Maker>,
    jobs: Jobs<Key, (Made, Told)>,
    processors: usize,
    /// How long a run waits for a unit.
    pub(super) compile_time: Duration,
}

/// What makes units.
struct Maker {
    engines: Arc<Engines>,
    id: EngineId,
    cache: Option<ModuleCache>,
    on_module: Option<OnModule>,
    /// Bytes that compiling a module may take.
    compile_memory: u64,
    look: Option<Arc<dyn Look>>,
    units: Mutex<Kept<Key, Arc<Unit>>>,
    /// A module that is refused must not be validated at each spawn either.
    refusals: Mutex<Kept<Key, Refused>>,
}

impl Units {
    pub(super) fn new(
        engines: Arc<Engines>,
        cache: Option<ModuleCache>,
        on_module: Option<OnModule>,
        (compile_time, compile_memory): (Duration, u64),
        look: Option<Arc<dyn Look>>,
    ) -> Self {
        let maker = Maker {
            id: EngineId::of(&engines.of(Frames::Captured).engine),
            engines,
            cache,
            on_module,
            compile_memory,
            look,
            units: Mutex::new(Kept::new(UNITS.0, UNITS.1)),
            refusals: Mutex::new(Kept::new(REFUSALS.0, REFUSALS.1)),
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { maker: Arc::new(maker), jobs: Jobs::new(processors), processors, compile_time }
    }

    /// The unit of a module, for the engine that does so with frames. What takes long is done `beside` the run.
    ///
    /// # Cost
    /// A look-up, where this process knows the module; its digest comes with it.
    pub(super) fn get(
        &self,
        wasm: &Wasm,
        options: &Options,
        frames: Frames,
        beside: &mut Beside<'_>,
    ) -> Result<Arc<Unit>, Stopped> {
        let key = Key::new(wasm, options, &self.maker.id);
        let ready = |unit: &Unit| frames == Frames::Captured || unit.ignored.get().is_some();
        if let Some(known) = self.maker.known(&key)
            && !known.as_ref().is_ok_and(|unit| !ready(unit))
        {
            observe::looked_for(Found::Memory);
            return Ok(known?);
        }
        loop {
            let cancel = beside.cancel.clone();
            let unit = beside.done(|| self.make(wasm, options, key, frames, cancel.as_ref()))??;
            // Who brought it about may not have needed it on both engines.
            if ready(&unit) {
                return Ok(unit);
            }
        }
    }

    /// Whether who asks for the unit of a module waits for no compiler: it is known, or on disk.
    pub(super) fn is_ready(&self, wasm: &Wasm, options: &Options) -> bool {
        let key = Key::new(wasm, options, &self.maker.id);
        self.maker.known(&key).is_some() || self.maker.cache.as_ref().is_some_and(|cache| cache.has(&key))
    }

    /// Begins to make a unit that is not ready, unless as many are being made as half of the processors. What comes of it is for who asks next:
    /// nobody is told of a failure, and nothing is begun where there is no thread for it.
    pub(super) fn offer(&self, wasm: &Wasm, options: &Options) {
        let key = Key::new(wasm, options, &self.maker.id);
        let (maker, wasm, options) = (Arc::clone(&self.maker), wasm.clone(), *options);
        let _ = self.jobs.offer(key, self.processors.div_ceil(2), move || {
            let (made, told) = maker.make_kept(&wasm, &options, &key, Frames::Ignored);
            observe::quietly(|| told.tell());
            (made, told)
        });
    }

    /// Has a unit made, or waits for who makes it already.
    fn make(
        &self,
        wasm: &Wasm,
        options: &Options,
        key: Key,
        frames: Frames,
        cancel: Option<&Cancel>,
    ) -> Result<Arc<Unit>, Stopped> {
        let (maker, wasm, options) = (Arc::clone(&self.maker), wasm.clone(), *options);
        let bytes = wasm.len();
        let work = move || maker.make_kept(&wasm, &options, &key, frames);
        let waited = self.jobs.wait(key, self.compile_time, cancel, work);
        let waited = waited.map_err(|error| {
            InternalError::caused_by(InternalErrorKind::Engine, "starting a thread that compiles", error.into())
        })?;
        match waited {
            Waited::Done { value: (made, told), first } => {
                if first {
                    told.tell();
                }
                Ok(made?)
            }
            Waited::GaveUp if cancel.is_some_and(Cancel::is_cancelled) => {
                let what = "the run was cancelled while a module was compiled";
                Err(InternalError::new(InternalErrorKind::Cancelled, what).into())
            }
            Waited::GaveUp => Err(InternalError::new(
                InternalErrorKind::Deadline,
                format!(
                    "compiling a module of {bytes} bytes takes longer than the {:?} that the engine allows: prepare packages when they are \
                    deployed (WasmtimeEngine::prepare), or allow more (EngineBuilder::compile_time)",
                    self.compile_time
                ),
            )
            .into()),
        }
    }
}

impl Maker {
    /// A unit, kept for who asks next. It does not unwind.
    fn make_kept(&self, wasm: &Wasm, options: &Options, key: &Key, frames: Frames) -> (Made, Told) {
        let mut told = Told(Found::Nowhere, None);
        let made = catch_unwind(AssertUnwindSafe(|| self.make_for(wasm, options, key, frames, &mut told)));
        let made = made.unwrap_or_else(|panic| {
            let error = panicked(&*panic);
            // To drop what was thrown could panic again.
            std::mem::forget(panic);
            Err(error.into())
        });
        let made = made.map_err(|stopped| match stopped {
            Stopped::Refused(refused) => Failed::Refused(refused),
            Stopped::Internal(error) => Failed::Internal(Shared(Arc::new(error))),
            Stopped::Unwound(error) => {
                let what = "making a module ready";
                let error = InternalError::caused_by(InternalErrorKind::Engine, what, error.into());
                Failed::Internal(Shared(Arc::new(error)))
            }
        });
        match &made {
            Ok(_) => {}
            Err(Failed::Refused(refused)) => locked(&self.refusals).put(*key, refused.clone(), refused.why.len()),
            // This node failed, and may do better next time.
            Err(Failed::Internal(_)) => {}
        }
        (made, told)
    }

    /// A unit, on the engine that does so with frames.
    fn make_for(
        &self,
        wasm: &Wasm,
        options: &Options,
        key: &Key,
        frames: Frames,
        told: &mut Told,
    ) -> Result<Arc<Unit>, Stopped> {
        // Whoever asked before may have made it meanwhile.
        let unit = match self.known(key) {
            Some(known) => {
                *told = Told(Found::Memory, None);
                known?
            }
            None => {
                let unit = self.make(wasm, options, key, told)?;
                let (modules, bytes) = {
                    let mut units = locked(&self.units);
                    units.put(*key, Arc::clone(&unit), unit.bytes());
                    units.held()
                };
                observe::kept(modules, bytes);
                unit
            }
        };
        if frames == Frames::Ignored && unit.ignored.get().is_none() {
            // Another thread may have been faster; both are right.
            let _ = unit.ignored.set(self.copy(&unit.captured.module, options)?);
        }
        Ok(unit)
    }

    fn known(&self, key: &Key) -> Option<Result<Arc<Unit>, Refused>> {
        let unit = locked(&self.units).get(key);
        unit.map(Ok).or_else(|| locked(&self.refusals).get(key).map(Err))
    }

    fn make(
        &self,
        wasm: &Wasm,
        options: &Options,
        key: &Key,
        Told(found, compiled): &mut Told,
    ) -> Result<Arc<Unit>, Stopped> {
        let mut unit = match self.load(wasm, options, key) {
            Some(unit) => {
                *found = Found::Disk;
                unit
            }
            None => self.compile_told(wasm, options, key, compiled)?,
        };
        self.link(&mut unit.captured, options, Frames::Captured)?;
        Ok(Arc::new(unit))
    }

    /// Makes a module that is alone in its sub-VM ready to instantiate.
    fn link(&self, code: &mut Code, options: &Options, frames: Frames) -> Result<(), Refused> {
        if options.ordinal == 0 && options.counters == Counters::Defined {
            let linked = self.engines.of(frames).linker.instantiate_pre(&code.module);
            code.alone = Some(linked.map_err(|error| link::refused(&code.module, |_, _| Library::Unknown, &error))?);
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
        let mut code = Code::new(module);
        self.link(&mut code, options, Frames::Ignored)?;
        Ok(code)
    }

    /// A unit from the cache on disk. What cannot be used is as good as absent.
    fn load(&self, wasm: &Wasm, options: &Options, key: &Key) -> Option<Unit> {
        let bytes = self.cache.as_ref()?.read(key)?;
        let Compiled { facts, code } = file::parse(&bytes, key)?;
        // SAFETY: these bytes are unchanged what `Module::serialize` gave: the digest tells damage, the key (an engine's version,
        // settings and target among it) tells another engine's, and nobody but this user and the administrator can write where they
        // were read (`ModuleCache::open`). They were read once, into memory of this process, before the digest was taken.
        let module = unsafe { Module::deserialize(&self.engines.of(Frames::Captured).engine, code) }.ok()?;
        self.tell(&ModuleEvent::Loaded { bytes: wasm.len() });
        Some(Unit::new(module, FunctionMap::new(facts.guest_functions), options, facts))
    }

    fn compile_told(
        &self,
        wasm: &Wasm,
        options: &Options,
        key: &Key,
        told: &mut Option<(observe::Compiled, Duration)>,
    ) -> Result<Unit, Stopped> {
        let bytes = wasm.len();
        self.tell(&ModuleEvent::Compiling { bytes });
        let start = Instant::now();
        let compiled = self.compile(wasm, options);
        let took = start.elapsed();
        self.tell(&ModuleEvent::Compiled { bytes, took, accepted: compiled.is_ok() });
        *told = Some((
            match &compiled {
                Ok(_) => observe::Compiled::Done,
                Err(Stopped::Refused(_)) => observe::Compiled::Refused,
                Err(Stopped::Internal(_) | Stopped::Unwound(_)) => observe::Compiled::Failed,
            },
            took,
        ));
        let unit = compiled?;
        self.keep(&unit, key);
        Ok(unit)
    }

    fn compile(&self, wasm: &Wasm, options: &Options) -> Result<Unit, Stopped> {
        let bytes = wasm.len();
        let lowered = match &self.look {
            Some(look) => look.lower(wasm, options),
            None => lower(wasm, options),
        };
        let lowered = lowered.map_err(Refused::from)?;
        let Lowered {
            wasm, functions, memories, defined_memories, set_up, has_start, ref module_name, ref report, ..
        } = lowered;
        let values = report.priced_values;
        let memory = values.saturating_mul(BYTES_FOR_A_VALUE);
        if memory > self.compile_memory {
            return Err(InternalError::new(
                InternalErrorKind::Engine,
                format!(
                    "compiling a module of {} bytes may take {} MiB, where this engine allows {}: allow more (EngineBuilder::compile_memory), or \
                    compile it elsewhere into the same cache on disk",
                    bytes,
                    memory >> 20,
                    self.compile_memory >> 20
                ),
            )
            .into());
        }
        // What is valid before lowering is valid after it: what fails here is this node's fault, and no verdict on the contract.
        let module = Module::new(&self.engines.of(Frames::Captured).engine, &wasm).map_err(|error| {
            InternalError::caused_by(InternalErrorKind::Engine, "compiling a lowered module", error.into())
        })?;
        let (guest_functions, name) = (functions.guest_functions(), module_name.as_deref());
        Ok(Unit::new(
            module,
            functions,
            options,
            Facts { guest_functions, memories, defined_memories, set_up, values, has_start, name },
        ))
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
