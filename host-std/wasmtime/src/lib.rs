//! The engine: sub-VMs on stock wasmtime.
//!
//! A module is lowered ([`subvm_lower`]) and compiled once (`units`, [`cache`]); each sub-VM runs in a store of its own, on a fiber with a bounded
//! stack of its own (`drive`), since a host call may start another; host functions come from one list (`host_calls`).
//! Stacks and memories are used again (`reuse`); hardware floats compute in one state (`float_state`).

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use subvm_core::costs::{FINGERPRINT_FRAMES_MOST, STACK_UNITS};
use subvm_core::host::Catch;
use subvm_core::{Engine, Finished, Outcome, SubVm};
use subvm_link::{ZeroTrees, panicked};
use wasmtime::{Config, Inlining, OptLevel, Store, WasmBacktraceDetails, WasmFeatures};

mod builder;
pub mod cache;
mod deadline;
mod drive;
mod ended;
mod engines;
mod float_state;
mod frames;
mod host_calls;
mod link;
mod look;
mod mappings;
pub mod pages;
mod prepare;
mod program;
mod ready;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod reuse;
mod running;
mod unit;
mod units;
mod watch;

pub use builder::{EngineBuilder, ModuleEvent};
use deadline::Ticker;
use ended::Concluded;
use engines::Engines;
pub use float_state::{FloatState, restore_for_guests};
use frames::Frames;
pub use mappings::Nest;
pub use prepare::{PrepareError, Prepared};
use program::Programs;
use running::Running;
use subvm_lower::{BYTES_PER_UNIT, EXCEPTIONS, FEATURES, Look, OnFailure, RESERVED_BYTES, Watch};
use subvm_profile::Watcher;

/// Why a sub-VM did not fall off the end of its entry.
type Stopped = subvm_link::Stopped<wasmtime::Error>;

/// Bytes of native stack that a guest may use: what its stack units stand for, so that they always run out first.
const GUEST_STACK: usize = STACK_UNITS as usize * BYTES_PER_UNIT + RESERVED_BYTES;
/// Bytes of a fiber's stack beyond what guests may use: for host functions, and for what they call.
const HOST_STACK: usize = 2 << 20;
/// The interpreter for this machine's pointers and byte order.
const PULLEY: &str = if cfg!(target_endian = "big") { "pulley64be" } else { "pulley64" };
/// Frames that a backtrace may hold, for which room is made at each: what a fingerprint can list, and what lowering added. That is a start
/// wrapper outermost, and innermost what a guest's function calls in place of an instruction: never 64 in all.
const MAX_FRAMES: usize = FINGERPRINT_FRAMES_MOST as usize + 64;

/// How modules become machine code. It changes no result: every one gives the same receipts.
///
/// ```
/// use subvm_wasmtime::{Codegen, WasmtimeEngine};
/// // A second opinion on a receipt that nodes disagree about.
/// let unoptimised = WasmtimeEngine::with(Codegen::Unoptimised)?;
/// assert!(Codegen::ALL.contains(&Codegen::default()));
/// # drop(unoptimised);
/// # Ok::<(), wasmtime::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codegen {
    /// Compiled for speed.
    #[default]
    Speed,
    /// Compiled for speed and size.
    SpeedAndSize,
    /// Compiled without optimisation.
    Unoptimised,
    /// Interpreted: portable, and slow. Needs the feature `pulley`; without it, no engine is made.
    Pulley,
}

impl Codegen {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Speed, Self::SpeedAndSize, Self::Unoptimised, Self::Pulley];

    /// Whether this build has it: [`Pulley`](Self::Pulley) needs the feature `pulley`.
    ///
    /// ```
    /// use subvm_wasmtime::{Codegen, WasmtimeEngine};
    /// assert!(Codegen::Speed.is_built());
    /// assert_eq!(WasmtimeEngine::with(Codegen::Pulley).is_ok(), Codegen::Pulley.is_built());
    /// ```
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::Speed | Self::SpeedAndSize | Self::Unoptimised => true,
            Self::Pulley => cfg!(feature = "pulley"),
        }
    }
}

/// Runs sub-VMs on wasmtime. One serves any number of transactions at once; clone the `Arc`.
///
/// ```
/// use std::sync::Arc;
/// use subvm_wasmtime::WasmtimeEngine;
///
/// let engine: Arc<dyn subvm_core::Engine> = Arc::new(WasmtimeEngine::new().expect("this machine runs wasmtime"));
/// # drop(engine);
/// ```
pub struct WasmtimeEngine {
    engines: Arc<Engines>,
    programs: Programs,
    ticker: Ticker,
    zeros: ZeroTrees,
    watcher: Option<Watcher>,
    look: Option<Arc<dyn Look>>,
    on_failure: Option<OnFailure>,
}

impl fmt::Debug for WasmtimeEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engines, programs, ticker, .. } = self;
        let mut shown = f.debug_struct("WasmtimeEngine");
        shown.field("engines", engines).field("programs", programs).field("ticker", ticker).finish_non_exhaustive()
    }
}

impl WasmtimeEngine {
    /// An engine that compiles for speed.
    ///
    /// # Errors
    /// When wasmtime cannot run here.
    pub fn new() -> wasmtime::Result<Self> {
        Self::with(Codegen::Speed)
    }

    /// An engine that makes code as `codegen` says.
    ///
    /// # Errors
    /// When wasmtime cannot run here.
    pub fn with(codegen: Codegen) -> wasmtime::Result<Self> {
        Self::builder().codegen(codegen).build()
    }

    /// An engine of other choices.
    #[must_use]
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    fn from_builder(builder: EngineBuilder) -> wasmtime::Result<Self> {
        let EngineBuilder {
            codegen,
            parallel,
            cache,
            on_module,
            compile_time,
            compile_memory,
            watcher,
            look,
            on_failure,
        } = builder;
        // What is lowered otherwise must not be taken for what everybody has: it is kept in memory only.
        let cache = cache.filter(|_| watcher.is_none() && look.is_none());
        let watch = watcher.as_ref().map_or(Watch::Nothing, watch::wanted);
        let engines = Arc::new(Engines::new(codegen, parallel)?);
        let programs = Programs::new(
            Arc::clone(&engines),
            cache,
            on_module,
            (compile_time, compile_memory),
            (watch, look.clone()),
        );
        let ticker = Ticker::new(&[Frames::Captured, Frames::Ignored].map(|frames| &engines.of(frames).engine));
        Ok(Self { programs, ticker, zeros: ZeroTrees::default(), engines, watcher, look, on_failure })
    }

    /// Whether somebody watches its runs, or looks into them: [`EngineBuilder::watcher`], [`EngineBuilder::look`].
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.watcher.is_some() || self.look.is_some()
    }

    /// Who is told of failures: [`EngineBuilder::on_failure`].
    #[must_use]
    pub fn told_of_failures(&self) -> Option<OnFailure> {
        self.on_failure.clone()
    }

    /// Runs `vm`; the store outlives what can panic, so that the sub-VM is always handed back.
    fn run_in(&self, store: &mut Store<Running>) -> Concluded {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let ended = drive::drive(&self.programs, &self.ticker, store);
            ended::conclude(store, ended, &self.zeros, self.look.as_deref(), self.on_failure.as_ref())
        }));
        caught.unwrap_or_else(|panic| {
            let error = panicked(&*panic);
            // To drop what was thrown could panic again.
            std::mem::forget(panic);
            (Err(error), None)
        })
    }
}

impl Engine for WasmtimeEngine {
    fn run(&self, vm: Box<SubVm>) -> Finished {
        let _floats = FloatState::for_guests();
        let failure = Ok(Outcome::UserError(String::new()));
        let captured = vm.wants_fingerprint(&failure) || self.look.is_some();
        let frames = if captured { Frames::Captured } else { Frames::Ignored };
        if let Some(watcher) = &self.watcher {
            watcher.begins(vm.mode(), vm.ticks);
        }
        let silent = (captured && self.look.is_none()).then(|| self.engines.silent());
        let running = Running::new(vm, frames, self.watcher.clone(), silent);
        let mut store = Store::new(&self.engines.of(frames).engine, running);
        let (result, fingerprint) = self.run_in(&mut store);
        if let Some(watcher) = &self.watcher {
            watcher.ends(store.data().vm.ticks);
        }
        let stayed_shallow = ended::stayed_shallow(&mut store);
        let vm = drop_stack_of(stayed_shallow, || store.into_data().vm);
        Finished { vm, result, fingerprint }
    }

    fn catch(&self) -> Catch {
        subvm_observe::catch
    }
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
use reuse::drop_stack_of;

/// Elsewhere stacks are wasmtime's own.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn drop_stack_of<T>(_: bool, drop: impl FnOnce() -> T) -> T {
    drop()
}

fn config(codegen: Codegen, parallel: bool, frames: Frames) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        .wasm_features(EXCEPTIONS, true)
        .cranelift_opt_level(match codegen {
            Codegen::Speed | Codegen::Pulley => OptLevel::Speed,
            Codegen::SpeedAndSize => OptLevel::SpeedAndSize,
            Codegen::Unoptimised => OptLevel::None,
        })
        .compiler_inlining(Inlining::No)
        .memory_init_cow(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(match frames {
            Frames::Captured => NonZeroUsize::new(MAX_FRAMES),
            Frames::Ignored => None,
        })
        .parallel_compilation(parallel)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(GUEST_STACK + HOST_STACK);
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    config.with_host_stack(Arc::new(reuse::Stacks::new())).with_host_memory(Arc::new(reuse::Memories::new()));
    if codegen == Codegen::Pulley {
        config.target(PULLEY)?;
    }
    Ok(config)
}
