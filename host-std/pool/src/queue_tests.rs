//! The queue, one step at a time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::queue::{LOWEST_EVERY, Limits, Queue};
use crate::{Priority, Refusal, Task};
use subvm_core::Address;

const LIMITS: Limits = Limits { at_once: 2, memory: 100, queued: 8, queued_of_one: 4 };

fn task(contract: u8, priority: Priority, memory: u64) -> Task {
    Task { contract: Address([contract; 20]), priority, memory }
}

fn normal(contract: u8) -> Task {
    task(contract, Priority::Normal, 1)
}

/// What begins while one thing runs at a time.
fn order<T>(queue: &mut Queue<T>) -> Vec<T> {
    std::iter::from_fn(|| {
        let (task, item) = queue.next()?;
        queue.done(&task);
        Some(item)
    })
    .collect()
}

#[test]
fn contracts_have_their_turns_whoever_asks_most() {
    let mut queue = Queue::new(LIMITS);
    for (item, contract) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 3)] {
        queue.put(normal(contract), item).unwrap();
    }
    assert_eq!(order(&mut queue), [0, 3, 4, 1, 2]);
    assert!(queue.forgot_all(), "nothing is kept of who is done");
}

#[test]
fn of_whom_something_runs_waits_for_others() {
    let mut queue = Queue::new(LIMITS);
    for (item, contract) in [(0, 1), (1, 1), (2, 2)] {
        queue.put(normal(contract), item).unwrap();
    }
    let first = queue.next().unwrap();
    assert_eq!(queue.next().unwrap().1, 2);
    assert!(queue.next().is_none(), "two at once");
    queue.done(&first.0);
    assert_eq!(queue.next().unwrap().1, 1);
}

#[test]
fn priorities_go_first_and_none_starves() {
    let mut queue = Queue::new(Limits { queued: 100, queued_of_one: 100, ..LIMITS });
    queue.put(task(1, Priority::Low, 1), 99).unwrap();
    (0..20).for_each(|item| queue.put(task(2, Priority::High, 1), item).unwrap());
    let order = order(&mut queue);
    assert_eq!(order.iter().position(|item| *item == 99), Some(LOWEST_EVERY as usize - 1));
}

#[test]
fn the_large_is_not_passed_by() {
    let mut queue = Queue::new(LIMITS);
    queue.put(task(1, Priority::Normal, 60), 0).unwrap();
    queue.put(task(2, Priority::Normal, 60), 1).unwrap();
    queue.put(task(3, Priority::Normal, 1), 2).unwrap();
    let first = queue.next().unwrap();
    assert!(queue.next().is_none(), "1 goes before 2, and waits for memory");
    queue.done(&first.0);
    assert_eq!((queue.next().unwrap().1, queue.next().unwrap().1), (1, 2));
}

#[test]
fn what_cannot_be_taken_is_given_back_and_changes_nothing() {
    let mut queue = Queue::new(LIMITS);
    assert_eq!(queue.put(task(1, Priority::High, 101), 7), Err((Refusal::TooLarge { asked: 101, most: 100 }, 7)));
    (0..4).for_each(|item| queue.put(normal(1), item).unwrap());
    assert_eq!(queue.put(normal(1), 9), Err((Refusal::Full { queued: 4, of_this_contract: 4 }, 9)));
    (4..8).for_each(|item| queue.put(normal(2), item).unwrap());
    assert_eq!(queue.put(normal(3), 9), Err((Refusal::Full { queued: 8, of_this_contract: 0 }, 9)));
    assert_eq!(queue.purge(|item| item % 2 == 0), [0, 2, 4, 6]);
    assert_eq!((queue.queued(), order(&mut queue)), (4, vec![1, 5, 3, 7]));
}

proptest! {
    /// Whatever is asked in whatever order: the limits hold, each task begins once or is given back, and what is not blocked begins.
    #[test]
    fn limits_hold_and_nothing_is_lost(steps in proptest::collection::vec((0..4_u8, 0..4_u8, 0..3_usize, 0..120_u64), 0..200)) {
        let mut queue = Queue::new(LIMITS);
        let (mut running, mut waiting, mut begun): (Vec<Task>, BTreeMap<usize, Task>, usize) = Default::default();
        for (item, (what, contract, priority, memory)) in steps.into_iter().enumerate() {
            let asked = task(contract, Priority::ALL[priority], memory);
            match what {
                0 | 1 => match queue.put(asked, item) {
                    Ok(()) => drop(waiting.insert(item, asked)),
                    Err((_, back)) => prop_assert_eq!(back, item),
                },
                2 => if let Some((task, item)) = queue.next() {
                    prop_assert_eq!(waiting.remove(&item), Some(task));
                    running.push(task);
                    begun += 1;
                } else {
                    let free = LIMITS.memory - running.iter().map(|task| task.memory).sum::<u64>();
                    let blocked = running.len() == LIMITS.at_once || waiting.values().any(|task| task.memory > free);
                    prop_assert!(waiting.is_empty() || blocked);
                },
                _ => if !running.is_empty() {
                    queue.done(&running.remove(memory as usize % running.len()));
                },
            }
            prop_assert!(running.len() <= LIMITS.at_once && waiting.len() <= LIMITS.queued);
            prop_assert!(running.iter().map(|task| task.memory).sum::<u64>() <= LIMITS.memory);
            prop_assert_eq!((queue.running(), queue.queued()), (running.len(), waiting.len()));
        }
        running.iter().for_each(|task| queue.done(task));
        prop_assert_eq!(order(&mut queue).len(), waiting.len());
        prop_assert!(queue.forgot_all() && queue.memory() == 0 && begun <= 200);
    }
}
