//! A process's mappings, shared among the runs that are under way.
//!
//! Linux gives a process 65,530 of them (`vm.max_map_count` in proc_sys_vm(5)), and each stack and each memory takes two: what is open, and
//! what is not. A nest as deep and as wide as the limits allow takes a quarter of them all, and 33 TiB of the 128 TiB of addresses. So
//! sub-VMs take theirs from a pool, and when it is empty, one run at a time goes on with a reserve, which suffices for any. The
//! others wait, holding what they hold: who has the reserve waits for nothing here, and ends.
//!
//! A node may tie runs together where we cannot see it (one that has another thread run something, and waits). So patience ends, and the
//! run tries its luck; what the system does not give is an internal error then, as anywhere.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use subvm_core::Cancel;
use subvm_core::costs::{DEPTH, MEMORIES};
use subvm_core::host::Patience;

use subvm_observe::event;

/// Mappings of a stack or a memory.
const EACH: usize = 2;
/// Mappings of the largest nest: the main sub-VM and as many below it as may be, each with its stack, its memories and a heap of exceptions.
const RESERVE: usize = (DEPTH as usize + 1) * (1 + MEMORIES as usize + 1) * EACH;
/// Mappings that all runs share. A third of what a process has is left for code, for what waits for use, and for the node itself.
const POOL: usize = 65_530 / 3 * 2 - RESERVE;
/// How long a run waits for others.
const PATIENCE: Duration = Duration::from_secs(60);

static MAPPINGS: Mappings = Mappings::new(POOL);

thread_local! {
    /// Whether this thread's run has left the pool, and for what: sub-VMs run on the thread of their parents.
    static BEYOND: Cell<Option<Beyond>> = const { Cell::new(None) };
}

/// What a run lives on beyond the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beyond {
    Reserve,
    /// It waited in vain.
    Luck,
}

/// Mappings that a sub-VM may make until this is dropped, on the same thread, and after those of the sub-VMs below it.
#[derive(Debug)]
pub(super) struct Share {
    of: &'static Mappings,
    taken: Taken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    FromPool(usize),
    /// The first of its run that the pool had not enough for.
    First(Beyond),
    /// An ancestor is the first one.
    Below,
}

impl Share {
    /// For a sub-VM with so many memories. Waits while other runs hold too much, but no longer than `time_left`, nor when `cancel` was used.
    pub(super) fn take(memories: usize, time_left: Option<Duration>, cancel: Option<&Cancel>) -> Self {
        MAPPINGS.take((1 + memories) * EACH, time_left.unwrap_or(PATIENCE).min(PATIENCE), cancel)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        match self.taken {
            Taken::FromPool(mappings) => self.of.give_back(|state| state.pool += mappings),
            Taken::First(beyond) => {
                BEYOND.set(None);
                if beyond == Beyond::Reserve {
                    self.of.give_back(|state| state.reserve = true);
                }
            }
            Taken::Below => {}
        }
    }
}

/// The place of a thread in the nest of sub-VMs that runs on it, for an engine that goes on with the nest on another thread.
///
/// What a nest holds of the process's mappings is noted on the thread that it runs on. A sub-VM that is run on another thread takes its place
/// along; else it could wait for what those around it hold.
///
/// ```
/// use subvm_wasmtime::Nest;
/// let nest = Nest::current();
/// let ran = std::thread::scope(|scope| scope.spawn(|| nest.continued(|| 7)).join().unwrap());
/// assert_eq!(ran, 7);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Nest(Option<Beyond>);

impl Nest {
    /// That of this thread.
    #[must_use]
    pub fn current() -> Self {
        Self(BEYOND.get())
    }

    /// Runs what belongs to the nest on this thread, while the thread that it comes from waits.
    pub fn continued<T>(self, run: impl FnOnce() -> T) -> T {
        struct Before(Option<Beyond>);
        impl Drop for Before {
            fn drop(&mut self) {
                BEYOND.set(self.0);
            }
        }
        let _before = Before(BEYOND.replace(self.0));
        run()
    }
}

#[derive(Debug)]
struct Mappings {
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Debug)]
struct State {
    /// Mappings in the pool.
    pool: usize,
    /// Whether the reserve is there.
    reserve: bool,
    /// Runs that wait: where there is none, nobody is woken, which takes a system call.
    waiting: usize,
}

impl Mappings {
    const fn new(pool: usize) -> Self {
        Self { state: Mutex::new(State { pool, reserve: true, waiting: 0 }), given_back: Condvar::new() }
    }

    fn take(&'static self, mappings: usize, at_most: Duration, cancel: Option<&Cancel>) -> Share {
        let taken = match BEYOND.get() {
            Some(_) => Taken::Below,
            None => self.take_first(mappings, at_most, cancel),
        };
        if let Taken::First(beyond) = taken {
            BEYOND.set(Some(beyond));
        }
        Share { of: self, taken }
    }

    fn take_first(&self, mappings: usize, at_most: Duration, cancel: Option<&Cancel>) -> Taken {
        let mut state = self.lock();
        let short = |state: &mut State| state.pool < mappings && !state.reserve;
        let began = short(&mut state).then(Instant::now);
        while let Some(began) = began {
            let left = at_most.saturating_sub(began.elapsed());
            if left.is_zero() || !short(&mut state) || cancel.is_some_and(Cancel::is_cancelled) {
                break;
            }
            let slice = if cancel.is_some() { left.min(Patience::LOOK) } else { left };
            state.waiting += 1;
            let waited = self.given_back.wait_timeout_while(state, slice, short);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        if let Some(left) = state.pool.checked_sub(mappings) {
            state.pool = left;
            return Taken::FromPool(mappings);
        }
        if std::mem::take(&mut state.reserve) {
            return Taken::First(Beyond::Reserve);
        }
        drop(state);
        if cancel.is_some_and(Cancel::is_cancelled) {
            // It ends before it maps anything.
            return Taken::First(Beyond::Luck);
        }
        event!(warn, "a sub-VM starts although other runs hold the process's mappings");
        Taken::First(Beyond::Luck)
    }

    fn give_back(&self, what: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        what(&mut state);
        if state.waiting > 0 {
            self.given_back.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const NO_TIME: Duration = Duration::ZERO;

    fn of(pool: usize) -> &'static Mappings {
        Box::leak(Box::new(Mappings::new(pool)))
    }

    fn left(mappings: &Mappings) -> (usize, bool) {
        let state = mappings.lock();
        (state.pool, state.reserve)
    }

    /// What another run comes to that takes so many.
    fn elsewhere(mappings: &'static Mappings, count: usize, at_most: Duration) -> Taken {
        thread::spawn(move || mappings.take(count, at_most, None).taken).join().unwrap()
    }

    #[test]
    fn a_nest_that_goes_on_elsewhere_waits_for_nothing_that_it_holds() {
        let mappings = of(0);
        let first = mappings.take(1, NO_TIME, None);
        assert_eq!(first.taken, Taken::First(Beyond::Reserve));
        let nest = Nest::current();
        let taken = || nest.continued(|| mappings.take(1, Duration::MAX, None).taken);
        assert_eq!(thread::scope(|scope| scope.spawn(taken).join().unwrap()), Taken::Below);
    }

    #[test]
    fn when_the_pool_is_empty_one_run_goes_on_with_the_reserve() {
        let mappings = of(10);
        let first = mappings.take(8, NO_TIME, None);
        assert_eq!(first.taken, Taken::FromPool(8));
        let second = mappings.take(3, NO_TIME, None);
        assert_eq!(second.taken, Taken::First(Beyond::Reserve));
        // Nothing more is asked for this run, not even what the pool has.
        let third = mappings.take(1, NO_TIME, None);
        assert_eq!((third.taken, left(mappings)), (Taken::Below, (2, false)));
        assert_eq!(elsewhere(mappings, 2, NO_TIME), Taken::FromPool(2));
        assert_eq!(elsewhere(mappings, 3, NO_TIME), Taken::First(Beyond::Luck));
        drop((third, second));
        assert_eq!(elsewhere(mappings, 3, NO_TIME), Taken::First(Beyond::Reserve));
        assert_eq!(left(mappings), (2, true));
        assert_eq!(mappings.take(2, NO_TIME, None).taken, Taken::FromPool(2));
        drop(first);
        assert_eq!(left(mappings), (10, true));
    }

    #[test]
    fn who_waited_in_vain_waits_once() {
        let mappings = of(1);
        mappings.lock().reserve = false;
        let in_vain = mappings.take(2, Duration::from_millis(1), None);
        assert_eq!(in_vain.taken, Taken::First(Beyond::Luck));
        assert_eq!(mappings.take(2, Duration::MAX, None).taken, Taken::Below);
        drop(in_vain);
        assert_eq!(mappings.take(1, NO_TIME, None).taken, Taken::FromPool(1));
        assert_eq!(left(mappings), (1, false));
    }

    #[test]
    fn who_waits_goes_on_with_what_is_given_back() {
        for (pool, goes_on) in [(4, Taken::FromPool(4)), (3, Taken::First(Beyond::Reserve))] {
            let mappings = of(pool);
            let (held, reserve) = (mappings.take(pool, NO_TIME, None), mappings.take(1, NO_TIME, None));
            let waiting = thread::spawn(move || mappings.take(4, Duration::from_secs(60), None).taken);
            drop(if pool == 4 { held } else { reserve });
            assert_eq!(waiting.join().unwrap(), goes_on);
        }
    }

    #[test]
    fn who_is_called_off_waits_no_longer() {
        let mappings = of(1);
        mappings.lock().reserve = false;
        let cancel = Cancel::new();
        let token = cancel.clone();
        let waiting = thread::spawn(move || mappings.take(2, Duration::MAX, Some(&token)).taken);
        cancel.cancel();
        assert_eq!(waiting.join().unwrap(), Taken::First(Beyond::Luck));
        assert_eq!(left(mappings), (1, false));
    }
}
