//! Which thread does what next. It knows of numbers, and of nothing that transactions do.
//!
//! All transactions below the *frontier* are settled. The one at the frontier is run on the settled state, or was begun before it came there,
//! *ahead*, and is checked; those beyond are begun ahead, as far as the pace goes. So each is run twice at most, and whoever waits for another
//! waits for the frontier, which waits for nobody.

use std::collections::VecDeque;

use crate::pace::Pace;
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The tasks of a block, for the threads that share it.
pub(crate) struct Schedule {
    state: Mutex<State>,
    /// There is something to do, or nothing ever again.
    work: Condvar,
    /// The frontier moved, or the block was stopped.
    moved: Condvar,
}

struct State {
    count: usize,
    frontier: usize,
    /// Of the transactions from the frontier on, those that were begun.
    begun: VecDeque<Stage>,
    /// Whether a thread checks the transaction at the frontier.
    checking: bool,
    stopped: bool,
    pace: Pace,
    /// Threads that wait for something to do.
    idle: usize,
    /// Threads that wait for the frontier to move.
    waiting: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It was begun ahead, and runs. `looked`: its reads so far were checked when it came to the frontier.
    Ahead { looked: bool },
    /// It runs on the settled state.
    Settled,
    /// It ran.
    Ran { ahead: bool },
}

/// What a thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Run a transaction: on the settled state, or ahead of it.
    Run { number: usize, ahead: bool },
    /// Check the transaction at the frontier: what it read so far, or all, and then settle it. No other thread checks meanwhile.
    Check { number: usize, ran: bool },
    /// Nothing, ever again.
    End,
}

/// What a thread has done with its last task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Nothing that counts.
    Nothing,
    /// It ran a transaction. What was begun ahead and taken over meanwhile is not asked for any more.
    Ran { number: usize, ahead: bool },
    /// What it checked runs on what it should, so far.
    Looked,
    /// What it checked is settled. `waited`: it had waited for one before it.
    Settled { waited: bool },
}

impl Schedule {
    pub(crate) fn new(count: usize, pace: Pace) -> Self {
        let (begun, frontier, checking, stopped) = (VecDeque::new(), 0, false, false);
        let state = State { count, frontier, begun, checking, stopped, pace, idle: 0, waiting: 0 };
        Self { state: Mutex::new(state), work: Condvar::new(), moved: Condvar::new() }
    }

    /// Takes note of what was done, and gives the next task; waits until there is one.
    pub(crate) fn next(&self, done: Done) -> Task {
        let mut state = self.lock();
        state.note(done);
        if matches!(done, Done::Settled { .. }) && state.waiting > 0 {
            self.moved.notify_all();
        }
        loop {
            if let Some(task) = state.take() {
                // What is left is for one that sleeps, who does the same.
                if state.idle > 0 && (task == Task::End || state.find().is_some()) {
                    self.work.notify_one();
                }
                return task;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// What was checked is of no use: whoever says so runs it on the settled state.
    pub(crate) fn lost(&self) {
        let mut state = self.lock();
        state.checking = false;
        state.pace.cost();
        if let Some(stage) = state.begun.front_mut() {
            *stage = Stage::Settled;
        }
    }

    /// Nothing is to be done any more.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        self.work.notify_all();
        self.moved.notify_all();
    }

    /// Transactions that are settled.
    pub(crate) fn frontier(&self) -> usize {
        self.lock().frontier
    }

    /// Waits until a transaction is settled. Only for who was begun ahead of it, and for one that is at the frontier: that one never waits.
    /// Says whether it is.
    pub(crate) fn wait_for(&self, number: usize) -> bool {
        let mut state = self.lock();
        while state.frontier <= number && !state.stopped {
            state.waiting += 1;
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.frontier > number
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, done: Done) {
        match done {
            Done::Nothing => {}
            Done::Ran { number, ahead } => {
                let at = number.checked_sub(self.frontier);
                let Some(stage) = at.and_then(|at| self.begun.get_mut(at)) else { return };
                if matches!((*stage, ahead), (Stage::Ahead { .. }, true) | (Stage::Settled, false)) {
                    *stage = Stage::Ran { ahead };
                }
            }
            Done::Looked => {
                self.checking = false;
                if let Some(stage @ Stage::Ahead { .. }) = self.begun.front_mut() {
                    *stage = Stage::Ahead { looked: true };
                }
            }
            Done::Settled { waited } => {
                self.checking = false;
                match self.begun.pop_front() {
                    Some(Stage::Ran { ahead: true }) if waited => self.pace.cost(),
                    Some(Stage::Ran { ahead: true }) => self.pace.paid(),
                    _ => self.pace.settled(),
                }
                self.frontier += 1;
            }
        }
    }

    /// What there is to do: the frontier first.
    fn find(&self) -> Option<Task> {
        let number = self.frontier;
        if self.stopped || number == self.count {
            return Some(Task::End);
        }
        match self.begun.front() {
            None => return Some(Task::Run { number, ahead: false }),
            Some(Stage::Ran { .. }) if !self.checking => return Some(Task::Check { number, ran: true }),
            Some(Stage::Ahead { looked: false }) if !self.checking => return Some(Task::Check { number, ran: false }),
            Some(_) => {}
        }
        let next = number + self.begun.len();
        let room = next < self.count && self.begun.len() <= self.pace.ahead();
        room.then_some(Task::Run { number: next, ahead: true })
    }

    fn take(&mut self) -> Option<Task> {
        let task = self.find()?;
        match task {
            Task::Run { ahead: true, .. } => self.begun.push_back(Stage::Ahead { looked: false }),
            Task::Run { ahead: false, .. } => self.begun.push_back(Stage::Settled),
            Task::Check { .. } => self.checking = true,
            Task::End => {}
        }
        Some(task)
    }
}
