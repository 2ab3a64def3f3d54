//! What the transactions of a block wrote, by key, in as many versions as are still needed.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::sync::{PoisonError, RwLock};

/// What is read and written.
pub(crate) trait Key: Clone + Ord + Send + Sync {
    /// Where it is kept; the same for all keys between two that are read together.
    fn home(&self) -> usize;
}

/// What stands under a key.
pub(crate) trait Value: Clone + Send + Sync {
    /// Whether a transaction could not tell them apart.
    fn same(&self, other: &Self) -> bool;

    /// The sum, whichever is added first.
    fn plus(&self, more: &Self) -> Self;
}

/// What a transaction does to what stands under a key.
///
/// ```
/// use subvm_block::{Change, Held};
/// let fee = Change::Add(Held::Amount([1; 32]));
/// assert_ne!(fee, Change::Put(Held::Amount([1; 32])));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<V> {
    /// It stands there now, whatever stood there.
    Put(V),
    /// So much is added, to whatever stands there. Transactions that add do not conflict with each other, but with one that reads.
    Add(V),
}

/// What one change and then another come to.
pub(crate) fn then<V: Value>(first: &Change<V>, later: &Change<V>) -> Change<V> {
    match (first, later) {
        (_, Change::Put(value)) => Change::Put(value.clone()),
        (Change::Put(value), Change::Add(more)) => Change::Put(value.plus(more)),
        (Change::Add(value), Change::Add(more)) => Change::Add(value.plus(more)),
    }
}

fn same_change<V: Value>(a: &Change<V>, b: &Change<V>) -> bool {
    match (a, b) {
        (Change::Put(a), Change::Put(b)) | (Change::Add(a), Change::Add(b)) => a.same(b),
        _ => false,
    }
}

/// What is found in a range: the keys that the block wrote, ascending.
pub(crate) type Found<K, V> = Vec<(K, Change<V>)>;

/// Whether two readings are the same.
pub(crate) fn same<K: Key, V: Value>(a: &Found<K, V>, b: &Found<K, V>) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((a, old), (b, new))| a == b && same_change(old, new))
}

struct Version<V> {
    number: usize,
    change: Change<V>,
    /// Whether its transaction is being run anew, on the settled state.
    open: bool,
}

/// Versions of a key, ascending by transaction: what is settled is one, the first.
type Versions<V> = Vec<Version<V>>;

pub(crate) struct Memory<K, V> {
    parts: Vec<RwLock<BTreeMap<K, Versions<V>>>>,
}

impl<K: Key, V: Value> Memory<K, V> {
    /// In so many parts, each with a lock of its own.
    pub(crate) fn new(parts: usize) -> Self {
        Self { parts: (0..parts.max(1)).map(|_| RwLock::default()).collect() }
    }

    fn part(&self, key: &K) -> &RwLock<BTreeMap<K, Versions<V>>> {
        &self.parts[key.home() % self.parts.len()]
    }

    /// What a transaction finds from one key to another: what those before it wrote. Where one of these is being run anew, its number.
    pub(crate) fn read(&self, (from, to): &(K, K), below: usize) -> Result<Found<K, V>, usize> {
        let part = self.part(from).read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        let mut see = |(key, versions): (&K, &Versions<V>)| -> Result<(), usize> {
            found.extend(resolve(versions, below)?.map(|change| (key.clone(), change)));
            Ok(())
        };
        if from == to {
            // One search, where the ends of a range take two.
            part.get_key_value(from).map_or(Ok(()), &mut see)?;
        } else {
            part.range::<K, _>((Bound::Included(from), Bound::Included(to))).try_for_each(&mut see)?;
        }
        Ok(found)
    }

    /// An attempt ahead has run: this is what it wrote. Gives the keys.
    pub(crate) fn publish(&self, number: usize, changes: Found<K, V>) -> Vec<K> {
        let keys = changes.iter().map(|(key, _)| key.clone()).collect();
        for (key, change) in changes {
            self.change(&key, |versions| {
                let at = versions.partition_point(|version| version.number < number);
                versions.insert(at, Version { number, change, open: false });
            });
        }
        keys
    }

    /// A transaction is run anew: who finds what it wrote shall wait.
    pub(crate) fn open(&self, number: usize, keys: &[K]) {
        for key in keys {
            self.change(key, |versions| {
                versions.iter_mut().filter(|version| version.number == number).for_each(|version| version.open = true);
            });
        }
    }

    /// A transaction is settled, as all below it are: what they wrote under the keys that it published becomes one.
    pub(crate) fn settle(&self, number: usize, keys: &[K]) {
        for key in keys {
            self.change(key, |versions| {
                let until = versions.partition_point(|version| version.number <= number);
                let Some(change) = fold(&versions[..until]) else { return };
                versions.drain(..until - 1);
                versions[0].change = change;
            });
        }
    }

    /// A transaction was run on the settled state, and is settled itself: what it wrote joins what those below it wrote. `before` are the keys
    /// of an attempt ahead that was lost.
    pub(crate) fn publish_settled(&self, number: usize, changes: Found<K, V>, before: &[K]) {
        let kept = |key: &K| changes.binary_search_by(|(changed, _)| changed.cmp(key)).is_ok();
        for key in before.iter().filter(|key| !kept(key)) {
            self.change(key, |versions| versions.retain(|version| version.number != number));
        }
        for (key, change) in changes {
            self.change(&key, |versions| {
                let below = versions.partition_point(|version| version.number < number);
                let until = versions.partition_point(|version| version.number <= number);
                let change = fold(&versions[..below]).map_or_else(|| change.clone(), |old| then(&old, &change));
                versions.splice(..until, [Version { number, change, open: false }]);
            });
        }
    }

    /// All that transactions below a number wrote, ascending by key.
    pub(crate) fn changes(&self, below: usize) -> Found<K, V> {
        let mut all = Vec::new();
        for part in &self.parts {
            for (key, versions) in &*part.read().unwrap_or_else(PoisonError::into_inner) {
                let until = versions.partition_point(|version| version.number < below);
                all.extend(fold(&versions[..until]).map(|change| (key.clone(), change)));
            }
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// Changes the versions of a key; one without versions is not kept.
    fn change(&self, key: &K, change: impl FnOnce(&mut Versions<V>)) {
        let mut part = self.part(key).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(versions) = part.get_mut(key) {
            change(versions);
            if versions.is_empty() {
                part.remove(key);
            }
            return;
        }
        let mut versions = Vec::new();
        change(&mut versions);
        if !versions.is_empty() {
            part.insert(key.clone(), versions);
        }
    }

    /// Versions that are kept, of all keys.
    #[cfg(test)]
    pub(crate) fn versions(&self) -> usize {
        let of = |part: &RwLock<BTreeMap<K, Versions<V>>>| part.read().unwrap().values().map(Vec::len).sum::<usize>();
        self.parts.iter().map(of).sum()
    }
}

fn fold<V: Value>(versions: &[Version<V>]) -> Option<Change<V>> {
    let (first, rest) = versions.split_first()?;
    Some(rest.iter().fold(first.change.clone(), |change, version| then(&change, &version.change)))
}

/// What those below a number come to: the last that was put, and what was added since.
fn resolve<V: Value>(versions: &Versions<V>, below: usize) -> Result<Option<Change<V>>, usize> {
    let until = versions.partition_point(|version| version.number < below);
    let put = versions[..until].iter().rposition(|version| matches!(version.change, Change::Put(_))).unwrap_or(0);
    let needed = &versions[put..until];
    match needed.iter().find(|version| version.open) {
        Some(version) => Err(version.number),
        None => Ok(fold(needed)),
    }
}
