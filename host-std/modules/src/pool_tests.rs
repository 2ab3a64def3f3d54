//! The threads of a module set, by themselves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{io, thread};

use crate::pool::{Pool, Waited};

/// How often a thread was asked for.
static ASKED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn a_job_waits_for_a_thread_that_is_not_to_be_had() {
    let pool = Pool::starting_threads(1, |work| match ASKED.fetch_add(1, Ordering::Relaxed) {
        0..3 => Err(io::ErrorKind::WouldBlock.into()),
        _ => thread::Builder::new().spawn(work).map(drop),
    });
    pool.start(1, || Ok(b"one".to_vec()));
    pool.start(2, || Ok(b"two".to_vec()));
    assert!(matches!(pool.wait(1, Duration::ZERO), Waited::Pending));
    for (id, bytes) in [(1, b"one"), (2, b"two")] {
        assert!(matches!(pool.wait(id, Duration::from_secs(20)), Waited::Ready(Ok(answer)) if answer == bytes));
    }
    assert!(ASKED.load(Ordering::Relaxed) > 3);
}

#[test]
fn a_job_without_a_thread_can_be_cancelled() {
    let pool = Pool::starting_threads(1, |_| Err(io::ErrorKind::WouldBlock.into()));
    pool.start(1, || Ok(Vec::new()));
    assert!(matches!(pool.wait(1, Duration::from_millis(50)), Waited::Pending));
    pool.cancel(1);
    assert!(matches!(pool.wait(1, Duration::ZERO), Waited::Unknown));
}
