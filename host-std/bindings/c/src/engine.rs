//! Engines.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use subvm_core::host::Catch;
use subvm_core::{Engine, Finished, SubVm};
use subvm_tiered::TieredEngine;
use subvm_wasmi::WasmiEngine;
use subvm_wasmtime::cache::ModuleCache;
use subvm_wasmtime::{EngineBuilder, FloatState, PrepareError, Prepared, WasmtimeEngine, restore_for_guests};

use crate::border::{Sized_, argument, borrowed, guard, put, slice, text};
use crate::error::{SUBVM_ERROR_REFUSED, SUBVM_ERROR_SETUP, subvm_error_t};
use crate::package::subvm_package_t;
use crate::params::decoded;
use crate::subvm_bytes_t;

/// Modules are compiled: what a node has.
pub const SUBVM_ENGINE_WASMTIME: u32 = 0;
/// Modules are interpreted: nothing is compiled, and runs take some ten times as long. Receipts are the same.
pub const SUBVM_ENGINE_WASMI: u32 = 1;
/// Modules are interpreted until they have been compiled in the background. Receipts are the same.
pub const SUBVM_ENGINE_TIERED: u32 = 2;

/// What an engine is to be. None of it changes a receipt. Where all but `size` is zero, it is the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_engine_options_t {
    /// sizeof(subvm_engine_options_t).
    pub size: usize,
    /// SUBVM_ENGINE_WASMTIME or another.
    pub kind: u32,
    /// A directory that keeps compiled modules, as UTF-8; empty: they are kept in memory only. It is made where it is missing, and nobody else may
    /// write to it.
    pub cache: subvm_bytes_t,
    /// The most bytes that the directory may hold; 0: 1 GiB.
    pub cache_bytes: u64,
    /// Nanoseconds that a run waits for a module to be compiled; 0: five minutes.
    pub compile_nanos: u64,
    /// Bytes of memory beyond which a module is not compiled, by an estimate; 0: what chains accept is the bound.
    pub compile_memory: u64,
}

impl Sized_ for subvm_engine_options_t {
    const NAME: &'static str = "subvm_engine_options_t";
}

/// Runs contracts. One is enough for a process: any number of threads may use it at once. Free it with subvm_engine_free.
pub struct subvm_engine_t(Kind);

enum Kind {
    Compiles(Arc<WasmtimeEngine>),
    Interprets(Arc<Interpreter>),
    Both(Arc<TieredEngine>),
}

/// wasmi, which has no `unsafe` to see to the floats' state by itself.
struct Interpreter(WasmiEngine);

impl Engine for Interpreter {
    fn run(&self, vm: Box<SubVm>) -> Finished {
        let _floats = FloatState::for_guests();
        self.0.run(vm)
    }

    fn catch(&self) -> Catch {
        self.0.catch()
    }
}

impl subvm_engine_t {
    pub(crate) fn engine(&self) -> Arc<dyn Engine> {
        match &self.0 {
            Kind::Compiles(engine) => engine.clone(),
            Kind::Interprets(engine) => engine.clone(),
            Kind::Both(engine) => engine.clone(),
        }
    }

    fn new(options: Option<subvm_engine_options_t>) -> Result<Self, subvm_error_t> {
        let kind = options.map_or(SUBVM_ENGINE_WASMTIME, |options| options.kind);
        if kind == SUBVM_ENGINE_WASMI {
            let engine = WasmiEngine::new().restoring_floats(restore_for_guests);
            return Ok(Self(Kind::Interprets(Arc::new(Interpreter(engine)))));
        }
        let builder = options.map_or_else(|| Ok(WasmtimeEngine::builder()), |options| builder(&options))?;
        let compiler = || {
            builder.build().map_err(|error| subvm_error_t::new(SUBVM_ERROR_SETUP, &format!("the engine: {error:#}")))
        };
        Ok(Self(match kind {
            SUBVM_ENGINE_WASMTIME => Kind::Compiles(Arc::new(compiler()?)),
            SUBVM_ENGINE_TIERED => Kind::Both(Arc::new(TieredEngine::new(compiler()?))),
            other => return Err(argument(format!("engine options: kind {other} is none of SUBVM_ENGINE_*"))),
        }))
    }
}

fn builder(options: &subvm_engine_options_t) -> Result<EngineBuilder, subvm_error_t> {
    let mut builder = WasmtimeEngine::builder();
    // SAFETY: by the rules for pointers.
    let (cache, directory) = unsafe { (slice(options.cache, "options.cache")?, text(options.cache, "options.cache")?) };
    if !cache.is_empty() {
        let bytes = if options.cache_bytes == 0 { ModuleCache::BYTES } else { options.cache_bytes };
        let cache = ModuleCache::open(Path::new(directory), bytes);
        builder = builder.cache(cache.map_err(|error| subvm_error_t::of(SUBVM_ERROR_SETUP, &error))?);
    }
    if options.compile_nanos != 0 {
        builder = builder.compile_time(Duration::from_nanos(options.compile_nanos));
    }
    Ok(if options.compile_memory == 0 { builder } else { builder.compile_memory(options.compile_memory) })
}

/// Makes an engine; `options` may be NULL. The first one of a process that compiles takes over SIGSEGV, SIGILL, SIGFPE and SIGBUS, and hands on
/// those that no guest caused to who had them before.
///
/// SUBVM_ERROR_SETUP where the machine does not allow it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_engine_new(
    options: *const subvm_engine_options_t,
    engine: *mut *mut subvm_engine_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let options = if options.is_null() { None } else { Some(unsafe { crate::border::sized(options)? }) };
        if engine.is_null() {
            return Err(argument("engine is NULL"));
        }
        let made = Box::new(subvm_engine_t::new(options)?);
        // SAFETY: by the rules for pointers.
        unsafe { put(engine, "engine", Box::into_raw(made)) }
    })
}

/// Validates and compiles the modules of a package under parameters (canonical bytes), and keeps them: what a node does when a contract is
/// deployed, so that no run has to. `ticks` is what a chain charges for it; it is the same on every node. SUBVM_ENGINE_WASMI has no such thing.
///
/// SUBVM_ERROR_REFUSED where the package cannot run on any node; else this node failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_engine_prepare(
    engine: *const subvm_engine_t,
    package: *const subvm_package_t,
    params: subvm_bytes_t,
    ticks: *mut u64,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (engine, package, params) =
            unsafe { (borrowed(engine, "engine")?, borrowed(package, "package")?, slice(params, "params")?) };
        let params = decoded(params)?;
        let Prepared { ticks: cost, .. } = match &engine.0 {
            Kind::Compiles(engine) => engine.prepare(&package.0, &params),
            Kind::Both(engine) => engine.prepare(&package.0, &params),
            Kind::Interprets(_) => return Err(argument("an engine of SUBVM_ENGINE_WASMI prepares nothing")),
        }
        .map_err(|error| match error {
            PrepareError::Internal(error) => error.into(),
            refused => subvm_error_t::new(SUBVM_ERROR_REFUSED, &refused.to_string()),
        })?;
        // SAFETY: by the rules for pointers.
        unsafe { put(ticks, "ticks", cost) }
    })
}

/// Frees an engine that no run uses. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_engine_free(engine: *mut subvm_engine_t) {
    crate::border::or((), || {
        if !engine.is_null() {
            // SAFETY: it is of `subvm_engine_new`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(engine) });
        }
    });
}
