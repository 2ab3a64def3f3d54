//! First answer at once: a sub-VM whose modules are not compiled yet runs on wasmi, while wasmtime compiles them in the background; the next
//! one runs compiled.
//!
//! Both engines run what the same pass has lowered, and come to the same receipts, so that results do not depend on which one it was. All modules of
//! one sub-VM run on one engine; the sub-VMs of a run may be on different ones.
//!
//! | what | then |
//! |---|---|
//! | all modules are compiled, or in the cache on disk, or known to be refused | wasmtime |
//! | somebody watches runs on wasmtime, or looks into them | wasmtime, which the run waits for |
//! | some are not | wasmi; wasmtime begins to compile them |
//! | the package is refused | the refusal, which lowering and linking give alike for both |
//! | wasmi cannot translate a module | wasmtime, which the run waits for |
//!
//! In the background no more modules are compiled at a time than half of the processors
//! ([`prepare_in_background`](WasmtimeEngine::prepare_in_background)). Modules are kept twice until they are no longer used: by both engines.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use subvm_core::host::Catch;
use subvm_core::{Engine, Finished, Package, Params, SubVm};
use subvm_lower::Options;
use subvm_wasmi::WasmiEngine;
use subvm_wasmtime::{FloatState, Nest, PrepareError, Prepared, WasmtimeEngine, restore_for_guests};

/// Bytes of stack of a thread for a sub-VM on wasmi within another one.
const STACK: usize = 1 << 20;

thread_local! {
    /// Whether a sub-VM of this engine runs on this thread.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// Runs sub-VMs on wasmi until wasmtime has compiled them. One serves any number of transactions at once; clone the `Arc`.
///
/// ```
/// use std::sync::Arc;
/// use subvm_tiered::TieredEngine;
/// use subvm_wasmtime::WasmtimeEngine;
///
/// let engine: Arc<dyn subvm_core::Engine> = Arc::new(TieredEngine::new(WasmtimeEngine::new()?));
/// # drop(engine);
/// # Ok::<(), wasmtime::Error>(())
/// ```
#[derive(Debug)]
pub struct TieredEngine {
    wasmtime: WasmtimeEngine,
    wasmi: WasmiEngine,
    interpreted: AtomicU64,
    compiled: AtomicU64,
}

/// How many sub-VMs were begun on each engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Begun {
    /// On wasmi.
    pub interpreted: u64,
    /// On wasmtime.
    pub compiled: u64,
}

impl TieredEngine {
    /// An engine on top of this one, with its cache and its other choices; who is told of failures there is told of those on wasmi, too.
    #[must_use]
    pub fn new(wasmtime: WasmtimeEngine) -> Self {
        let mut wasmi = WasmiEngine::new().restoring_floats(restore_for_guests);
        if let Some(tell) = wasmtime.told_of_failures() {
            wasmi = wasmi.on_failure(move |active| tell(active));
        }
        Self { wasmtime, wasmi, interpreted: AtomicU64::new(0), compiled: AtomicU64::new(0) }
    }

    /// As [`WasmtimeEngine::prepare`]: compiles the modules of a package, and waits for it. Runs of it are compiled ones from then on.
    ///
    /// # Errors
    /// As there.
    pub fn prepare(&self, package: &Package, params: &Params) -> Result<Prepared, PrepareError> {
        self.wasmtime.prepare(package, params)
    }

    /// The engine that compiles: what can be asked of it besides running.
    #[must_use]
    pub fn wasmtime(&self) -> &WasmtimeEngine {
        &self.wasmtime
    }

    /// How many sub-VMs were begun on each engine, in this process. For figures; it is a part of no result.
    #[must_use]
    pub fn begun(&self) -> Begun {
        Begun { interpreted: self.interpreted.load(Ordering::Relaxed), compiled: self.compiled.load(Ordering::Relaxed) }
    }

    /// Whether a sub-VM is to be interpreted. What is not compiled is, from here on.
    fn interprets(&self, vm: &mut SubVm) -> bool {
        // Without a transaction there is nothing to run; the engine says so.
        let Ok(options) = vm.params().map(|params| Options::of(vm.mode(), params)) else { return false };
        let package = vm.package().clone();
        if self.wasmtime.is_watched() || self.wasmtime.is_ready(&package, options) {
            return false;
        }
        match self.wasmi.prepare(vm) {
            Ok(true) => self.wasmtime.prepare_in_background(&package, options),
            // It is refused.
            Ok(false) => {}
            Err(_) => return false,
        }
        true
    }

    /// Runs a sub-VM on wasmi. One within another gets a thread of its own: the caller's stack may be that of a guest of wasmtime's, which has room
    /// for one engine's host functions and no more.
    fn interpret(&self, vm: Box<SubVm>, within: bool) -> Finished {
        if !within {
            let _floats = FloatState::for_guests();
            return self.wasmi.run(vm);
        }
        // It outlives a thread that cannot be had.
        let mut waiting = Some(vm);
        let nest = Nest::current();
        let ran = thread::scope(|scope| {
            let run = || {
                let (_within, _floats) = (Within::enter(), FloatState::for_guests());
                nest.continued(|| waiting.take().map(|vm| self.wasmi.run(vm)))
            };
            let thread = thread::Builder::new().name("subvm-nested".into()).stack_size(STACK).spawn_scoped(scope, run);
            // It does not unwind: engines do not.
            thread.ok().and_then(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        match (ran, waiting) {
            (Some(finished), _) => finished,
            (None, Some(vm)) => self.wasmtime.run(vm),
            (None, None) => unreachable!("a sub-VM that was begun has finished"),
        }
    }
}

impl Engine for TieredEngine {
    fn run(&self, mut vm: Box<SubVm>) -> Finished {
        let within = Within::enter();
        if self.interprets(&mut vm) {
            self.interpreted.fetch_add(1, Ordering::Relaxed);
            self.interpret(vm, within.before)
        } else {
            self.compiled.fetch_add(1, Ordering::Relaxed);
            self.wasmtime.run(vm)
        }
    }

    fn catch(&self) -> Catch {
        self.wasmtime.catch()
    }
}

/// As long as it lives, a sub-VM runs on this thread.
struct Within {
    before: bool,
}

impl Within {
    fn enter() -> Self {
        Self { before: WITHIN.replace(true) }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        WITHIN.set(self.before);
    }
}
