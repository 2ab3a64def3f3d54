//! The engine without a compiler: sub-VMs on the interpreter wasmi 2.
//!
//! It runs modules that the same pass has lowered ([`subvm_lower`]) and shares nothing else with `subvm-wasmtime`: no front end, no
//! code generator, no run time. Receipts, ticks, stack traps, RAM, fingerprints and their frames are the same, and tests compare them.
//! It needs no `std`, so that it can also be built for bare metal and as WebAssembly.
//!
//! | feature | what |
//! |---|---|
//! | `std` (default) | panics of the node's parts and of wasmi are internal errors; deep nests of sub-VMs get stacks of their own |
//!
//! Without `std` a panic is what the program's panic handler makes of it, and a nest of 512 sub-VMs is that of as many calls: it takes some
//! megabytes of the caller's stack.
//!
//! ```
//! use std::sync::Arc;
//! use subvm_wasmi::WasmiEngine;
//!
//! let engine: Arc<dyn subvm_core::Engine> = Arc::new(WasmiEngine::new());
//! # drop(engine);
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use subvm_core::{Engine, Finished, InternalError, InternalErrorKind, Outcome, SubVm};
use subvm_lower::{Active, Look, OnFailure, Watch};
use subvm_profile::Watcher;
use wasmi::{CompilationMode, Config, CustomFuelCosts, Store};

mod drive;
mod ended;
mod frames;
mod guard;
mod host_calls;
mod link;
mod look;
mod program;
mod running;
mod units;
mod watch;

use ended::Concluded;
use program::Programs;
use running::Running;
use subvm_link::ZeroTrees;

/// Why a sub-VM did not fall off the end of its entry.
type Stopped = subvm_link::Stopped<wasmi::Error>;

/// Runs sub-VMs on wasmi. One serves any number of transactions at once; clone the `Arc`.
///
/// It keeps the modules that it has translated, 256 and about 1 GiB of code at most: those that were not used for longest go first.
///
/// ```
/// use subvm_core::Engine;
/// use subvm_wasmi::WasmiEngine;
///
/// let caught = WasmiEngine::new().catch()(&mut || panic!("a part of the node"));
/// assert!(!caught, "with the feature `std`");
/// ```
pub struct WasmiEngine {
    programs: Programs,
    zeros: ZeroTrees,
    watcher: Option<Watcher>,
    look: Option<Arc<dyn Look>>,
    restore: fn(),
    on_failure: Option<OnFailure>,
}

impl WasmiEngine {
    /// An engine. It allocates little, and starts no thread.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Watch::Nothing, None, None)
    }

    /// An engine whose modules tell `watcher` of what they do: for profiles and coverage of one transaction at a time. No receipt changes.
    ///
    /// ```
    /// use subvm_profile::Watcher;
    /// use subvm_wasmi::WasmiEngine;
    /// let watcher = Watcher::calls();
    /// let engine = WasmiEngine::watched(watcher.clone());
    /// // .. a run on it ..
    /// assert!(watcher.take().nodes().is_empty());
    /// # drop(engine);
    /// ```
    #[must_use]
    pub fn watched(watcher: Watcher) -> Self {
        Self::of(watch::wanted(&watcher), Some(watcher), None)
    }

    /// An engine into whose runs `look` looks, for diagnosis ([`Look`]): no node votes on what it says.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use subvm_lower::{Look, Machine};
    /// struct Stack;
    /// impl Look for Stack {
    ///     fn ended(&self, machine: &Machine<'_>) {
    ///         println!("{:?}", machine.frames);
    ///     }
    /// }
    /// let engine = subvm_wasmi::WasmiEngine::looked_into(Arc::new(Stack));
    /// # drop(engine);
    /// ```
    #[must_use]
    pub fn looked_into(look: Arc<dyn Look>) -> Self {
        Self::of(Watch::Nothing, None, Some(look))
    }

    fn of(watch: Watch, watcher: Option<Watcher>, look: Option<Arc<dyn Look>>) -> Self {
        let programs = Programs::new(wasmi::Engine::new(&config()), watch, look.clone());
        Self { programs, zeros: ZeroTrees::default(), watcher, look, restore: || (), on_failure: None }
    }

    /// Has `restore` give the calling thread the state for floats that guests need, after each call of a host's function: rounding to nearest, ties to
    /// even, subnormals as they are. Without this, the node's parts must leave that state alone; this crate has no `unsafe` to set it.
    ///
    /// ```
    /// use subvm_wasmi::WasmiEngine;
    /// let engine = WasmiEngine::new().restoring_floats(|| { /* as `subvm_wasmtime::restore_for_guests` */ });
    /// # drop(engine);
    /// ```
    #[must_use]
    pub fn restoring_floats(self, restore: fn()) -> Self {
        Self { restore, ..self }
    }

    /// Translates the modules that `vm` is about to run, and keeps them. The run's deadline moves by what that takes.
    ///
    /// Whether it can run: where not, whoever runs `vm` comes to the refusal.
    ///
    /// # Errors
    /// What wasmi cannot translate, which another engine may be able to run; or the deadline has passed.
    pub fn prepare(&self, vm: &mut SubVm) -> Result<bool, InternalError> {
        let frames = self.wants_frames(vm);
        match guard::caught(|| drive::load(&self.programs, vm, frames))? {
            Ok(_) => Ok(true),
            Err(Stopped::Refused(_)) => Ok(false),
            Err(Stopped::Internal(error)) => Err(error),
            Err(Stopped::Unwound(error)) => Err(InternalError::new(InternalErrorKind::Engine, format!("{error}"))),
        }
    }

    /// Whether a failure of it would list its frames.
    fn wants_frames(&self, vm: &SubVm) -> bool {
        vm.wants_fingerprint(&Ok(Outcome::UserError(String::new()))) || self.look.is_some()
    }

    /// Tells `on_failure` which functions were active where a main sub-VM failed, innermost first, as many as its fingerprint lists: for people.
    /// wasmi does not know at which instruction.
    ///
    /// ```
    /// use subvm_wasmi::WasmiEngine;
    /// let engine = WasmiEngine::new().on_failure(|active| assert!(active.iter().all(|active| active.lowered.is_none())));
    /// # drop(engine);
    /// ```
    #[must_use]
    pub fn on_failure(self, on_failure: impl Fn(&[Active]) + Send + Sync + 'static) -> Self {
        Self { on_failure: Some(Arc::new(on_failure)), ..self }
    }

    /// Runs the sub-VM of `store`, which outlives what can panic, so that it is always handed back.
    fn run_in(&self, store: &mut Store<Running>) -> Concluded {
        let run = || {
            guard::caught(|| {
                let ended = drive::drive(&self.programs, store);
                ended::conclude(store, ended, &self.zeros, self.look.as_deref(), self.on_failure.as_ref())
            })
        };
        guard::nested(run).flatten().unwrap_or_else(|error| (Err(error), None))
    }
}

impl Default for WasmiEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WasmiEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmiEngine").finish_non_exhaustive()
    }
}

impl Engine for WasmiEngine {
    fn run(&self, vm: Box<SubVm>) -> Finished {
        let frames = self.wants_frames(&vm);
        if let Some(watcher) = &self.watcher {
            watcher.begins(vm.mode(), vm.ticks);
        }
        let running = Running::new(vm, frames, self.restore, self.watcher.clone());
        let mut store = Store::new(self.programs.engine(), running);
        let (result, fingerprint) = self.run_in(&mut store);
        if let Some(watcher) = &self.watcher {
            watcher.ends(store.data().vm.ticks);
        }
        Finished { vm: store.into_data().vm, result, fingerprint }
    }

    #[cfg(feature = "std")]
    fn catch(&self) -> subvm_core::host::Catch {
        |call| guard::caught(call).is_ok()
    }
}

/// Calls that may be active in a sub-VM: more than its stack units allow, so that these always run out first. A frame takes 8 of
/// 8,388,608 at least, and lowering adds one call, which calls nothing.
const CALLS: usize = 2_000_000;
/// Bytes that their values may take: 128 a unit. A frame's are at most three times its slots of
/// 8 bytes, and less than 64 slots for what lowering adds.
const STACK: usize = 1 << 30;

fn config() -> Config {
    let mut config = Config::default();
    config
        .wasm_custom_page_sizes(false)
        .wasm_memory64(false)
        .wasm_wide_arithmetic(false)
        .wasm_relaxed_simd(false)
        .ignore_custom_sections(true)
        // What wasmi cannot translate must show before a guest runs.
        .compilation_mode(CompilationMode::Eager)
        .set_max_recursion_depth(CALLS)
        .set_max_stack_height(STACK)
        .set_min_stack_height(1 << 12)
        // A stack that a guest has made large must not stay.
        .set_max_cached_stacks(0)
        .consume_fuel(true)
        .fuel_cost(CustomFuelCosts {
            bytes_copied_per_fuel: 64,
            fuel_per_bytes_translated: 0,
            fuel_per_bytes_validated: 0,
        });
    config
}
