//! The memory of versions, by itself.

use std::sync::Arc;

use subvm_core::Cancel;

use crate::attempt::{Attempt, Overtaken};
use crate::memory::Change::{Add, Put};
use crate::memory::Memory;
use crate::work::Work;

#[test]
fn a_transaction_finds_what_those_below_it_come_to() {
    let memory = Memory::new(1);
    memory.publish(1, vec![(5, Put(10))]);
    memory.publish(7, vec![(5, Put(1))]);
    memory.publish(3, vec![(5, Add(2)), (6, Add(4))]);
    let found = |below| memory.read(&(0, 9), below).unwrap();
    assert_eq!(found(1), []);
    assert_eq!(found(2), [(5, Put(10))]);
    assert_eq!(found(7), [(5, Put(12)), (6, Add(4))]);
    assert_eq!(found(8), [(5, Put(1)), (6, Add(4))]);
    assert_eq!(memory.read(&(6, 6), 9).unwrap(), [(6, Add(4))]);
}

#[test]
fn who_is_run_anew_is_waited_for_where_it_matters() {
    let memory = Memory::new(1);
    let keys = memory.publish(1, vec![(5, Put(10)), (6, Put(10))]);
    memory.publish(2, vec![(6, Put(20))]);
    memory.open(1, &keys);
    assert_eq!(memory.read(&(5, 5), 2), Err(1));
    assert_eq!(memory.read(&(6, 6), 3), Ok(vec![(6, Put(20))]), "whatever the other puts there");
    assert_eq!(memory.read(&(5, 5), 1), Ok(Vec::new()));
    memory.publish_settled(1, vec![(6, Put(11))], &keys);
    assert_eq!(memory.read(&(5, 6), 2), Ok(vec![(6, Put(11))]), "what it does not write again is gone");
    assert_eq!(memory.read(&(5, 6), 3), Ok(vec![(6, Put(20))]), "what is ahead of it stays");
}

/// However many transactions write it, a key has one version that is settled, and one for each that is not.
#[test]
fn what_is_settled_is_kept_once() {
    let memory = Memory::new(4);
    let mut ahead = Vec::new();
    for number in 0..100 {
        if number % 2 == 0 {
            memory.publish_settled(number, vec![(1, Put(number as u64)), (2, Add(1))], &[]);
            ahead = memory.publish(number + 1, vec![(1, Put(7)), (2, Add(1)), (13, Add(1))]);
            assert_eq!(memory.versions(), if number == 0 { 5 } else { 6 });
        } else {
            memory.settle(number, &ahead);
            assert_eq!(memory.versions(), 3);
        }
    }
    assert_eq!(memory.changes(100), [(1, Put(7)), (2, Add(100)), (13, Add(50))]);
}

/// A block holds no more in the end than what it changed, whatever was thrown away on the way.
#[test]
fn once_a_block_is_done_each_key_has_one_version() {
    let run = |attempt: &Arc<Attempt<u8, u64>>| {
        let found = attempt.read(1, 1)?.pop();
        let last = found.map_or(0, |(_, change)| if let Put(value) = change { value } else { 0 });
        Ok::<_, Overtaken>((last, vec![(1, Put(attempt.number as u64)), (2, Add(1)), (last as u8 % 5 + 10, Put(last))]))
    };
    let work = Work::new(200, 2, 4, Cancel::new(), run, |_, _: &u64| true);
    std::thread::scope(|threads| {
        threads.spawn(|| work.work());
        work.work();
    });
    assert_eq!(work.versions(), 7);
    assert_eq!(work.outcome().changes.len(), 7);
}
