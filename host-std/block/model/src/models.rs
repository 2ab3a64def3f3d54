//! What must hold however threads are interleaved: a block comes to what it comes to one after the other, and nobody sleeps for ever.

use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::sync::Arc;
use shuttle::{check_dfs, check_pct, check_random, thread};
use subvm_core::Cancel;

use crate::attempt::{Attempt, Overtaken};
use crate::memory::{Change, Found, then};
use crate::work::{End, Outcome, Work};

const ROUNDS: usize = 400;

/// What one transaction does.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Puts a number that depends on all that it has read.
    Put(u8),
    /// Adds a number that depends on nothing.
    Add(u8),
    /// Reads from one key to another.
    Read(u8, u8),
    /// Puts, where what it read was even.
    PutIfEven(u8),
}
use Step::{Add, Put, PutIfEven, Read};

/// What was there before the block.
fn before(key: u8) -> u64 {
    u64::from(key) + 100
}

fn value(key: u8, change: &Change<u64>) -> u64 {
    match change {
        Change::Put(value) => *value,
        Change::Add(more) => before(key) + more,
    }
}

/// One transaction: what it comes to is all that it read.
fn transaction(
    steps: &[Step],
    number: usize,
    mut read: impl FnMut(u8, u8) -> Result<Found<u8, u64>, Overtaken>,
) -> Result<(u64, Found<u8, u64>), Overtaken> {
    let mut seen = number as u64 + 1;
    let mut changes: Found<u8, u64> = Vec::new();
    for step in steps {
        match *step {
            Read(from, to) => {
                for (key, change) in read(from, to)? {
                    seen = seen.wrapping_mul(31).wrapping_add(value(key, &change)).wrapping_add(u64::from(key));
                }
            }
            Put(key) => changes.push((key, Change::Put(seen))),
            PutIfEven(key) if seen % 2 == 0 => changes.push((key, Change::Put(seen))),
            PutIfEven(_) => {}
            Add(key) => changes.push((key, Change::Add(3))),
        }
    }
    changes.sort_by_key(|(key, _)| *key);
    changes.dedup_by(|(later, new), (earlier, old)| {
        let same = later == earlier;
        if same {
            *old = then(old, new);
        }
        same
    });
    Ok((seen, changes))
}

/// One after the other, on a map.
fn serially(block: &[&[Step]]) -> (Vec<u64>, Found<u8, u64>) {
    let mut state: std::collections::BTreeMap<u8, Change<u64>> = std::collections::BTreeMap::new();
    let mut kept = Vec::new();
    for (number, steps) in block.iter().enumerate() {
        let read = |from, to| Ok(state.range(from..=to).map(|(key, change)| (*key, change.clone())).collect());
        let (seen, changes) = transaction(steps, number, read).unwrap();
        kept.push(seen);
        for (key, change) in changes {
            let new = state.get(&key).map_or_else(|| change.clone(), |old| then(old, &change));
            state.insert(key, new);
        }
    }
    (kept, state.into_iter().collect())
}

/// By so many threads.
fn together<R, C>(work: Work<u8, u64, u64, Overtaken, R, C>, threads: usize) -> Outcome<u8, u64, u64, Overtaken>
where
    R: Fn(&Arc<Attempt<u8, u64>>) -> Result<(u64, Found<u8, u64>), Overtaken> + Send + Sync + 'static,
    C: FnMut(usize, &u64) -> bool + Send + 'static,
{
    let work = Arc::new(work);
    let spawn = |_| {
        let work = Arc::clone(&work);
        thread::spawn(move || work.work())
    };
    let others: Vec<_> = (1..threads).map(spawn).collect();
    work.work();
    others.into_iter().for_each(|thread| thread.join().unwrap());
    let work = Arc::into_inner(work).unwrap();
    let versions = work.versions();
    let outcome = work.outcome();
    if matches!(outcome.end, End::Done) {
        assert_eq!(versions, outcome.changes.len(), "one of each key, once all are settled");
    }
    outcome
}

fn holds(block: &'static [&'static [Step]], threads: usize, ahead: usize) {
    let runs: Arc<Vec<AtomicUsize>> = Arc::new(block.iter().map(|_| AtomicUsize::new(0)).collect());
    let counted = Arc::clone(&runs);
    let run = move |attempt: &Arc<Attempt<u8, u64>>| {
        counted[attempt.number].fetch_add(1, Ordering::SeqCst);
        transaction(block[attempt.number], attempt.number, |from, to| attempt.read(from, to))
    };
    let mut next = 0;
    let keep = move |number, _: &u64| {
        assert_eq!(number, next, "in order, once each");
        next += 1;
        true
    };
    let outcome = together(Work::new(block.len(), 2, ahead, Cancel::new(), run, keep), threads);
    let (kept, changes) = serially(block);
    assert!(matches!(outcome.end, End::Done));
    assert_eq!(outcome.kept, kept, "what transactions come to");
    assert_eq!(outcome.changes, changes, "what they change");
    assert!(runs.iter().all(|runs| (1..=2).contains(&runs.load(Ordering::SeqCst))), "twice at most: {runs:?}");
}

fn check(model: impl Fn() + Clone + Send + Sync + 'static) {
    check_random(model.clone(), ROUNDS);
    check_pct(model, ROUNDS, 4);
}

/// Blocks where something may go wrong.
const BLOCKS: &[&[&[Step]]] = &[
    // All read and write one key.
    &[&[Read(1, 1), Put(1)], &[Read(1, 1), Put(1)], &[Read(1, 1), Put(1)], &[Read(1, 1), Put(1)]],
    // A chain, each by the one before it.
    &[&[Put(1)], &[Read(1, 1), Put(12)], &[Read(12, 12), Put(3)], &[Read(3, 3), Put(14)]],
    // None conflict.
    &[&[Read(1, 1), Put(1)], &[Read(2, 2), Put(2)], &[Read(13, 13), Put(13)], &[Read(14, 14), Put(14)]],
    // Fees, and one who looks at them.
    &[&[Add(9), Put(1)], &[Add(9), Put(2)], &[Read(9, 9), Put(9)], &[Add(9), Read(9, 9), Put(3)]],
    // Keys that are written by some attempts, and not by others.
    &[&[Put(1)], &[Read(1, 1), PutIfEven(2)], &[Read(1, 2), PutIfEven(1)], &[Read(0, 3), PutIfEven(2), Put(3)], &[Read(0, 9)]],
    // Written without being read, and ranges.
    &[&[Put(5)], &[Put(5)], &[Read(0, 9), Put(6)], &[Put(5)], &[Read(4, 6), Put(4)]],
];

#[test]
fn blocks_come_to_what_they_come_to_one_after_the_other() {
    for block in BLOCKS {
        for (threads, ahead) in [(2, 1), (2, 4), (3, 4)] {
            check(move || holds(block, threads, ahead));
        }
    }
}

/// Every interleaving of two threads and two transactions that conflict, as far as a bounded search comes.
#[test]
fn small_blocks_hold_under_every_interleaving() {
    const CONFLICT: &[&[Step]] = &[&[Read(1, 1), Put(1)], &[Read(1, 1), Put(1)]];
    check_dfs(|| holds(CONFLICT, 2, 1), Some(40_000));
}

/// An error on the settled state ends the block there; one ahead, on a state that never was, ends nothing.
#[test]
fn errors_are_those_of_one_after_the_other() {
    check(|| {
        let run = |attempt: &Arc<Attempt<u8, u64>>| {
            let found = attempt.read(1, 1)?;
            let seen = found.first().map_or(0, |(key, change)| value(*key, change));
            // Wrong where it does not see what all before it wrote, and number 3 always.
            if seen != attempt.number as u64 || attempt.number == 3 {
                return Err(Overtaken);
            }
            Ok((seen, vec![(1, Change::Put(seen + 1))]))
        };
        let outcome = together(Work::new(5, 2, 4, Cancel::new(), run, |_, _: &u64| true), 3);
        assert!(matches!(outcome.end, End::Error(Overtaken)));
        assert_eq!((outcome.kept, outcome.changes), (vec![0, 1, 2], vec![(1, Change::Put(3))]));
    });
}

/// What the caller refuses, and what follows, is not of the block.
#[test]
fn what_is_refused_changes_nothing() {
    check(|| {
        let run = |attempt: &Arc<Attempt<u8, u64>>| Ok((7, vec![(attempt.number as u8, Change::Put(7))]));
        let outcome = together(Work::new(5, 2, 4, Cancel::new(), run, |number, _: &u64| number < 2), 3);
        assert!(matches!(outcome.end, End::Enough));
        assert_eq!((outcome.kept, outcome.changes), (vec![7, 7], vec![(0, Change::Put(7)), (1, Change::Put(7))]));
    });
}

/// A block that is called off ends, and no thread of it sleeps for ever; what is kept is a beginning of it.
#[test]
fn a_block_that_is_called_off_ends() {
    check(|| {
        let cancel = Cancel::new();
        let (token, block) = (cancel.clone(), BLOCKS[0]);
        let run = move |attempt: &Arc<Attempt<u8, u64>>| {
            let done = transaction(block[attempt.number], attempt.number, |from, to| attempt.read(from, to))?;
            thread::yield_now();
            if attempt.cancel.is_cancelled() { Err(Overtaken) } else { Ok(done) }
        };
        let caller = thread::spawn(move || token.cancel());
        let outcome = together(Work::new(block.len(), 2, 4, cancel, run, |_, _: &u64| true), 2);
        caller.join().unwrap();
        let (kept, _) = serially(&block[..outcome.kept.len()]);
        assert_eq!(outcome.kept, kept);
        assert!(matches!(outcome.end, End::Error(_)) || outcome.kept.len() == block.len());
    });
}
