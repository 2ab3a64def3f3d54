//! Threads that come when there is work and go when there is none.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs on at most so many threads; the others wait, first come, first served.
pub(super) struct Pool {
    most: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    running: usize,
    waiting: VecDeque<Job>,
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), state: Arc::default() }
    }

    /// Runs `job` now or later, and returns at once.
    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut state = lock(&self.state);
        if state.running == self.most {
            state.waiting.push_back(Box::new(job));
            return;
        }
        state.running += 1;
        let shared = Arc::clone(&self.state);
        thread::spawn(move || work(&shared, Box::new(job)));
    }
}

fn work(state: &Mutex<State>, mut job: Job) {
    loop {
        // A job that panics drops its end of the channel, which tells who waits.
        let _ = catch_unwind(AssertUnwindSafe(job));
        let mut state = lock(state);
        let Some(next) = state.waiting.pop_front() else {
            state.running -= 1;
            return;
        };
        job = next;
    }
}

/// Nothing panics while it holds the lock.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
