//! What must hold however threads are interleaved. In this checker nobody's time runs out: who gives up has none from the beginning.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shuttle::sync::Arc;
use shuttle::{check_pct, check_random, thread};

use crate::jobs::{Jobs, Waited};

const ROUNDS: usize = 2_000;
const LONG: Duration = Duration::from_secs(600);
const NO_TIME: Duration = Duration::ZERO;

fn check(model: fn()) {
    check_random(model, ROUNDS);
    check_pct(model, ROUNDS, 4);
}

/// How often a piece of work was begun, and how many are under way.
#[derive(Default)]
struct Count {
    begun: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Count {
    fn work(self: &Arc<Self>, value: u8) -> impl FnOnce() -> u8 + Send + 'static + use<> {
        let count = Arc::clone(self);
        move || {
            count.begun.fetch_add(1, Ordering::SeqCst);
            let now = count.now.fetch_add(1, Ordering::SeqCst) + 1;
            count.most.fetch_max(now, Ordering::SeqCst);
            thread::yield_now();
            count.now.fetch_sub(1, Ordering::SeqCst);
            value
        }
    }
}

type Shared = Arc<Jobs<u8, u8>>;

fn asks(jobs: &Shared, count: &Arc<Count>, key: u8, time: Duration) -> thread::JoinHandle<Waited<u8>> {
    let (jobs, work) = (Arc::clone(jobs), count.work(key + 100));
    thread::spawn(move || jobs.wait(key, time, None, work).expect("there are threads"))
}

fn value(waited: Waited<u8>) -> (u8, bool) {
    match waited {
        Waited::Done { value, first } => (value, first),
        Waited::GaveUp => panic!("who has time does not give up"),
    }
}

/// Waits until nothing is under way, and nothing is kept.
fn at_rest(jobs: &Shared) {
    loop {
        let state = jobs.shared.lock();
        if (state.jobs.len(), state.begun) == (0, 0) {
            return;
        }
        drop(state);
        thread::yield_now();
    }
}

#[test]
fn each_who_asks_gets_it_and_whoever_is_first_has_it_done() {
    check(|| {
        let (jobs, count) = (Arc::new(Jobs::new(4)), Arc::new(Count::default()));
        let asking = [(); 3].map(|()| asks(&jobs, &count, 7, LONG));
        let values = asking.map(|asking| value(asking.join().unwrap()));
        assert!(values.iter().all(|(value, _)| *value == 107));
        let first = values.iter().filter(|(_, first)| *first).count();
        assert_eq!(count.begun.load(Ordering::SeqCst), first, "once for each who was first");
        at_rest(&jobs);
    });
}

#[test]
fn no_more_are_under_way_than_may_be_and_each_has_its_turn() {
    check(|| {
        let (jobs, count) = (Arc::new(Jobs::new(1)), Arc::new(Count::default()));
        let asking = [1, 2, 3].map(|key| asks(&jobs, &count, key, LONG));
        let values = asking.map(|asking| value(asking.join().unwrap()));
        assert_eq!(values, [(101, true), (102, true), (103, true)]);
        assert_eq!(count.most.load(Ordering::SeqCst), 1);
        at_rest(&jobs);
    });
}

#[test]
fn who_gives_up_takes_nothing_from_who_waits() {
    check(|| {
        let (jobs, count) = (Arc::new(Jobs::new(1)), Arc::new(Count::default()));
        let gives_up = [(1, NO_TIME), (2, NO_TIME)].map(|(key, time)| asks(&jobs, &count, key, time));
        let waits = [1, 2].map(|key| asks(&jobs, &count, key, LONG));
        for (waits, expected) in waits.into_iter().zip([101, 102]) {
            assert_eq!(value(waits.join().unwrap()).0, expected);
        }
        gives_up.into_iter().for_each(|asking| drop(asking.join().unwrap()));
        assert_eq!(count.most.load(Ordering::SeqCst), 1);
        at_rest(&jobs);
    });
}

#[test]
fn what_is_offered_serves_who_asks_meanwhile() {
    check(|| {
        let (jobs, count) = (Arc::new(Jobs::new(2)), Arc::new(Count::default()));
        let offered = jobs.offer(7, 1, count.work(107)).expect("there are threads");
        let asking = [(); 2].map(|()| asks(&jobs, &count, 7, LONG));
        let first = asking.map(|asking| value(asking.join().unwrap())).into_iter().filter(|(value, first)| {
            assert_eq!(*value, 107);
            *first
        });
        assert_eq!(count.begun.load(Ordering::SeqCst), first.count() + usize::from(offered));
        at_rest(&jobs);
    });
}
