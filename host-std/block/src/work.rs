//! What the threads of a block do: run transactions, check those that were begun ahead, settle them in order.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use subvm_core::Cancel;

use crate::attempt::{Attempt, Shared};
use crate::memory::{Found, Key, Memory, Value};
use crate::pace::Pace;
use crate::schedule::{Done, Schedule, Task};
use crate::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// What comes of running a transaction: a value and what it changes, ascending by key; or an error.
pub(crate) type Ran<K, V, T, E> = Result<(T, Found<K, V>), E>;

/// A block that is being executed.
pub(crate) struct Work<K, V, T, E, R, C> {
    shared: Arc<Shared<K, V>>,
    slots: Vec<Mutex<Slot<K, V, T, E>>>,
    most_ahead: usize,
    run: R,
    /// Says of each transaction, in their order, whether the block goes on with it.
    keep: Mutex<C>,
    cancel: Cancel,
    end: Mutex<End<E>>,
    stopped: AtomicBool,
}

/// Where a transaction stands.
struct Slot<K, V, T, E> {
    /// The attempt that counts: what comes of another is thrown away.
    attempt: Option<Arc<Attempt<K, V>>>,
    /// What came of it.
    result: Option<Result<T, Failed<E>>>,
    /// What it changes, where that is not in memory yet: of an attempt on the settled state, which nobody was to see before it was settled.
    changes: Found<K, V>,
    /// The keys under which its changes are in memory, or those of an attempt that was lost.
    wrote: Vec<K>,
}

enum Failed<E> {
    Error(E),
    Panic(Box<dyn Any + Send>),
}

/// Why a block was not carried on.
#[derive(Debug, Default)]
pub(crate) enum End<E> {
    /// It was carried out.
    #[default]
    Done,
    /// `keep` said so of the first transaction that is not kept.
    Enough,
    /// The first transaction that is not kept came to this.
    Error(E),
    /// Something panicked.
    Panic(Box<dyn Any + Send>),
}

/// What a block came to.
pub(crate) struct Outcome<K, V, T, E> {
    pub(crate) kept: Vec<T>,
    pub(crate) changes: Found<K, V>,
    pub(crate) end: End<E>,
}

impl<K, V, T, E, R, C> Work<K, V, T, E, R, C>
where
    K: Key,
    V: Value,
    R: Fn(&Arc<Attempt<K, V>>) -> Ran<K, V, T, E>,
    C: FnMut(usize, &T) -> bool,
{
    pub(crate) fn new(count: usize, parts: usize, most_ahead: usize, cancel: Cancel, run: R, keep: C) -> Self {
        let schedule = Schedule::new(count, Pace::new(most_ahead));
        let shared = Arc::new(Shared { memory: Memory::new(parts), schedule });
        let slot = |_| Mutex::new(Slot { attempt: None, result: None, changes: Vec::new(), wrote: Vec::new() });
        let slots = (0..count).map(slot).collect();
        Self {
            shared,
            slots,
            most_ahead,
            run,
            keep: Mutex::new(keep),
            cancel,
            end: Mutex::new(End::Done),
            stopped: AtomicBool::new(false),
        }
    }

    /// Does what there is to do until the block is done. Each thread calls it once.
    pub(crate) fn work(&self) {
        // Whatever panics here, no other thread waits for this one.
        let stop = Stop(&self.shared.schedule);
        let mut done = Done::Nothing;
        loop {
            done = match self.shared.schedule.next(done) {
                Task::Run { number, ahead } => self.attempt(number, ahead),
                Task::Check { number, ran } => self.check(number, ran),
                Task::End => break,
            };
        }
        std::mem::forget(stop);
    }

    /// What came of the block, after all threads have ended.
    pub(crate) fn outcome(self) -> Outcome<K, V, T, E> {
        let settled = self.shared.schedule.frontier();
        let result = |slot: Mutex<Slot<K, V, T, E>>| {
            let slot = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
            slot.result.and_then(Result::ok)
        };
        let kept = self.slots.into_iter().take(settled).filter_map(result).collect();
        let end = self.end.into_inner().unwrap_or_else(PoisonError::into_inner);
        Outcome { kept, changes: self.shared.memory.changes(settled), end }
    }

    /// Versions that memory keeps, of all keys.
    #[cfg(test)]
    pub(crate) fn versions(&self) -> usize {
        self.shared.memory.versions()
    }

    fn attempt(&self, number: usize, ahead: bool) -> Done {
        let attempt = Arc::new(Attempt::new(&self.shared, number, ahead, self.cancel.child()));
        self.slot(number).attempt = Some(Arc::clone(&attempt));
        // What was stopped before that is not run; what is stopped after finds the attempt, and calls it off.
        if self.stopped.load(Ordering::SeqCst) {
            return Done::Nothing;
        }
        let ran = catch_unwind(AssertUnwindSafe(|| (self.run)(&attempt)));
        let mut slot = self.slot(number);
        let counts = slot.attempt.as_ref().is_some_and(|counting| Arc::ptr_eq(counting, &attempt));
        if !counts {
            drop(slot);
            drop_calmly(ran);
            return Done::Nothing;
        }
        let (result, changes) = match ran {
            Ok(Ok((value, changes))) => (Ok(value), changes),
            Ok(Err(error)) => (Err(Failed::Error(error)), Vec::new()),
            Err(panic) => (Err(Failed::Panic(panic)), Vec::new()),
        };
        if ahead {
            slot.wrote = self.shared.memory.publish(number, changes);
        } else {
            slot.changes = changes;
        }
        slot.result = Some(result);
        Done::Ran { number, ahead }
    }

    fn check(&self, number: usize, ran: bool) -> Done {
        let mut slot = self.slot(number);
        let attempt = slot.attempt.clone();
        // An error ahead may be of a state that never was; on the settled state, it is the block's.
        let good = match &attempt {
            Some(attempt) => !(ran && attempt.ahead && matches!(slot.result, Some(Err(_)))) && attempt.stands(),
            // Begun by a thread that is not there yet: all that it reads will stand.
            None => true,
        };
        if !good {
            attempt.iter().for_each(|attempt| attempt.cancel.cancel());
            self.shared.memory.open(number, &slot.wrote);
            let result = slot.result.take();
            slot.attempt = None;
            drop(slot);
            drop_calmly(result);
            self.shared.schedule.lost();
            return self.attempt(number, false);
        }
        if !ran {
            return Done::Looked;
        }
        match slot.result.take() {
            Some(Ok(value)) => {
                drop(slot);
                self.settle(number, value, attempt.is_some_and(|attempt| attempt.waited()))
            }
            Some(Err(Failed::Error(error))) => self.stop(slot, End::Error(error)),
            Some(Err(Failed::Panic(panic))) => self.stop(slot, End::Panic(panic)),
            None => self.stop(slot, End::Panic(Box::new("a transaction that ran has no result"))),
        }
    }

    fn settle(&self, number: usize, value: T, waited: bool) -> Done {
        // Not under the slot's lock: it is the caller's code.
        let keep = || (self.keep.lock().unwrap_or_else(PoisonError::into_inner))(number, &value);
        let goes_on = catch_unwind(AssertUnwindSafe(keep));
        let mut slot = self.slot(number);
        match goes_on {
            Ok(true) => {
                let (wrote, changes) = (std::mem::take(&mut slot.wrote), std::mem::take(&mut slot.changes));
                let ahead = slot.attempt.take().is_some_and(|attempt| attempt.ahead);
                slot.result = Some(Ok(value));
                drop(slot);
                if ahead {
                    self.shared.memory.settle(number, &wrote);
                } else {
                    self.shared.memory.publish_settled(number, changes, &wrote);
                }
                Done::Settled { waited }
            }
            Ok(false) => self.stop(slot, End::Enough),
            Err(panic) => self.stop(slot, End::Panic(panic)),
        }
    }

    /// Ends the block before the transaction at the frontier, and calls off what was begun.
    fn stop(&self, slot: MutexGuard<'_, Slot<K, V, T, E>>, end: End<E>) -> Done {
        drop(slot);
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
        self.stopped.store(true, Ordering::SeqCst);
        let from = self.shared.schedule.frontier();
        self.shared.schedule.stop();
        for slot in self.slots.iter().skip(from).take(self.most_ahead + 1) {
            let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.attempt.iter().for_each(|attempt| attempt.cancel.cancel());
        }
        Done::Nothing
    }

    /// What panics under this lock is the dropping of what a caller gave, if anything.
    fn slot(&self, number: usize) -> MutexGuard<'_, Slot<K, V, T, E>> {
        self.slots[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what a caller's code made, and does not care for a panic.
fn drop_calmly<T>(value: T) {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(value)));
    // To drop what was thrown could panic again.
    dropped.err().into_iter().for_each(std::mem::forget);
}

/// Stops the schedule when it is dropped.
struct Stop<'a>(&'a Schedule);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
