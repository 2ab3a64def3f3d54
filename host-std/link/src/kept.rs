//! What is kept in memory: values by key, bounded in number and in bytes.

use alloc::collections::BTreeMap;

/// Values of which those that were not used for longest go when there are too many: what an engine made of modules.
///
/// ```
/// use subvm_link::Kept;
/// let mut kept = Kept::new(2, 100);
/// ["a", "b", "c"].into_iter().for_each(|key| kept.put(key, key.to_uppercase(), 1));
/// assert_eq!((kept.get(&"a"), kept.get(&"c").as_deref()), (None, Some("C")));
/// ```
#[derive(Debug)]
pub struct Kept<K, V> {
    slots: BTreeMap<K, Slot<V>>,
    bytes: usize,
    uses: u64,
    at_most: usize,
    bytes_at_most: usize,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    bytes: usize,
    used: u64,
}

impl<K: Copy + Ord, V: Clone> Kept<K, V> {
    /// At most so many values, and so many bytes together.
    #[must_use]
    pub fn new(at_most: usize, bytes_at_most: usize) -> Self {
        Self { slots: BTreeMap::new(), bytes: 0, uses: 0, at_most, bytes_at_most }
    }

    /// How many values, and their bytes.
    ///
    /// ```
    /// let mut kept = subvm_link::Kept::new(2, 100);
    /// kept.put(1, "a", 40);
    /// assert_eq!(kept.held(), (1, 40));
    /// ```
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.slots.len(), self.bytes)
    }

    /// The value, which counts as used.
    pub fn get(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let slot = self.slots.get_mut(key)?;
        slot.used = self.uses;
        Some(slot.value.clone())
    }

    /// Keeps `value`, which holds so many bytes. A single one that is too large is kept alone.
    ///
    /// # Cost
    /// Looks at every value for each that goes.
    pub fn put(&mut self, key: K, value: V, bytes: usize) {
        self.uses += 1;
        self.remove(&key);
        while !self.slots.is_empty()
            && (self.slots.len() >= self.at_most || self.bytes.saturating_add(bytes) > self.bytes_at_most)
        {
            let oldest = self.slots.iter().min_by_key(|(_, slot)| slot.used).map(|(key, _)| *key);
            oldest.iter().for_each(|key| self.remove(key));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.slots.insert(key, Slot { value, bytes, used: self.uses });
    }

    fn remove(&mut self, key: &K) {
        if let Some(slot) = self.slots.remove(key) {
            self.bytes = self.bytes.saturating_sub(slot.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    fn held(kept: &Kept<u8, u8>) -> Vec<u8> {
        (0..10).filter(|number| kept.slots.contains_key(number)).collect()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut kept = Kept::new(3, 100);
        (0..3).for_each(|number| kept.put(number, number, 1));
        assert_eq!(kept.get(&0), Some(0));
        kept.put(3, 3, 1);
        assert_eq!(held(&kept), [0, 2, 3]);
        assert_eq!(kept.get(&1), None);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut kept = Kept::new(10, 100);
        (0..4).for_each(|number| kept.put(number, number, 25));
        kept.put(4, 4, 50);
        assert_eq!((held(&kept), kept.bytes), (vec![2, 3, 4], 100));
        kept.put(4, 4, 10);
        assert_eq!((held(&kept), kept.bytes), (vec![2, 3, 4], 60));
        kept.put(5, 5, 1000);
        assert_eq!((held(&kept), kept.bytes), (vec![5], 1000));
        kept.put(6, 6, 1);
        assert_eq!((held(&kept), kept.bytes), (vec![6], 1));
    }
}
