//! The queue, for threads and for tasks: who puts something in may wait for room, who works waits for work.

use std::task::Waker;
use std::time::Duration;

use crate::queue::{Limits, Queue};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use crate::{Refusal, Task};

/// A [`Queue`] that threads share.
pub(crate) struct Line<T> {
    state: Mutex<State<T>>,
    /// Something may begin, or the line is closed.
    work: Condvar,
    /// There is room, or nothing runs, or the line is closed.
    room: Condvar,
    unwanted: fn(&T) -> bool,
}

struct State<T> {
    queue: Queue<T>,
    open: bool,
    /// Tasks of an executor that wait for room.
    wakers: Vec<Waker>,
}

/// What a line holds at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) queued: usize,
    pub(crate) running: usize,
    pub(crate) memory: u64,
}

impl<T> Line<T> {
    /// A line; what is `unwanted` gives way when it is full.
    pub(crate) fn new(limits: Limits, unwanted: fn(&T) -> bool) -> Self {
        let state = State { queue: Queue::new(limits), open: true, wakers: Vec::new() };
        Self { state: Mutex::new(state), work: Condvar::new(), room: Condvar::new(), unwanted }
    }

    /// Puts a task in, or says why not and gives it back; where it is full, `waker` is woken when there may be room.
    pub(crate) fn put(&self, task: Task, item: T, waker: Option<&Waker>) -> Result<(), (Refusal, T)> {
        let mut gone = Vec::new();
        let result = self.put_in(&mut self.lock(), task, item, waker, &mut gone);
        // What is dropped tells somebody, which nobody must wait for.
        drop(gone);
        result
    }

    /// Puts a task in, and waits for room where it is full.
    pub(crate) fn put_waiting(&self, task: Task, mut item: T) -> Result<(), (Refusal, T)> {
        let mut gone = Vec::new();
        let mut state = self.lock();
        loop {
            match self.put_in(&mut state, task, item, None, &mut gone) {
                Err((Refusal::Full { .. }, back)) => item = back,
                result => {
                    drop(state);
                    return result;
                }
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put_in(
        &self,
        state: &mut State<T>,
        task: Task,
        item: T,
        waker: Option<&Waker>,
        gone: &mut Vec<T>,
    ) -> Result<(), (Refusal, T)> {
        if !state.open {
            return Err((Refusal::ShutDown, item));
        }
        let mut result = state.queue.put(task, item);
        if let Err((Refusal::Full { .. }, back)) = result {
            gone.extend(state.queue.purge(self.unwanted));
            result = state.queue.put(task, back);
        }
        match &result {
            Ok(()) => self.work.notify_all(),
            Err((Refusal::Full { .. }, _)) => {
                let known = |waker: &&Waker| !state.wakers.iter().any(|known| known.will_wake(waker));
                let new = waker.filter(known).cloned();
                state.wakers.extend(new);
            }
            Err(_) => {}
        }
        result
    }

    /// Waits for what is to be done next; nothing where the line is closed.
    pub(crate) fn take(&self) -> Option<(Task, T)> {
        let mut state = self.lock();
        loop {
            if !state.open {
                return None;
            }
            if let Some(next) = state.queue.next() {
                self.there_is_room(state);
                return Some(next);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What was taken is done.
    pub(crate) fn done(&self, task: &Task) {
        let mut state = self.lock();
        state.queue.done(task);
        self.work.notify_all();
        self.there_is_room(state);
    }

    /// Takes nothing more in, and gives back what has not begun.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut state = self.lock();
        state.open = false;
        let left = state.queue.purge(|_| true);
        self.work.notify_all();
        self.there_is_room(state);
        left
    }

    /// Waits until nothing runs, `at_most` this long; whether it came to that.
    pub(crate) fn idle(&self, at_most: Duration) -> bool {
        let state = self.lock();
        let busy = |state: &mut State<T>| state.queue.running() > 0;
        let waited = self.room.wait_timeout_while(state, at_most, busy);
        waited.unwrap_or_else(PoisonError::into_inner).0.queue.running() == 0
    }

    pub(crate) fn load(&self) -> Load {
        let state = self.lock();
        Load { queued: state.queue.queued(), running: state.queue.running(), memory: state.queue.memory() }
    }

    fn there_is_room(&self, mut state: MutexGuard<'_, State<T>>) {
        let wakers = std::mem::take(&mut state.wakers);
        self.room.notify_all();
        // A waker may do anything.
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
