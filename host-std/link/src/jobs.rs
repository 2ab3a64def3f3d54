//! Work that is done once for all who wait for it, each piece on a thread of its own. Who waits may give up; what has begun goes on, and is
//! there for who asks next. What has not begun when nobody waits any more is never done.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::time::{Duration, Instant};

use subvm_core::Cancel;
use subvm_core::host::Patience;

use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, thread};

/// Bytes of stack of a thread that works: compilers nest deeply, and a node's threads may be small.
const STACK: usize = 16 << 20;

/// Pieces of work by their key, for all who ask for them: what engines make modules with.
///
/// ```
/// use std::time::Duration;
/// use subvm_link::{Jobs, Waited};
/// let jobs = Jobs::new(2);
/// let waited = jobs.wait(7, Duration::from_secs(600), None, || 6 * 7)?;
/// assert_eq!(waited, Waited::Done { value: 42, first: true });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Jobs<K, T> {
    pub(crate) shared: Arc<Shared<K, T>>,
}

pub(crate) struct Shared<K, T> {
    state: Mutex<State<K, T>>,
    /// A job was done or given up.
    changed: Condvar,
    /// How many are worked on at once.
    at_most: usize,
}

pub(crate) struct State<K, T> {
    pub(crate) jobs: HashMap<K, Job<T>>,
    /// How many are being worked on.
    pub(crate) begun: usize,
}

pub(crate) struct Job<T> {
    /// How many wait for it.
    pub(crate) waiting: usize,
    begun: bool,
    done: Option<T>,
}

/// What waiting for one of [`Jobs`] came to.
///
/// ```
/// use std::{thread, time::Duration};
/// use subvm_link::{Jobs, Waited};
/// let long = || thread::sleep(Duration::from_millis(50));
/// assert_eq!(Jobs::new(1).wait("long", Duration::ZERO, None, long)?, Waited::GaveUp);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Waited<T> {
    /// It was done.
    Done {
        /// What it came to.
        value: T,
        /// Whether this is who brought it about.
        first: bool,
    },
    /// It took too long, or who waits was called off.
    GaveUp,
}

impl<K, T> core::fmt::Debug for Jobs<K, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}

impl<K, T> Jobs<K, T>
where
    K: Copy + Eq + Hash + Send + 'static,
    T: Clone + Send + 'static,
{
    /// No more than `at_most` are worked on at once.
    #[must_use]
    pub fn new(at_most: usize) -> Self {
        let state = Mutex::new(State { jobs: HashMap::new(), begun: 0 });
        Self { shared: Arc::new(Shared { state, changed: Condvar::new(), at_most: at_most.max(1) }) }
    }

    /// What the job under `key` comes to: one that is under way, or else `work`, which must not unwind. Waits no longer than `time`, nor
    /// when `cancel` was used.
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    pub fn wait(
        &self,
        key: K,
        time: Duration,
        cancel: Option<&Cancel>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Waited<T>> {
        let mut state = self.shared.lock();
        let first = !state.jobs.contains_key(&key);
        state.jobs.entry(key).or_insert(Job { waiting: 0, begun: false, done: None }).waiting += 1;
        if first {
            let shared = Arc::clone(&self.shared);
            if let Err(error) = thread(move || shared.work(key, work)) {
                state.jobs.remove(&key);
                return Err(error);
            }
        }
        let pending = |state: &mut State<K, T>| state.jobs.get(&key).is_some_and(|job| job.done.is_none());
        let began = Instant::now();
        loop {
            let left = time.saturating_sub(began.elapsed());
            if left.is_zero() || cancel.is_some_and(Cancel::is_cancelled) || !pending(&mut state) {
                break;
            }
            let slice = if cancel.is_some() { left.min(Patience::LOOK) } else { left };
            let waited = self.shared.changed.wait_timeout_while(state, slice, pending);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let Some(job) = state.jobs.get_mut(&key) else { return Ok(Waited::GaveUp) };
        job.waiting -= 1;
        let (left, done) = (job.waiting, job.done.clone());
        if left == 0 && done.is_some() {
            state.jobs.remove(&key);
        } else if left == 0 {
            // Its thread may wait for its turn in vain.
            self.shared.changed.notify_all();
        }
        Ok(done.map_or(Waited::GaveUp, |value| Waited::Done { value, first }))
    }

    /// Begins `work`, which must not unwind, for nobody in particular, unless it is under way or as many as `at_most` are. Whether it began.
    /// Who asks for it before it ends waits for it; then it is gone.
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    ///
    /// ```
    /// use subvm_link::Jobs;
    /// let jobs = Jobs::new(1);
    /// assert!(jobs.offer("far too long", 1, || std::thread::sleep(std::time::Duration::from_secs(60)))?);
    /// assert!(!jobs.offer("what else there is", 1, || ())?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn offer(&self, key: K, at_most: usize, work: impl FnOnce() -> T + Send + 'static) -> io::Result<bool> {
        let mut state = self.shared.lock();
        if state.begun >= at_most.min(self.shared.at_most) || state.jobs.contains_key(&key) {
            return Ok(false);
        }
        let shared = Arc::clone(&self.shared);
        thread(move || shared.finish(key, work))?;
        state.begun += 1;
        state.jobs.insert(key, Job { waiting: 0, begun: true, done: None });
        Ok(true)
    }
}

/// A thread that works: compilers nest deeply.
fn thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("subvm-compile".into()).stack_size(STACK).spawn(work).map(drop)
}

impl<K: Copy + Eq + Hash, T> Shared<K, T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State<K, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn, and works.
    fn work(&self, key: K, work: impl FnOnce() -> T) {
        let wanted = |state: &State<K, T>| state.jobs.get(&key).is_some_and(|job| job.waiting > 0);
        let turn = |state: &mut State<K, T>| state.begun >= self.at_most && wanted(state);
        let mut state = self.changed.wait_while(self.lock(), turn).unwrap_or_else(PoisonError::into_inner);
        if !wanted(&state) {
            state.jobs.remove(&key);
            return;
        }
        state.begun += 1;
        state.jobs.entry(key).and_modify(|job| job.begun = true);
        drop(state);
        self.finish(key, work);
    }

    /// Works, as one of those that have begun, and leaves the result to who waits.
    fn finish(&self, key: K, work: impl FnOnce() -> T) {
        let value = work();
        let mut state = self.lock();
        state.begun -= 1;
        if state.jobs.get(&key).is_some_and(|job| job.waiting > 0) {
            state.jobs.entry(key).and_modify(|job| job.done = Some(value));
        } else {
            state.jobs.remove(&key);
        }
        self.changed.notify_all();
    }
}
