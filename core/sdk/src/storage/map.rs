//! Places by key.

use core::marker::PhantomData;

use super::{Item, Place, Storage};
use crate::data::{Decode, Encode};

/// Places by key: a `Map<K, Item<T>>` keeps values, a `Map<K, Map<..>>`, `Map<K, Vec<T>>` or a map of a struct that is
/// [`storage`](macro@crate::storage) keeps more. It knows no list of its keys.
///
/// # Cost
/// BLAKE3 of the key, a thousand ticks or so for a short one, beside what the place costs.
///
/// ```no_run
/// use subvm_sdk::storage::{Item, Map, Place, Storage};
/// let mut votes: Map<(u8, String), Item<u64>> = Map::at(Place::of([7; 32]));
/// votes.set(&(1, "eve".into()), &5);
/// assert_eq!(votes.get(&(1, "eve".into())), 5);
/// ```
pub struct Map<K: ?Sized, S> {
    place: Place,
    of: PhantomData<(S, K)>,
}

impl<K: ?Sized, S> Storage for Map<K, S> {
    fn at(place: Place) -> Self {
        Self { place, of: PhantomData }
    }
}

impl<K: Encode + ?Sized, S: Storage> Map<K, S> {
    /// The place of a key, to be read.
    #[must_use]
    pub fn of(&self, key: &K) -> View<S> {
        View(S::at(self.place.key(key)))
    }

    /// The place of a key, to be changed.
    #[must_use]
    pub fn of_mut(&mut self, key: &K) -> S {
        S::at(self.place.key(key))
    }
}

impl<K: Encode + ?Sized, T: Encode + Decode> Map<K, Item<T>> {
    /// The value of a key, or the type's default where none is kept.
    #[must_use]
    pub fn get(&self, key: &K) -> T
    where
        T: Default,
    {
        self.of(key).get()
    }

    /// The value of a key, where one is kept.
    #[must_use]
    pub fn find(&self, key: &K) -> Option<T> {
        self.of(key).find()
    }

    /// Keeps a value.
    pub fn set(&mut self, key: &K, value: &T) {
        self.of_mut(key).set(value);
    }

    /// Keeps nothing for a key from now on.
    pub fn remove(&mut self, key: &K) {
        self.of_mut(key).remove();
    }
}

/// A place that can be read only: what a map gives to a view.
///
/// ```no_run
/// use subvm_sdk::storage::{Item, Map, Place, Storage};
/// let votes: Map<u8, Item<u64>> = Map::at(Place::of([7; 32]));
/// let five = votes.of(&5).get();
/// ```
pub struct View<S>(S);

impl<S> core::ops::Deref for View<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}
