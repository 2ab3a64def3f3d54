//! Work that is done once, by itself.

use alloc::vec::Vec;
use core::hash::Hash;
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use subvm_core::Cancel;

use crate::jobs::{Jobs, Waited};

const LONG: Duration = Duration::from_secs(600);
const NO_TIME: Duration = Duration::ZERO;

/// Work that counts how often it is done, says that it begins, and ends when it is told to.
fn held(count: &Arc<AtomicUsize>) -> (impl FnOnce() -> u8 + Send + 'static, Receiver<()>, Sender<u8>) {
    let (begins, begun) = channel();
    let (finish, finished) = channel();
    let count = Arc::clone(count);
    let work = move || {
        count.fetch_add(1, Ordering::SeqCst);
        begins.send(()).unwrap();
        finished.recv().unwrap()
    };
    (work, begun, finish)
}

fn waiting<K: Copy + Eq + Hash + Send + 'static, T>(jobs: &Jobs<K, T>, key: K) -> usize {
    jobs.shared.lock().jobs.get(&key).map_or(0, |job| job.waiting)
}

#[test]
fn who_asks_for_the_same_waits_for_one_piece_of_work() {
    let (jobs, count) = (Jobs::new(4), Arc::new(AtomicUsize::new(0)));
    let (work, begun, finish) = held(&count);
    thread::scope(|threads| {
        let first = threads.spawn(|| jobs.wait(7, LONG, None, work).unwrap());
        begun.recv().unwrap();
        let others: Vec<_> =
            (0..8).map(|_| threads.spawn(|| jobs.wait(7, LONG, None, || panic!("it is under way")).unwrap())).collect();
        while waiting(&jobs, 7) < 9 {
            thread::yield_now();
        }
        finish.send(42).unwrap();
        assert_eq!(first.join().unwrap(), Waited::Done { value: 42, first: true });
        for other in others {
            assert_eq!(other.join().unwrap(), Waited::Done { value: 42, first: false });
        }
    });
    assert_eq!((count.load(Ordering::SeqCst), jobs.shared.lock().jobs.len()), (1, 0));
    assert_eq!(jobs.wait(7, LONG, None, || 1).unwrap(), Waited::Done { value: 1, first: true }, "nothing is kept");
}

#[test]
fn what_has_begun_goes_on_when_nobody_waits() {
    let (jobs, count) = (Jobs::new(4), Arc::new(AtomicUsize::new(0)));
    let (work, begun, finish) = held(&count);
    thread::scope(|threads| {
        let gave_up = threads.spawn(|| {
            let work = move || work();
            jobs.wait(7, Duration::from_millis(1), None, work).unwrap()
        });
        // It may have given up before it began; then there was nothing to go on.
        if begun.recv().is_ok() {
            assert_eq!(gave_up.join().unwrap(), Waited::GaveUp);
            let next = threads.spawn(|| jobs.wait(7, LONG, None, || panic!("it is under way")).unwrap());
            while waiting(&jobs, 7) < 1 {
                thread::yield_now();
            }
            finish.send(9).unwrap();
            assert_eq!(next.join().unwrap(), Waited::Done { value: 9, first: false });
        }
    });
    assert!(count.load(Ordering::SeqCst) <= 1);
}

/// Work cannot be stopped, so what nobody waits for any more holds its place: however often runs give up, no more is under way.
#[test]
fn what_was_given_up_counts_until_it_ends() {
    let (jobs, count) = (Jobs::new(1), Arc::new(AtomicUsize::new(0)));
    let (work, begun, finish) = held(&count);
    thread::scope(|threads| {
        let first = threads.spawn(|| jobs.wait(0, LONG, None, work).unwrap());
        begun.recv().unwrap();
        // As if the first had waited in vain.
        jobs.shared.lock().jobs.get_mut(&0).unwrap().waiting -= 1;
        for key in 1..9 {
            assert_eq!(jobs.wait(key, NO_TIME, None, || panic!("the place is taken")).unwrap(), Waited::GaveUp);
        }
        while jobs.shared.lock().jobs.len() > 1 {
            thread::yield_now();
        }
        assert_eq!((jobs.shared.lock().begun, count.load(Ordering::SeqCst)), (1, 1));
        jobs.shared.lock().jobs.get_mut(&0).unwrap().waiting += 1;
        finish.send(1).unwrap();
        assert_eq!(first.join().unwrap(), Waited::Done { value: 1, first: true });
    });
    assert_eq!(jobs.wait(9, LONG, None, || 3).unwrap(), Waited::Done { value: 3, first: true });
}

#[test]
fn what_is_offered_is_done_although_nobody_waits_and_no_more_than_may_be() {
    let (jobs, count) = (Jobs::new(4), Arc::new(AtomicUsize::new(0)));
    let (work, begun, finish) = held(&count);
    assert!(jobs.offer(1, 1, work).unwrap());
    begun.recv().unwrap();
    assert!(!jobs.offer(1, 4, || panic!("it is under way")).unwrap());
    assert!(!jobs.offer(2, 1, || panic!("one is as many as may be")).unwrap());
    thread::scope(|threads| {
        let waits = threads.spawn(|| jobs.wait(1, LONG, None, || panic!("it is under way")).unwrap());
        while waiting(&jobs, 1) < 1 {
            thread::yield_now();
        }
        finish.send(5).unwrap();
        assert_eq!(waits.join().unwrap(), Waited::Done { value: 5, first: false });
    });
    let (work, begun, finish) = held(&count);
    assert!(jobs.offer(2, 1, work).unwrap());
    begun.recv().unwrap();
    finish.send(6).unwrap();
    while !jobs.shared.lock().jobs.is_empty() {
        thread::yield_now();
    }
    assert_eq!((count.load(Ordering::SeqCst), jobs.shared.lock().begun), (2, 0));
}

#[test]
fn what_has_not_begun_is_not_done_when_nobody_waits() {
    let (jobs, count) = (Jobs::new(1), Arc::new(AtomicUsize::new(0)));
    let (work, begun, finish) = held(&count);
    thread::scope(|threads| {
        let first = threads.spawn(|| jobs.wait(1, LONG, None, work).unwrap());
        begun.recv().unwrap();
        // One at a time: this one cannot begin.
        assert_eq!(jobs.wait(2, NO_TIME, None, || panic!("nobody waits for it")).unwrap(), Waited::GaveUp);
        while jobs.shared.lock().jobs.contains_key(&2) {
            thread::yield_now();
        }
        finish.send(1).unwrap();
        assert_eq!(first.join().unwrap(), Waited::Done { value: 1, first: true });
    });
    assert_eq!(jobs.wait(2, LONG, None, || 3).unwrap(), Waited::Done { value: 3, first: true });
}

#[test]
fn who_is_called_off_waits_no_longer_and_the_work_goes_on_for_others() {
    let (jobs, count, cancel) = (Jobs::new(4), Arc::new(AtomicUsize::new(0)), Cancel::new());
    let (work, begun, finish) = held(&count);
    thread::scope(|threads| {
        let called_off = threads.spawn(|| jobs.wait(7, LONG, Some(&cancel), work).unwrap());
        begun.recv().unwrap();
        let other = threads.spawn(|| jobs.wait(7, LONG, None, || panic!("it is under way")).unwrap());
        while waiting(&jobs, 7) < 2 {
            thread::yield_now();
        }
        cancel.cancel();
        assert_eq!(called_off.join().unwrap(), Waited::GaveUp);
        finish.send(5).unwrap();
        assert_eq!(other.join().unwrap(), Waited::Done { value: 5, first: false });
    });
}
