//! Interrupting wasm that runs past its deadline: a thread advances the engine's epoch while a run with a deadline is under way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How often the clock is looked at. Guests notice a passed deadline within two of these.
const TICK: Duration = Duration::from_millis(2);

/// Advances the epoch of engines while somebody needs it. Its thread starts with the first need and sleeps without one.
pub(super) struct Ticker {
    engines: Vec<EngineWeak>,
    shared: Arc<Shared>,
    started: Mutex<bool>,
}

#[derive(Debug, Default)]
struct Shared {
    needs: AtomicUsize,
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
        Self { engines, shared: Arc::default(), started: Mutex::new(false) }
    }

    /// Asks for ticks.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn need(&self) -> std::io::Result<Need> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if !*started {
            let (engines, shared) = (self.engines.clone(), Arc::clone(&self.shared));
            thread::Builder::new().name("subvm-epoch".into()).spawn(move || tick(&engines, &shared))?;
            *started = true;
        }
        self.shared.needs.fetch_add(1, Ordering::SeqCst);
        // Under the lock, so that the thread cannot miss it between looking and sleeping.
        drop(self.shared.over.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.changed.notify_all();
        Ok(Need(Arc::clone(&self.shared)))
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
    let mut over = shared.over.lock().unwrap_or_else(PoisonError::into_inner);
    while !*over {
        if shared.needs.load(Ordering::SeqCst) == 0 {
            over = shared.changed.wait(over).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        over = shared.changed.wait_timeout(over, TICK).unwrap_or_else(PoisonError::into_inner).0;
        engines.iter().filter_map(EngineWeak::upgrade).for_each(|engine| engine.increment_epoch());
    }
}
