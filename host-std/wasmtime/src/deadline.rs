//! Interrupting wasm that runs past its deadline: a thread advances the engine's epoch while a run with a deadline is under way.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How often the clock is looked at. Guests notice a passed deadline within two of these.
const TICK: Duration = Duration::from_millis(2);
/// Ticks without a need after which the thread sleeps. Runs that follow each other so never wake it, which takes a system call of each.
const IDLE: u32 = 50;

/// Advances the epoch of engines while somebody needs it. Its thread starts with the first need and sleeps without one.
pub(super) struct Ticker {
    engines: Vec<EngineWeak>,
    shared: Arc<Shared>,
    started: OnceLock<()>,
    starting: Mutex<()>,
}

#[derive(Debug, Default)]
struct Shared {
    needs: AtomicUsize,
    /// Whether the thread sleeps until somebody wakes it. Set before it looks at `needs` for the last time; who needs it looks here after having
    /// counted itself there: one of both sees the other.
    sleeps: AtomicBool,
    /// Whether the ticker is gone.
    over: Mutex<bool>,
    changed: Condvar,
}

/// As long as it lives, the epoch advances.
#[derive(Debug)]
pub(super) struct Need(Arc<Shared>);

impl std::fmt::Debug for Ticker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}

impl Ticker {
    pub(super) fn new(engines: &[&Engine]) -> Self {
        let engines = engines.iter().map(|engine| engine.weak()).collect();
        Self { engines, shared: Arc::default(), started: OnceLock::new(), starting: Mutex::default() }
    }

    /// Asks for ticks.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    ///
    /// # Cost
    /// Two atomic operations, where the thread is awake.
    pub(super) fn need(&self) -> std::io::Result<Need> {
        if self.started.get().is_none() {
            self.start()?;
        }
        let shared = &self.shared;
        shared.needs.fetch_add(1, Ordering::SeqCst);
        if shared.sleeps.load(Ordering::SeqCst) {
            // Under the lock, so that the thread cannot miss it between looking and sleeping.
            drop(shared.over.lock().unwrap_or_else(PoisonError::into_inner));
            shared.changed.notify_all();
        }
        Ok(Need(Arc::clone(shared)))
    }

    fn start(&self) -> std::io::Result<()> {
        let _one_at_a_time = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.started.get().is_none() {
            let (engines, shared) = (self.engines.clone(), Arc::clone(&self.shared));
            thread::Builder::new().name("subvm-epoch".into()).spawn(move || tick(&engines, &shared))?;
            let _ = self.started.set(());
        }
        Ok(())
    }
}

impl Drop for Need {
    fn drop(&mut self) {
        self.0.needs.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.shared.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.changed.notify_all();
    }
}

fn tick(engines: &[EngineWeak], shared: &Shared) {
    let unneeded = || shared.needs.load(Ordering::SeqCst) == 0;
    let mut idle = 0;
    let mut over = shared.over.lock().unwrap_or_else(PoisonError::into_inner);
    while !*over {
        idle = if unneeded() { idle + 1 } else { 0 };
        if idle > IDLE {
            shared.sleeps.store(true, Ordering::SeqCst);
            over = shared.changed.wait_while(over, |over| !*over && unneeded()).unwrap_or_else(PoisonError::into_inner);
            shared.sleeps.store(false, Ordering::SeqCst);
            idle = 0;
            continue;
        }
        over = shared.changed.wait_timeout(over, TICK).unwrap_or_else(PoisonError::into_inner).0;
        engines.iter().filter_map(EngineWeak::upgrade).for_each(|engine| engine.increment_epoch());
    }
}
