//! What must hold however threads are interleaved. In this checker nobody's time runs out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shuttle::sync::Arc;
use shuttle::{check_pct, check_random, thread};

use crate::pool::{Answer, Pool, Waited};

const ROUNDS: usize = 2_000;
const LONG: Duration = Duration::from_secs(600);

fn check(model: fn()) {
    check_random(model, ROUNDS);
    check_pct(model, ROUNDS, 4);
}

/// How many jobs are under way, and how many were at most.
#[derive(Default)]
struct Count {
    now: AtomicUsize,
    most: AtomicUsize,
    begun: AtomicUsize,
}

impl Count {
    fn job(self: &Arc<Self>, answer: u8, bytes: usize) -> impl FnOnce() -> Answer + Send + 'static + use<> {
        let count = Arc::clone(self);
        move || {
            count.begun.fetch_add(1, Ordering::SeqCst);
            let now = count.now.fetch_add(1, Ordering::SeqCst) + 1;
            count.most.fetch_max(now, Ordering::SeqCst);
            thread::yield_now();
            count.now.fetch_sub(1, Ordering::SeqCst);
            Ok(vec![answer; bytes])
        }
    }
}

fn answer(waited: Waited) -> Option<u8> {
    match waited {
        Waited::Ready(Ok(bytes)) => Some(bytes[0]),
        Waited::Ready(Err(error)) => panic!("{error}"),
        Waited::Pending => panic!("time does not run out"),
        Waited::Unknown => None,
    }
}

#[test]
fn each_job_is_answered_once_by_no_more_threads_than_may_be() {
    check(|| {
        let (pool, count) = (Pool::new(2), Arc::new(Count::default()));
        for id in 0..4 {
            pool.start(id, count.job(id as u8, 1));
        }
        for id in [2, 0, 3, 1] {
            assert_eq!(answer(pool.wait(id, LONG)), Some(id as u8));
            assert_eq!(answer(pool.wait(id, LONG)), None, "it is spent");
        }
        assert!(count.most.load(Ordering::SeqCst) <= 2);
    });
}

/// Unread answers hold up what has not begun, but for the one that is waited for.
#[test]
fn answers_that_nobody_reads_hold_up_nobody_for_ever() {
    check(|| {
        let (pool, count) = (Pool::new(1), Arc::new(Count::default()));
        pool.start(0, count.job(0, 64 << 20));
        pool.start(1, count.job(1, 1));
        pool.start(2, count.job(2, 1));
        assert_eq!(answer(pool.wait(2, LONG)), Some(2));
        assert_eq!(answer(pool.wait(0, LONG)), Some(0));
        assert_eq!(answer(pool.wait(1, LONG)), Some(1));
    });
}

#[test]
fn what_is_cancelled_is_forgotten_and_takes_nothing_along() {
    check(|| {
        let (pool, count) = (Pool::new(1), Arc::new(Count::default()));
        for id in 0..3 {
            pool.start(id, count.job(id as u8, 1));
        }
        pool.cancel(1);
        assert_eq!(answer(pool.wait(1, LONG)), None);
        assert_eq!((answer(pool.wait(0, LONG)), answer(pool.wait(2, LONG))), (Some(0), Some(2)));
        pool.start(3, count.job(3, 1));
        // Dropped while it may run: it leaves no thread that waits.
        drop(pool);
    });
}
