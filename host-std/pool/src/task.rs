//! What is asked of a pool, and why it may not be done.

use std::fmt;

use subvm_core::{Address, Params};

/// What a pool must know of a task to give it its turn.
///
/// ```
/// use subvm_core::{Address, Params};
/// use subvm_pool::{Priority, Task};
/// let task = Task { contract: Address([7; 20]), priority: Priority::High, memory: Task::memory_of(&Params::default()) };
/// assert_eq!(Task::default().priority, Priority::Normal);
/// # let _ = task;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Whose it is: contracts have their turns, whoever asks most.
    pub contract: Address,
    /// What goes before what.
    pub priority: Priority,
    /// Bytes that it may come to hold, which count towards the pool's [`memory`](crate::PoolBuilder::memory).
    pub memory: u64,
}

impl Task {
    /// The most that guests of one run can hold under `params`: the RAM budgets of both modes. What the node and the engine hold beside is
    /// in `docs/embedding.md`.
    #[must_use]
    pub fn memory_of(params: &Params) -> u64 {
        params.limits.ram.saturating_mul(2)
    }
}

/// What goes before what. One of eight starts is of the lowest that waits.
///
/// ```
/// use subvm_pool::Priority;
/// assert_eq!(Priority::ALL[0], Priority::High);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// What a block waits for.
    High,
    /// What a user waits for.
    #[default]
    Normal,
    /// What can wait.
    Low,
}

impl Priority {
    /// All, the highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    pub(crate) fn level(self) -> usize {
        self as usize
    }
}

/// Why a pool does not take a task.
///
/// ```
/// use subvm_pool::Refusal;
/// let full = Refusal::Full { queued: 64, of_this_contract: 3 };
/// assert_eq!(full.to_string(), "64 tasks wait, 3 of them of this contract: try again later");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// As many wait as may, or as may of one contract: later there may be room.
    Full {
        /// Tasks that wait.
        queued: usize,
        /// Those of the same contract among them.
        of_this_contract: usize,
    },
    /// It asks for more memory than the pool has for all: it would wait for ever.
    TooLarge {
        /// Bytes.
        asked: u64,
        /// The pool's bytes.
        most: u64,
    },
    /// The pool is shut down.
    ShutDown,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { queued, of_this_contract } => {
                write!(f, "{queued} tasks wait, {of_this_contract} of them of this contract: try again later")
            }
            Self::TooLarge { asked, most } => write!(
                f,
                "the task asks for {asked} bytes, the pool has {most} for all: give the pool more (PoolBuilder::memory), or the run a lower \
                RAM limit"
            ),
            Self::ShutDown => f.write_str("the pool is shut down"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why there is no result of a task that was taken.
///
/// ```
/// assert_eq!(subvm_pool::Lost::NotBegun.to_string(), "the task was cancelled, or the pool shut down, before it began");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// It was cancelled, or the pool was shut down, before it began.
    NotBegun,
    /// It panicked. The pool goes on.
    Panicked,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBegun => "the task was cancelled, or the pool shut down, before it began",
            Self::Panicked => "the task panicked: the process's panic message says where",
        })
    }
}

impl std::error::Error for Lost {}
