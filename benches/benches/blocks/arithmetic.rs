//! Transactions that compute, read one item and write it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use subvm_block::{Effects, End, Executor};

use crate::Kind;

pub(crate) struct Sums;

/// Some 6 µs.
#[inline(never)]
fn compute(from: u64) -> u64 {
    (0..12_000).fold(from, |value, number| black_box(value.wrapping_mul(3).wrapping_add(number)))
}

/// What a transaction puts in the place of what it found. It reads after a fifth of its time.
fn transaction<E>(number: usize, read: impl FnOnce() -> Result<u64, E>) -> Result<u64, E> {
    let before = compute(number as u64);
    let found = read()?;
    Ok((0..4).fold(before ^ found, |value, _| compute(value)))
}

impl Kind for Sums {
    type Result = Vec<u64>;

    fn serially(&self, accounts: &[usize]) -> (Duration, Vec<u64>) {
        let began = Instant::now();
        let mut state: BTreeMap<usize, u64> = BTreeMap::new();
        let results = accounts.iter().enumerate().map(|(number, account)| {
            let read = || Ok::<_, ()>(state.get(account).copied().unwrap_or_default());
            let value = transaction(number, read).expect("nothing fails");
            state.insert(*account, value);
            value
        });
        let results = results.collect();
        (began.elapsed(), results)
    }

    fn together(&self, threads: usize, accounts: &[usize]) -> (Duration, Vec<u64>, usize) {
        let runs = AtomicUsize::new(0);
        let began = Instant::now();
        let done = Executor::new(threads).execute(accounts.len(), |view| {
            runs.fetch_add(1, Ordering::Relaxed);
            let key = accounts[view.number()].to_le_bytes();
            let value = transaction(view.number(), || {
                let found = view.own(&key[..]).map_err(|_| "overtaken")?;
                Ok::<_, &str>(found.map_or(0, |bytes| u64::from_le_bytes(bytes[..].try_into().expect("eight bytes"))))
            })?;
            let mut effects = Effects::new();
            effects.own(&key[..], value.to_le_bytes());
            Ok::<_, &str>((value, effects))
        });
        let took = began.elapsed();
        assert!(matches!(done.end, End::Done), "{:?}", done.end);
        (took, done.kept, runs.into_inner())
    }
}
