//! One attempt at a transaction: what it reads of what the block wrote before it, and whether that still stands.

use std::collections::BTreeMap;
use std::fmt;

use subvm_core::Cancel;

use crate::memory::{Found, Key, Memory, Value, same};
use crate::schedule::Schedule;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Readings that an attempt ahead may keep. One that reads more is run again on the settled state, where nothing has to be kept.
const MOST_READINGS: usize = 1 << 14;

/// What all attempts of a block share.
pub(crate) struct Shared<K, V> {
    pub(crate) memory: Memory<K, V>,
    pub(crate) schedule: Schedule,
}

pub(crate) struct Attempt<K, V> {
    pub(crate) number: usize,
    /// Whether it was begun before all below it were settled.
    pub(crate) ahead: bool,
    /// Used when the attempt is of no use any more, or the block is called off.
    pub(crate) cancel: Cancel,
    shared: Arc<Shared<K, V>>,
    readings: Mutex<Readings<K, V>>,
}

struct Readings<K, V> {
    /// What was found, by the first and the last key that were asked for.
    found: BTreeMap<(K, K), Found<K, V>>,
    kept: usize,
    waited: bool,
}

/// Why an attempt ahead cannot read: its result will not be kept, and it had better end.
///
/// ```
/// use subvm_block::Overtaken;
/// assert!(Overtaken.to_string().ends_with("it is run again, and this is no error of the block"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overtaken;

impl fmt::Display for Overtaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the transaction was begun ahead of its turn, on a state that it will not meet: it is run again, and this is no error of the block")
    }
}

impl std::error::Error for Overtaken {}

impl<K: Key, V: Value> Attempt<K, V> {
    pub(crate) fn new(shared: &Arc<Shared<K, V>>, number: usize, ahead: bool, cancel: Cancel) -> Self {
        let readings = Mutex::new(Readings { found: BTreeMap::new(), kept: 0, waited: false });
        Self { number, ahead, cancel, shared: Arc::clone(shared), readings }
    }

    /// What transactions before this one wrote, from one key to another; what is not there stands as it was before the block.
    ///
    /// # Errors
    /// Where its result will not be kept.
    pub(crate) fn read(&self, from: K, to: K) -> Result<Found<K, V>, Overtaken> {
        let keys = (from, to);
        loop {
            // Only an attempt ahead can be overtaken: one on the settled state is called off with the block, by whoever runs it.
            if self.ahead && self.cancel.is_cancelled() {
                return Err(Overtaken);
            }
            match self.shared.memory.read(&keys, self.number) {
                Ok(found) if self.ahead => return self.keep(keys, found),
                Ok(found) => return Ok(found),
                Err(open) => {
                    self.readings().waited = true;
                    if !self.shared.schedule.wait_for(open) {
                        return Err(Overtaken);
                    }
                }
            }
        }
    }

    fn keep(&self, keys: (K, K), found: Found<K, V>) -> Result<Found<K, V>, Overtaken> {
        let mut readings = self.readings();
        if let Some(before) = readings.found.get(&keys) {
            if same(before, &found) {
                return Ok(found);
            }
        } else {
            readings.kept += 1 + found.len();
            if readings.kept <= MOST_READINGS {
                readings.found.insert(keys, found.clone());
                return Ok(found);
            }
        }
        drop(readings);
        // What it read cannot be shown to stand: its result will not be kept.
        self.cancel.cancel();
        Err(Overtaken)
    }

    /// Whether all that it read so far is what it would read now.
    pub(crate) fn stands(&self) -> bool {
        let now = |keys| self.shared.memory.read(keys, self.number);
        let readings = self.readings();
        !self.ahead
            || !self.cancel.is_cancelled()
                && readings.found.iter().all(|(keys, found)| now(keys).is_ok_and(|now| same(found, &now)))
    }

    /// Whether it waited for a transaction before it.
    pub(crate) fn waited(&self) -> bool {
        self.readings().waited
    }

    /// Nothing panics while it holds the lock.
    fn readings(&self) -> MutexGuard<'_, Readings<K, V>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
