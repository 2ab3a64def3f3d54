//! Runs on a bounded number of threads. [`subvm_core::run`] blocks its thread; a node that serves others has many callers and few threads.
//!
//! ```
//! use std::sync::Arc;
//! use subvm_core::{Entry, Message, Params, Role, Run, host::State, run};
//! use subvm_host_mock::{MemoryHost, ScriptedEngine};
//! use subvm_pool::{Pool, Priority, Task};
//!
//! let pool = Pool::builder().at_once(4).memory(16 << 30).queued(256).build()?;
//! // A chain in memory and an engine for tests, where yours stand in a node.
//! let (engine, host) = (Arc::new(ScriptedEngine::new()), MemoryHost::new());
//! let message = Message::default();
//! let params = Arc::new(Params::default());
//! let task = Task { contract: message.contract_address, priority: Priority::Normal, memory: Task::memory_of(&params) };
//! let ticket = pool.submit(task, move |cancel| {
//!     // Made here rather than before, so that no snapshot of the state is held by what waits.
//!     let node = host.node();
//!     let cancel = Some(cancel.clone());
//!     let (entry, role, state, deadline) = (Entry::Contract, Role::Leader, State::Accepted, None);
//!     run(engine, node, Run { message, entry, role, params, state, deadline, cancel }).1
//! })?;
//! // Or `ticket.await`, on any executor.
//! let report = ticket.wait()??;
//! assert!(!report.receipt.returned(), "there is no contract");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use subvm_core::Cancel;
use subvm_observe as observe;

mod builder;
mod line;
mod queue;
#[cfg(test)]
mod queue_tests;
mod sync;
mod task;
mod ticket;

pub use builder::{BuildError, PoolBuilder};
pub use task::{Lost, Priority, Refusal, Task};
pub use ticket::Ticket;

use line::Line;
use queue::Limits;

/// Threads that do tasks, and a queue of tasks. See [the crate](crate).
///
/// To drop it is to [shut it down](Self::shutdown) without grace.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    line: Line<Job>,
    /// The tokens of what runs.
    tokens: Mutex<BTreeMap<u64, Cancel>>,
    runs: AtomicU64,
    panics: AtomicU64,
}

/// What a thread does. It says whether it panicked.
type Work = Box<dyn FnOnce(&Cancel) -> bool + Send>;

struct Job {
    cancel: Cancel,
    work: Work,
    put_in: Instant,
}

/// What a pool holds at a moment.
///
/// ```
/// let pool = subvm_pool::Pool::builder().build()?;
/// assert_eq!(pool.load(), subvm_pool::Load::default());
/// # Ok::<(), subvm_pool::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Tasks that wait.
    pub queued: usize,
    /// Tasks that run.
    pub running: usize,
    /// Bytes that these were given.
    pub memory: u64,
    /// Tasks that panicked, since the pool was made.
    pub panics: u64,
}

/// How a pool ended.
///
/// ```
/// use std::time::Duration;
/// use subvm_pool::{Pool, ShutDown};
/// let pool = Pool::builder().build()?;
/// assert_eq!(pool.shutdown(Duration::from_secs(30)), ShutDown { not_begun: 0, cancelled: 0 });
/// # Ok::<(), subvm_pool::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutDown {
    /// Tasks that waited, and were given up.
    pub not_begun: usize,
    /// Tasks that ran when the time was over, and were called off.
    pub cancelled: usize,
}

impl Pool {
    /// A pool of one's choices.
    #[must_use]
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    fn start(limits: Limits) -> io::Result<Self> {
        let line = Line::new(limits, |job: &Job| job.cancel.is_cancelled());
        let (tokens, runs, panics) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { line, tokens, runs, panics });
        let mut pool = Self { shared, threads: Vec::new() };
        for number in 0..limits.at_once {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new().name(format!("subvm-run-{number}"));
            pool.threads.push(thread.spawn(move || shared.work())?);
        }
        Ok(pool)
    }

    /// Puts a task at the end of the queue and returns at once. `work` gets the task's token, which belongs into
    /// [`Run::cancel`](subvm_core::Run::cancel).
    ///
    /// # Errors
    /// [`Refusal`]: where it cannot be taken now, or not at all.
    pub fn submit<T: Send + 'static>(
        &self,
        task: Task,
        work: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> Result<Ticket<T>, Refusal> {
        let (job, ticket) = job(work);
        self.put(ticket, self.shared.line.put(task, job, None))
    }

    /// As [`submit`](Self::submit), and where the queue is full, waits on this thread until there is room. Not for tasks of this pool, which
    /// would wait for each other.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] and [`Refusal::ShutDown`].
    pub fn submit_waiting<T: Send + 'static>(
        &self,
        task: Task,
        work: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> Result<Ticket<T>, Refusal> {
        let (job, ticket) = job(work);
        self.put(ticket, self.shared.line.put_waiting(task, job))
    }

    /// As [`submit_waiting`](Self::submit_waiting), for tasks of an executor: it suspends rather than blocks.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] and [`Refusal::ShutDown`].
    pub async fn submit_async<T: Send + 'static>(
        &self,
        task: Task,
        work: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> Result<Ticket<T>, Refusal> {
        let (job, ticket) = job(work);
        let mut job = Some(job);
        let put = poll_fn(|context| {
            let Some(taken) = job.take() else { return Poll::Ready(Err(Refusal::ShutDown)) };
            match self.shared.line.put(task, taken, Some(context.waker())) {
                Ok(()) => Poll::Ready(Ok(())),
                Err((Refusal::Full { .. }, back)) => {
                    job = Some(back);
                    Poll::Pending
                }
                Err((refusal, _)) => Poll::Ready(Err(refusal)),
            }
        });
        put.await?;
        self.shared.tell();
        Ok(ticket)
    }

    fn put<T>(&self, ticket: Ticket<T>, put: Result<(), (Refusal, Job)>) -> Result<Ticket<T>, Refusal> {
        put.map_err(|(refusal, _)| refusal)?;
        self.shared.tell();
        Ok(ticket)
    }

    /// What it holds now.
    #[must_use]
    pub fn load(&self) -> Load {
        let line::Load { queued, running, memory } = self.shared.line.load();
        Load { queued, running, memory, panics: self.shared.panics.load(Ordering::Relaxed) }
    }

    /// Takes nothing more in, gives up what has not begun, waits for what runs, and calls off what runs after `grace`. Returns when all
    /// threads have ended: a task that does not heed its token is waited for.
    pub fn shutdown(mut self, grace: Duration) -> ShutDown {
        self.end(grace)
    }

    fn end(&mut self, grace: Duration) -> ShutDown {
        let left = self.shared.line.close();
        let not_begun = left.len();
        drop(left);
        let mut cancelled = 0;
        if !self.shared.line.idle(grace) {
            let tokens = self.shared.tokens();
            cancelled = tokens.len();
            tokens.values().for_each(Cancel::cancel);
        }
        for thread in self.threads.drain(..) {
            // A thread ends with its loop, whatever panics in it.
            let _ = thread.join();
        }
        self.shared.tell();
        ShutDown { not_begun, cancelled }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads.len()).field("load", &self.load()).finish()
    }
}

fn job<T: Send + 'static>(work: impl FnOnce(&Cancel) -> T + Send + 'static) -> (Job, Ticket<T>) {
    let cancel = Cancel::new();
    let (promise, ticket) = ticket::pair(cancel.clone());
    let work = move |cancel: &Cancel| match catch_unwind(AssertUnwindSafe(|| work(cancel))) {
        Ok(value) => {
            promise.keep(Ok(value));
            false
        }
        Err(panic) => {
            // To drop what was thrown could panic again.
            std::mem::forget(panic);
            promise.keep(Err(Lost::Panicked));
            true
        }
    };
    (Job { cancel, work: Box::new(work), put_in: Instant::now() }, ticket)
}

impl Shared {
    fn work(&self) {
        while let Some((task, Job { cancel, work, put_in })) = self.line.take() {
            observe::queued_for(put_in.elapsed());
            self.tell();
            let number = self.runs.fetch_add(1, Ordering::Relaxed);
            self.tokens().insert(number, cancel.clone());
            // Not begun where it was cancelled: its promise says so as it is dropped. What is dropped may panic, too.
            let did = catch_unwind(AssertUnwindSafe(|| !cancel.is_cancelled() && work(&cancel)));
            if did.unwrap_or_else(|panic| {
                std::mem::forget(panic);
                true
            }) {
                self.panics.fetch_add(1, Ordering::Relaxed);
                observe::task_panicked();
            }
            self.tokens().remove(&number);
            self.line.done(&task);
            self.tell();
        }
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Cancel>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        let line::Load { queued, running, memory } = self.line.load();
        observe::pool(queued, running, memory);
    }
}
