//! Threads that come when there is work and go when there is none, and the answers that nobody has asked for yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use subvm_core::host::HostError;

/// What a job comes to.
pub(super) type Answer = Result<Vec<u8>, HostError>;
type Job = Box<dyn FnOnce() -> Answer + Send>;

/// What waiting for a job comes to.
pub(super) enum Waited {
    Ready(Answer),
    Pending,
    /// No job has this number.
    Unknown,
}

/// Octets of answers that may lie unread before further jobs wait: what a guest does not read must not fill the node's memory.
const UNREAD: usize = 64 << 20;

/// Runs jobs on at most so many threads; the others wait, first come, first served. What is cancelled is forgotten.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    most: usize,
    state: Mutex<State>,
    answered: Condvar,
}

/// Each job that nobody cancelled is in one of `waiting`, `running` and `answers`.
#[derive(Default)]
struct State {
    waiting: VecDeque<(u64, Job)>,
    running: BTreeSet<u64>,
    answers: BTreeMap<u64, Answer>,
    /// Octets of `answers`.
    unread: usize,
    threads: usize,
    /// Somebody waits for this one: unread answers do not hold it up.
    urgent: Option<u64>,
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        Self { shared: Arc::new(Shared { most: most.max(1), state: Mutex::default(), answered: Condvar::new() }) }
    }

    /// Runs `job` now or later, and returns at once.
    pub(super) fn start(&self, id: u64, job: impl FnOnce() -> Answer + Send + 'static) {
        let mut state = self.shared.lock();
        state.waiting.push_back((id, Box::new(job)));
        self.shared.hire(&mut state);
    }

    /// Waits for the answer of job `id`, `at_most` this long.
    pub(super) fn wait(&self, id: u64, at_most: Duration) -> Waited {
        let mut state = self.shared.lock();
        state.urgent = Some(id);
        self.shared.hire(&mut state);
        let (mut state, _) = self
            .shared
            .answered
            .wait_timeout_while(state, at_most, |state| state.is_under_way(id))
            .unwrap_or_else(PoisonError::into_inner);
        state.urgent = None;
        if state.is_under_way(id) {
            return Waited::Pending;
        }
        let answer = state.take_answer(id);
        self.shared.hire(&mut state);
        answer.map_or(Waited::Unknown, Waited::Ready)
    }

    /// Forgets job `id`: it does not begin, and where it has, its answer is dropped.
    pub(super) fn cancel(&self, id: u64) {
        let mut state = self.shared.lock();
        state.waiting.retain(|(waiting, _)| *waiting != id);
        state.running.remove(&id);
        state.take_answer(id);
        self.shared.hire(&mut state);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.waiting.clear();
        state.running.clear();
        state.answers.clear();
    }
}

impl State {
    fn is_under_way(&self, id: u64) -> bool {
        self.running.contains(&id) || self.waiting.iter().any(|(waiting, _)| *waiting == id)
    }

    fn take_answer(&mut self, id: u64) -> Option<Answer> {
        let answer = self.answers.remove(&id)?;
        self.unread -= octets(&answer);
        Some(answer)
    }

    /// The job to run next, if one may.
    fn next(&mut self) -> Option<(u64, Job)> {
        let urgent = self.waiting.iter().position(|(id, _)| Some(*id) == self.urgent);
        let next = if self.unread < UNREAD { Some(0) } else { urgent };
        let (id, job) = self.waiting.remove(next?)?;
        self.running.insert(id);
        Some((id, job))
    }
}

impl Shared {
    /// Starts threads while there are jobs that may run.
    fn hire(self: &Arc<Self>, state: &mut State) {
        while state.threads < self.most
            && let Some((id, job)) = state.next()
        {
            state.threads += 1;
            let shared = Arc::clone(self);
            if let Err(error) = thread::Builder::new().spawn(move || shared.work(id, job)) {
                state.threads -= 1;
                state.running.remove(&id);
                state.answers.insert(id, Err(error.into()));
            }
        }
    }

    fn work(&self, mut id: u64, mut job: Job) {
        loop {
            let answer = catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| {
                // To drop what was thrown could panic again.
                std::mem::forget(panic);
                Err("the module panicked".into())
            });
            let mut state = self.lock();
            if state.running.remove(&id) {
                state.unread += octets(&answer);
                state.answers.insert(id, answer);
                self.answered.notify_all();
            }
            let Some(next) = state.next() else {
                state.threads -= 1;
                return;
            };
            (id, job) = next;
        }
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn octets(answer: &Answer) -> usize {
    answer.as_ref().map_or(0, Vec::len)
}
