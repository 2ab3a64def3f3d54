//! A map of values.

use super::Value;
use super::key::Key;
use super::walk::{self, Walk};
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

/// Values by key, ascending by the bytes of the keys, no key twice.
///
/// A sorted vector: it is encoded by walking it and decoded by appending to it, and it takes half
/// the memory of a tree.
///
/// # Cost
/// Looking a key up is logarithmic. Inserting is constant for a key above all others and else
/// linear: to build a large map from keys in any order, collect it.
///
/// ```
/// use subvm_calldata::{Map, Value};
///
/// let mut map = Map::from([("b", 2), ("a", 1)]);
/// map.insert("c", Value::Null);
/// assert_eq!(map.keys().collect::<String>(), "abc");
/// assert_eq!(map.get("b"), Some(&Value::from(2)));
/// assert_eq!(map.remove("z"), None);
/// ```
#[derive(Default)]
pub struct Map(pub(super) Vec<(Key, Value)>);

impl Map {
    /// A map of nothing.
    ///
    /// ```
    /// use subvm_calldata::Map;
    /// let mut map = Map::new();
    /// assert!(map.is_empty() && !map.contains_key("a"));
    /// map.insert("a", 1);
    /// assert!(map.len() == 1 && map.contains_key("a"));
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A map of nothing with room for `capacity` entries.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(each, _)| each.as_bytes().cmp(key.as_bytes()))
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// The value under `key`, to be changed.
    ///
    /// ```
    /// use subvm_calldata::{Map, Value};
    /// let mut map = Map::from([("a", 1), ("b", 2)]);
    /// *map.get_mut("a").unwrap() = Value::Null;
    /// map.iter_mut().filter(|(key, _)| *key == "b").for_each(|(_, value)| *value = true.into());
    /// assert_eq!(map.iter().next(), Some(("a", &Value::Null)));
    /// assert_eq!(map.values().last(), Some(&Value::from(true)));
    /// ```
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Whether there is an entry under `key`.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Sets the value under `key` and gives back the one that was there.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (Key::from(key.into()), value.into());
        if self.0.last().is_none_or(|(last, _)| *last < key) {
            self.0.push((key, value));
            return None;
        }
        match self.find(key.as_str()) {
            Ok(at) => Some(core::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes the entry under `key` away and gives its value back.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    /// The entries, ascending by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> + DoubleEndedIterator {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The entries, ascending by key, with values to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Value)> + DoubleEndedIterator {
        self.0.iter_mut().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys, ascending.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// The values, ascending by key.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> + DoubleEndedIterator {
        self.0.iter().map(|(_, value)| value)
    }

    /// Sorts, and of entries with the same key keeps the last.
    fn restore_order(&mut self) {
        if self.0.is_sorted_by(|(a, _), (b, _)| a < b) {
            return;
        }
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                core::mem::swap(next, kept);
            }
            same
        });
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            walk::drop_all(core::mem::take(&mut self.0).into_iter().map(|(_, value)| value));
        }
    }
}

impl Clone for Map {
    fn clone(&self) -> Self {
        Self(walk::clone_entries(self))
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && Walk::of_entries(self).eq(Walk::of_entries(other))
    }
}

impl Eq for Map {}

impl Hash for Map {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        Walk::of_entries(self).for_each(|event| event.hash(state));
    }
}

/// Of entries with the same key, the last stays.
impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

/// Of entries with the same key, the last stays.
impl<K: Into<String>, V: Into<Value>> Extend<(K, V)> for Map {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.0.extend(entries.into_iter().map(|(key, value)| (key.into().into(), value.into())));
        self.restore_order();
    }
}

/// Of entries with the same key, the last stays.
impl<K: Into<String>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Map {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = IntoEntries;

    fn into_iter(mut self) -> IntoEntries {
        IntoEntries(core::mem::take(&mut self.0).into_iter())
    }
}

/// Iterator of the entries of a [`Map`] that is taken apart.
///
/// ```
/// use subvm_calldata::{Map, Value};
/// let mut entries = Map::from([("b", 2), ("a", 1)]).into_iter();
/// assert_eq!(entries.len(), 2);
/// assert_eq!(entries.next(), Some(("a".into(), Value::from(1))));
/// ```
pub struct IntoEntries(alloc::vec::IntoIter<(Key, Value)>);

impl Iterator for IntoEntries {
    type Item = (String, Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key.into_string(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for IntoEntries {}
