//! The pool with real threads: tasks, tickets, panics, its end.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use subvm_core::host::State;
use subvm_core::{Address, Cancel, Entry, InternalErrorKind, Message, Params, Role, Run, run};
use subvm_host_mock::{MemoryHost, ScriptedEngine};
use subvm_pool::{Lost, Pool, Refusal, ShutDown, Task};

const LONG: Duration = Duration::from_secs(600);

fn of(contract: u8) -> Task {
    Task { contract: Address([contract; 20]), ..Task::default() }
}

/// Work that says that it begins, and ends when it is told to.
fn held() -> (impl FnOnce(&Cancel) -> u8 + Send + 'static, Receiver<()>, Sender<u8>) {
    let ((begins, begun), (finish, finished)) = (channel(), channel());
    let finished = Mutex::new(finished);
    let work = move |_: &Cancel| {
        begins.send(()).unwrap();
        finished.into_inner().unwrap().recv().unwrap()
    };
    (work, begun, finish)
}

/// Work that lasts until it is called off.
fn until_cancelled(begins: Sender<()>) -> impl FnOnce(&Cancel) + Send + 'static {
    move |cancel| {
        begins.send(()).unwrap();
        while !cancel.is_cancelled() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Waits for a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

#[test]
fn no_more_run_at_once_than_may() {
    let pool = Pool::builder().at_once(3).queued(100).queued_of_one(100).build().unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tickets: Vec<_> = (0..64)
        .map(|_| {
            let (now, most) = (now.clone(), most.clone());
            let work = move |_: &Cancel| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(1));
                now.fetch_sub(1, Ordering::SeqCst);
            };
            pool.submit(of(1), work).unwrap()
        })
        .collect();
    tickets.into_iter().for_each(|ticket| ticket.wait().unwrap());
    assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
}

#[test]
fn a_full_queue_refuses_or_has_callers_wait() {
    let pool = Pool::builder().at_once(1).queued(1).build().unwrap();
    let (work, begun, finish) = held();
    let first = pool.submit(of(1), work).unwrap();
    begun.recv().unwrap();
    let second = pool.submit(of(1), |_| 2).unwrap();
    let refused = pool.submit(of(2), |_| 3).unwrap_err();
    assert_eq!(refused, Refusal::Full { queued: 1, of_this_contract: 0 });
    thread::scope(|threads| {
        let waiting = threads.spawn(|| pool.submit_waiting(of(2), |_| 4).unwrap().wait());
        let suspended = threads.spawn(|| block_on(async { pool.submit_async(of(3), |_| 5).await.unwrap().await }));
        finish.send(1).unwrap();
        assert_eq!((waiting.join().unwrap(), suspended.join().unwrap()), (Ok(4), Ok(5)));
    });
    assert_eq!((first.wait(), second.wait()), (Ok(1), Ok(2)));
}

#[test]
fn a_dropped_ticket_cancels_its_run_and_gives_up_its_place() {
    let pool = Pool::builder().at_once(1).queued(1).build().unwrap();
    let (begins, begun) = channel();
    let running = pool.submit(of(1), until_cancelled(begins)).unwrap();
    begun.recv().unwrap();
    drop(pool.submit(of(1), |_| panic!("it was cancelled before it began")).unwrap());
    let next = pool.submit(of(2), |_| 2).expect("the place of the one that was cancelled");
    drop(running);
    assert_eq!(next.wait(), Ok(2));
    assert_eq!(pool.load().panics, 0);
}

#[test]
fn what_is_detached_goes_on() {
    let pool = Pool::builder().at_once(1).build().unwrap();
    let (sender, receiver) = channel();
    pool.submit(of(1), move |cancel| sender.send(cancel.is_cancelled()).unwrap()).unwrap().detach();
    assert_eq!(receiver.recv_timeout(LONG), Ok(false));
}

#[test]
fn panics_are_caught_and_counted() {
    /// Panics when it is dropped.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let pool = Pool::builder().at_once(1).build().unwrap();
    assert_eq!(pool.submit(of(1), |_| panic!("on purpose")).unwrap().wait(), Err::<(), _>(Lost::Panicked));
    let (work, begun, finish) = held();
    let ticket = pool.submit(of(1), |cancel| (work(cancel), Bomb).1).unwrap();
    begun.recv().unwrap();
    drop(ticket);
    finish.send(0).unwrap();
    assert_eq!(pool.submit(of(1), |_| 1).unwrap().wait(), Ok(1), "the thread goes on");
    assert_eq!(pool.load().panics, 2);
}

#[test]
fn its_end_waits_for_what_runs_and_calls_off_what_lasts() {
    let pool = Pool::builder().at_once(2).build().unwrap();
    let (work, begun, finish) = held();
    let first = pool.submit(of(1), work).unwrap();
    begun.recv().unwrap();
    finish.send(1).unwrap();
    assert_eq!(pool.shutdown(LONG).cancelled, 0);
    assert_eq!(first.wait(), Ok(1));

    let pool = Pool::builder().at_once(1).build().unwrap();
    let (begins, begun) = channel();
    let first = pool.submit(of(1), until_cancelled(begins)).unwrap();
    begun.recv().unwrap();
    let second = pool.submit(of(1), |_| ()).unwrap();
    assert_eq!(pool.shutdown(Duration::from_millis(5)), ShutDown { not_begun: 1, cancelled: 1 });
    assert_eq!((first.wait(), second.wait()), (Ok(()), Err(Lost::NotBegun)));
}

#[test]
fn what_can_never_run_is_refused() {
    let pool = Pool::builder().at_once(1).memory(10).build().unwrap();
    let large = Task { memory: 11, ..of(1) };
    assert_eq!(pool.submit(large, |_| ()).unwrap_err(), Refusal::TooLarge { asked: 11, most: 10 });
    assert_eq!(pool.submit_waiting(large, |_| ()).unwrap_err(), Refusal::TooLarge { asked: 11, most: 10 });
    for (builder, says) in [
        (Pool::builder().at_once(0), "a pool of 0 runs at once"),
        (Pool::builder().at_once(5000), "5000 runs at once are more"),
        (Pool::builder().queued(0), "a queue of 0"),
        (Pool::builder().queued_of_one(0), "a queue of 0"),
        (Pool::builder().memory(0), "a pool of 0 bytes"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
}

/// A whole run, called off by who holds the ticket, with a report that says so.
#[test]
fn a_run_is_called_off_by_its_ticket() {
    let pool = Pool::builder().at_once(1).build().unwrap();
    let (waits, waited) = channel();
    let ticket = pool
        .submit(of(1), move |cancel| {
            waits.send(()).unwrap();
            while !cancel.is_cancelled() {
                thread::yield_now();
            }
            let (message, entry, role, state) = (Message::default(), Entry::Contract, Role::Leader, State::Accepted);
            let (params, deadline, cancel) = (Arc::new(Params::default()), None, Some(cancel.clone()));
            let run_ = Run { message, entry, role, params, state, deadline, cancel };
            run(Arc::new(ScriptedEngine::new()), MemoryHost::new().node(), run_).1
        })
        .unwrap();
    waited.recv().unwrap();
    ticket.cancel();
    assert_eq!(ticket.wait().unwrap().unwrap_err().kind(), InternalErrorKind::Cancelled);
}
