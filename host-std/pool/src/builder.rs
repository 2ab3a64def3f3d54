//! How a pool is made.

use std::{fmt, io, thread};

use crate::Pool;
use crate::queue::Limits;

/// The choices of a pool.
///
/// ```
/// use subvm_pool::Pool;
/// let error = Pool::builder().at_once(0).build().unwrap_err();
/// assert_eq!(error.to_string(), "a pool of 0 runs at once runs nothing: give it at least 1 (PoolBuilder::at_once)");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PoolBuilder {
    at_once: usize,
    memory: u64,
    queued: usize,
    queued_of_one: Option<usize>,
}

impl Default for PoolBuilder {
    /// As many runs as there are processors, no limit on memory, 256 tasks that wait, a quarter of them of one contract.
    fn default() -> Self {
        let at_once = thread::available_parallelism().map_or(1, usize::from);
        Self { at_once, memory: u64::MAX, queued: 256, queued_of_one: None }
    }
}

impl PoolBuilder {
    /// Runs at once, each on a thread of its own: at most 4,096.
    #[must_use]
    pub fn at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// Bytes that all runs at once may come to hold, by what their [`Task::memory`](crate::Task::memory) says.
    #[must_use]
    pub fn memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    /// Tasks that may wait.
    #[must_use]
    pub fn queued(self, queued: usize) -> Self {
        Self { queued, ..self }
    }

    /// Tasks of one contract that may wait, so that none fills the queue; without this, a quarter of all.
    #[must_use]
    pub fn queued_of_one(self, queued: usize) -> Self {
        Self { queued_of_one: Some(queued), ..self }
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// [`BuildError`], where it could never run anything, or the system gives no threads.
    pub fn build(self) -> Result<Pool, BuildError> {
        let Self { at_once, memory, queued, queued_of_one } = self;
        let queued_of_one = queued_of_one.unwrap_or(queued.div_ceil(4));
        if at_once == 0 {
            return Err(BuildError::NoRuns);
        }
        if at_once > MOST {
            return Err(BuildError::TooManyRuns(at_once));
        }
        if queued == 0 || queued_of_one == 0 {
            return Err(BuildError::NoQueue);
        }
        if memory == 0 {
            return Err(BuildError::NoMemory);
        }
        Pool::start(Limits { at_once, memory, queued, queued_of_one }).map_err(BuildError::Threads)
    }
}

/// Threads of a pool: the mappings of a process are shared among runs long before so many.
const MOST: usize = 4096;

/// Why there is no pool.
///
/// ```
/// use subvm_pool::{BuildError, Pool};
/// assert!(matches!(Pool::builder().queued(0).build(), Err(BuildError::NoQueue)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// It would run nothing.
    NoRuns,
    /// More than a process can have.
    TooManyRuns(usize),
    /// Nothing could wait, so nothing could be put in.
    NoQueue,
    /// There is no memory for any run.
    NoMemory,
    /// The operating system gives no threads.
    Threads(io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuns => {
                f.write_str("a pool of 0 runs at once runs nothing: give it at least 1 (PoolBuilder::at_once)")
            }
            Self::TooManyRuns(asked) => {
                write!(
                    f,
                    "{asked} runs at once are more than a process can have: at most {MOST} (PoolBuilder::at_once)"
                )
            }
            Self::NoQueue => f.write_str(
                "a queue of 0 takes nothing in: give it at least 1 (PoolBuilder::queued, PoolBuilder::queued_of_one)",
            ),
            Self::NoMemory => f.write_str("a pool of 0 bytes runs nothing: give it some (PoolBuilder::memory)"),
            Self::Threads(error) => write!(f, "the operating system gives no threads for the pool: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Threads(error) => Some(error),
            _ => None,
        }
    }
}
