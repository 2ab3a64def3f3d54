//! Threads that come when there is work and go when there is none, and the answers that nobody has asked for yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use subvm_core::host::HostError;
use subvm_observe::event;

use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, thread};

/// What a job comes to.
pub(crate) type Answer = Result<Vec<u8>, HostError>;
type Job = Box<dyn FnOnce() -> Answer + Send>;

/// What waiting for a job comes to.
pub(crate) enum Waited {
    Ready(Answer),
    Pending,
    /// No job has this number.
    Unknown,
}

/// Bytes of answers that may lie unread before further jobs wait: what a guest does not read must not fill the node's memory.
const UNREAD: usize = 64 << 20;

/// After how long a thread is asked for again that was not to be had.
const RETRY: Duration = Duration::from_millis(20);

/// Runs jobs on at most so many threads; the others wait, first come, first served. What is cancelled is forgotten.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

/// Runs what it is given on a thread of its own, or says why there is none.
pub(crate) type StartThread = fn(Box<dyn FnOnce() + Send>) -> io::Result<()>;

struct Shared {
    most: usize,
    start_thread: StartThread,
    state: Mutex<State>,
    answered: Condvar,
}

/// Each job that nobody cancelled is in one of `waiting`, `running` and `answers`.
#[derive(Default)]
struct State {
    waiting: VecDeque<(u64, Job)>,
    running: BTreeSet<u64>,
    answers: BTreeMap<u64, Answer>,
    /// Bytes of `answers`.
    unread: usize,
    threads: usize,
    /// Somebody waits for this one: unread answers do not hold it up.
    urgent: Option<u64>,
}

impl Pool {
    pub(crate) fn new(most: usize) -> Self {
        Self::starting_threads(most, |work| thread::Builder::new().spawn(work).map(drop))
    }

    pub(crate) fn starting_threads(most: usize, start_thread: StartThread) -> Self {
        let shared = Shared { most: most.max(1), start_thread, state: Mutex::default(), answered: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Runs `job` now or later, and returns at once.
    pub(crate) fn start(&self, id: u64, job: impl FnOnce() -> Answer + Send + 'static) {
        let mut state = self.shared.lock();
        state.waiting.push_back((id, Box::new(job)));
        self.shared.hire(&mut state);
    }

    /// Waits for the answer of job `id`, `at_most` this long.
    pub(crate) fn wait(&self, id: u64, at_most: Duration) -> Waited {
        let start = Instant::now();
        let mut state = self.shared.lock();
        state.urgent = Some(id);
        loop {
            // Again and again, since it may be a thread that is not to be had.
            self.shared.hire(&mut state);
            let left = at_most.saturating_sub(start.elapsed());
            if left.is_zero() || !state.is_under_way(id) {
                break;
            }
            let waited = self.shared.answered.wait_timeout(state, left.min(RETRY));
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.urgent = None;
        if state.is_under_way(id) {
            return Waited::Pending;
        }
        let answer = state.take_answer(id);
        self.shared.hire(&mut state);
        answer.map_or(Waited::Unknown, Waited::Ready)
    }

    /// Forgets job `id`: it does not begin, and where it has, its answer is dropped.
    pub(crate) fn cancel(&self, id: u64) {
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
        self.unread -= bytes(&answer);
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
    /// Starts threads while there are jobs that may run. Where the system has none to give, jobs go on waiting.
    fn hire(self: &Arc<Self>, state: &mut State) {
        while state.threads < self.most
            && let Some((id, job)) = state.next()
        {
            // If the thread does not come to be, what it was to do would be lost with it.
            let job = Arc::new(Mutex::new(Some(job)));
            let (shared, theirs) = (Arc::clone(self), Arc::clone(&job));
            let take = |job: &Mutex<Option<Job>>| job.lock().unwrap_or_else(PoisonError::into_inner).take();
            let work = move || take(&theirs).into_iter().for_each(|job| shared.work(id, job));
            if let Err(error) = (self.start_thread)(Box::new(work)) {
                state.running.remove(&id);
                if let Some(job) = take(&job) {
                    state.waiting.push_front((id, job));
                }
                event!(warn, %error, "no thread for a module's request, which goes on waiting");
                return;
            }
            state.threads += 1;
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
                state.unread += bytes(&answer);
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

fn bytes(answer: &Answer) -> usize {
    answer.as_ref().map_or(0, Vec::len)
}
