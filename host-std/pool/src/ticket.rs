//! What comes of a task, for a thread or for a task of an executor that waits for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use subvm_core::Cancel;

use crate::Lost;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A place for what comes of a task.
struct Slot<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

struct State<T> {
    result: Option<Result<T, Lost>>,
    waker: Option<Waker>,
}

impl<T> Slot<T> {
    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes of a task that was put into a [`Pool`](crate::Pool): wait for it with [`wait`](Self::wait) on a thread, or with `.await` on any
/// executor. To drop it cancels the task; [`detach`](Self::detach) does not.
///
/// ```
/// use subvm_pool::{Pool, Task};
/// let pool = Pool::builder().at_once(2).build()?;
/// let ticket = pool.submit(Task::default(), |_cancel| 6 * 7)?;
/// assert_eq!(ticket.wait()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "to drop a ticket cancels what it is for"]
pub struct Ticket<T> {
    slot: Arc<Slot<T>>,
    cancel: Cancel,
    detached: bool,
}

/// Who has to fill the place.
pub(crate) struct Promise<T>(Arc<Slot<T>>);

/// A ticket and its promise.
pub(crate) fn pair<T>(cancel: Cancel) -> (Promise<T>, Ticket<T>) {
    let slot = Slot { state: Mutex::new(State { result: None, waker: None }), filled: Condvar::new() };
    let slot = Arc::new(slot);
    (Promise(Arc::clone(&slot)), Ticket { slot, cancel, detached: false })
}

impl<T> Promise<T> {
    pub(crate) fn keep(self, result: Result<T, Lost>) {
        self.fill(result);
    }

    fn fill(&self, result: Result<T, Lost>) {
        let mut state = self.0.lock();
        if state.result.is_none() {
            state.result = Some(result);
        }
        let waker = state.waker.take();
        self.0.filled.notify_all();
        // A waker may do anything.
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<T> Drop for Promise<T> {
    /// What is forgotten has not begun.
    fn drop(&mut self) {
        self.fill(Err(Lost::NotBegun));
    }
}

impl<T> Ticket<T> {
    /// Waits for the result, on this thread.
    ///
    /// # Errors
    /// [`Lost`] where there is none.
    pub fn wait(mut self) -> Result<T, Lost> {
        self.detached = true;
        let mut state = self.slot.lock();
        loop {
            if let Some(result) = state.result.take() {
                return result;
            }
            state = self.slot.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Calls the task off: a run that was given the token ends within milliseconds. The ticket then says what came of it.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// The task's token.
    #[must_use]
    pub fn token(&self) -> &Cancel {
        &self.cancel
    }

    /// Lets the task go on, whose result nobody waits for.
    pub fn detach(mut self) {
        self.detached = true;
    }
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, Lost>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ticket = self.get_mut();
        let mut state = ticket.slot.lock();
        if let Some(result) = state.result.take() {
            ticket.detached = true;
            return Poll::Ready(result);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        if !self.detached {
            self.cancel.cancel();
        }
    }
}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}
