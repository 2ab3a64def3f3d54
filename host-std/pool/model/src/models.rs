//! What must hold however threads are interleaved.

use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::sync::Arc;
use shuttle::{check_pct, check_random, thread};
use subvm_core::{Address, Cancel};

use crate::line::Line;
use crate::queue::Limits;
use crate::ticket::{self, Promise};
use crate::{Lost, Priority, Refusal, Task};

const ROUNDS: usize = 500;

fn limits(at_once: usize, queued: usize) -> Limits {
    Limits { at_once, memory: 10, queued, queued_of_one: queued }
}

fn task(contract: u8, memory: u64) -> Task {
    Task { contract: Address([contract; 20]), priority: Priority::Normal, memory }
}

fn check(model: fn()) {
    check_random(model, ROUNDS);
    check_pct(model, ROUNDS, 3);
}

/// Threads that do what they take until the line is closed.
fn workers<T: Send + 'static>(
    line: &Arc<Line<T>>,
    count: usize,
    work: impl Fn(&Task, T) + Clone + Send + 'static,
) -> Vec<thread::JoinHandle<()>> {
    let worker = |_| {
        let (line, work) = (Arc::clone(line), work.clone());
        thread::spawn(move || {
            while let Some((task, item)) = line.take() {
                work(&task, item);
                line.done(&task);
            }
        })
    };
    (0..count).map(worker).collect()
}

/// Producers that wait for room, in a line with room for one: each task is done once, the limits hold, nobody sleeps for ever.
#[test]
fn each_task_is_done_once_and_nobody_sleeps_for_ever() {
    check(|| {
        let line = Arc::new(Line::new(limits(2, 1), |_: &usize| false));
        let (done, held, most) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = {
            let (done, held, most) = (done.clone(), held.clone(), most.clone());
            move |task: &Task, item: usize| {
                let now = held.fetch_add(task.memory as usize, Ordering::SeqCst) + task.memory as usize;
                most.fetch_max(now, Ordering::SeqCst);
                thread::yield_now();
                held.fetch_sub(task.memory as usize, Ordering::SeqCst);
                done.fetch_add(item, Ordering::SeqCst);
            }
        };
        let workers = workers(&line, 3, work);
        let producer = |contract: u8| {
            let line = Arc::clone(&line);
            thread::spawn(move || {
                for item in [1, 10] {
                    assert!(line.put_waiting(task(contract, 6), item).is_ok());
                }
            })
        };
        let producers = [producer(1), producer(2)];
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        while done.load(Ordering::SeqCst) < 22 {
            thread::yield_now();
        }
        assert!(line.close().is_empty());
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!((done.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (22, 6));
    });
}

/// A line that is closed at any moment: what was put in is done, or comes back, and who waits for room learns of it.
#[test]
fn closing_loses_nothing() {
    check(|| {
        let line = Arc::new(Line::new(limits(1, 1), |_: &usize| false));
        let done = Arc::new(AtomicUsize::new(0));
        let counter = done.clone();
        let workers = workers(&line, 1, move |_, _: usize| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let producer = {
            let line = Arc::clone(&line);
            thread::spawn(move || {
                let put = |item| match line.put_waiting(task(1, 1), item) {
                    Ok(()) => 1,
                    Err((Refusal::ShutDown, _)) => 0,
                    Err((refusal, _)) => panic!("{refusal}"),
                };
                (0..3).map(put).sum::<usize>()
            })
        };
        thread::yield_now();
        let left = line.close().len();
        let put = producer.join().unwrap();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(done.load(Ordering::SeqCst) + left, put);
        assert_eq!(line.load(), crate::line::Load::default());
    });
}

/// A ticket is waited for on a thread, while its promise is kept or forgotten on another.
#[test]
fn who_waits_for_a_ticket_is_woken() {
    check(|| {
        let (kept, first): (Promise<u8>, _) = ticket::pair(Cancel::new());
        let (forgotten, second): (Promise<u8>, _) = ticket::pair(Cancel::new());
        let keeps = thread::spawn(move || {
            drop(forgotten);
            kept.keep(Ok(7));
        });
        assert_eq!((first.wait(), second.wait()), (Ok(7), Err(Lost::NotBegun)));
        keeps.join().unwrap();
    });
}

/// As by an executor: what is polled and not ready is woken.
#[test]
fn who_polls_a_ticket_is_woken() {
    check(|| {
        let (promise, ticket) = ticket::pair(Cancel::new());
        let keeps = thread::spawn(move || promise.keep(Ok(7)));
        assert_eq!(shuttle::future::block_on(ticket), Ok(7));
        keeps.join().unwrap();
    });
}

/// As by an executor: who found no room is woken when there is some.
#[test]
fn who_polls_for_room_is_woken() {
    check(|| {
        let line = Arc::new(Line::new(limits(1, 1), |_: &u8| false));
        assert!(line.put(task(1, 1), 0, None).is_ok());
        let workers = workers(&line, 1, |_, _| ());
        let mut item = Some(1);
        let put = std::future::poll_fn(|context| match line.put(task(2, 1), item.take().unwrap(), Some(context.waker())) {
            Ok(()) => std::task::Poll::Ready(()),
            Err((_, back)) => {
                item = Some(back);
                std::task::Poll::Pending
            }
        });
        shuttle::future::block_on(put);
        line.close();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}
