//! Values by position.

use core::marker::PhantomData;
use core::ops::Range;

use super::{Packed, Place, Storage};
use crate::{Error, Result, rt};

/// Values of a fixed size, one after another in one slot: a run of them is one host call. Values of other types are kept in a
/// [`Map`](super::Map) by number.
///
/// ```no_run
/// use subvm_sdk::storage::{Place, Storage, Vec};
/// let mut prices: Vec<u64> = Vec::at(Place::of([7; 32]));
/// prices.extend(&[101, 102, 103]);
/// assert_eq!(prices.range(1..3), [102, 103]);
/// assert_eq!(prices.pop(), Some(103));
/// ```
pub struct Vec<T> {
    place: Place,
    of: PhantomData<T>,
}

/// Where the items begin: on a page of their own.
const START: u32 = 32;

impl<T> Storage for Vec<T> {
    fn at(place: Place) -> Self {
        Self { place, of: PhantomData }
    }
}

impl<T: Packed> Vec<T> {
    /// The number of items.
    #[must_use]
    pub fn len(&self) -> u32 {
        rt::or_end(self.try_len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at a position, where there is one.
    #[must_use]
    pub fn get(&self, position: u32) -> Option<T> {
        rt::or_end(self.try_range(position..position.saturating_add(1))).pop()
    }

    /// The items at these positions, as far as there are any.
    ///
    /// # Cost
    /// Two host calls, of which one reads the number.
    #[must_use]
    pub fn range(&self, positions: Range<u32>) -> alloc::vec::Vec<T> {
        rt::or_end(self.try_range(positions))
    }

    /// The items at these positions, as far as there are any.
    ///
    /// # Errors
    /// `Storage`: another layout wrote them. `Refused`: this sub-VM cannot read.
    pub fn try_range(&self, positions: Range<u32>) -> Result<alloc::vec::Vec<T>> {
        let end = positions.end.min(self.try_len()?);
        let count = end.saturating_sub(positions.start);
        if count == 0 {
            return Ok(alloc::vec::Vec::new());
        }
        let mut bytes = alloc::vec![0; count as usize * T::BYTES];
        self.place.read(self.index(positions.start)?, &mut bytes)?;
        let item = |bytes| T::unpack(bytes).ok_or_else(|| self.place.malformed("item"));
        bytes.chunks_exact(T::BYTES.max(1)).map(item).collect()
    }

    /// Puts an item in the place of another.
    pub fn set(&mut self, position: u32, item: &T) {
        rt::or_end(self.try_set(position, item));
    }

    /// Puts an item in the place of another.
    ///
    /// # Errors
    /// `Storage`, where there is no item at the position. `View`, `Refused`: this sub-VM cannot write.
    pub fn try_set(&mut self, position: u32, item: &T) -> Result<()> {
        if position >= self.try_len()? {
            return Err(self.place.malformed("position"));
        }
        let mut bytes = alloc::vec![0; T::BYTES];
        item.pack(&mut bytes);
        self.place.write(self.index(position)?, &bytes)
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: &T) {
        self.extend(core::slice::from_ref(item));
    }

    /// Adds items at the end.
    ///
    /// # Cost
    /// Three host calls, however many: one reads the number, one writes it.
    pub fn extend(&mut self, items: &[T]) {
        rt::or_end(self.try_extend(items));
    }

    /// Adds items at the end.
    ///
    /// # Errors
    /// `Storage`, where a slot has no room for them: 2^32 bytes. `View`, `Refused`: this sub-VM cannot write.
    pub fn try_extend(&mut self, items: &[T]) -> Result<()> {
        let old = self.try_len()?;
        let new = u32::try_from(items.len()).ok().and_then(|more| old.checked_add(more));
        let new = new.ok_or_else(|| self.place.malformed("full"))?;
        let from = self.index(old)?;
        self.index(new)?;
        let mut bytes = alloc::vec![0; items.len() * T::BYTES];
        for (item, into) in items.iter().zip(bytes.chunks_exact_mut(T::BYTES.max(1))) {
            item.pack(into);
        }
        self.place.write(from, &bytes)?;
        self.place.write(0, &new.to_le_bytes())
    }

    /// Takes the last item away.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.len().checked_sub(1)?;
        let item = self.get(last);
        self.truncate(last);
        item
    }

    /// Keeps at most the first `len` items.
    pub fn truncate(&mut self, len: u32) {
        if len < self.len() {
            rt::or_end(self.place.write(0, &len.to_le_bytes()));
        }
    }

    fn try_len(&self) -> Result<u32> {
        let mut len = [0; 4];
        self.place.read(0, &mut len)?;
        let len = u32::from_le_bytes(len);
        self.index(len).map(|_| len)
    }

    /// The byte at which an item begins. A number of items that no slot has room for was written by another layout.
    fn index(&self, position: u32) -> Result<u32, Error> {
        let index = u64::from(position).saturating_mul(T::BYTES as u64).saturating_add(u64::from(START));
        u32::try_from(index).map_err(|_| self.place.malformed("length"))
    }
}
