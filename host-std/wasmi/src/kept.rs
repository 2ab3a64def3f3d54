//! What is kept in memory: values by key, bounded in number and in bytes.

use alloc::collections::BTreeMap;

/// What decides how a module is translated: its digest, and how it is lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) wasm: [u8; 32],
    pub(crate) options: [u8; subvm_lower::KEY_BYTES],
}

/// Values of which those that were not used for longest go when there are too many.
#[derive(Debug)]
pub(crate) struct Kept<V> {
    slots: BTreeMap<Key, Slot<V>>,
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

impl<V: Clone> Kept<V> {
    /// At most so many values, and so many bytes together.
    pub(crate) fn new(at_most: usize, bytes_at_most: usize) -> Self {
        Self { slots: BTreeMap::new(), bytes: 0, uses: 0, at_most, bytes_at_most }
    }

    pub(crate) fn get(&mut self, key: &Key) -> Option<V> {
        self.uses += 1;
        let slot = self.slots.get_mut(key)?;
        slot.used = self.uses;
        Some(slot.value.clone())
    }

    /// Keeps `value`, which holds so many bytes. A single one that is too large is kept alone.
    ///
    /// # Cost
    /// Looks at every value for each that goes.
    pub(crate) fn put(&mut self, key: Key, value: V, bytes: usize) {
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

    fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.slots.remove(key) {
            self.bytes = self.bytes.saturating_sub(slot.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn key(number: u8) -> Key {
        Key { wasm: [number; 32], options: [0; subvm_lower::KEY_BYTES] }
    }

    fn held(kept: &Kept<u8>) -> Vec<u8> {
        (0..10).filter(|number| kept.slots.contains_key(&key(*number))).collect()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut kept = Kept::new(3, 100);
        (0..3).for_each(|number| kept.put(key(number), number, 1));
        assert_eq!(kept.get(&key(0)), Some(0));
        kept.put(key(3), 3, 1);
        assert_eq!(held(&kept), [0, 2, 3]);
        assert_eq!(kept.get(&key(1)), None);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut kept = Kept::new(10, 100);
        (0..4).for_each(|number| kept.put(key(number), number, 25));
        kept.put(key(4), 4, 50);
        assert_eq!((held(&kept), kept.bytes), ([2, 3, 4].to_vec(), 100));
        kept.put(key(4), 4, 10);
        assert_eq!((held(&kept), kept.bytes), ([2, 3, 4].to_vec(), 60));
        kept.put(key(5), 5, 1000);
        assert_eq!((held(&kept), kept.bytes), ([5].to_vec(), 1000));
    }
}
