//! One value.

use core::marker::PhantomData;

use super::{Place, Storage};
use crate::data::{Decode, Encode, from_bytes, to_bytes};
use crate::{Result, rt};

/// A value in a slot of its own. What belongs together is one item of a struct.
///
/// # Cost
/// `get`: a host call, for a value of more than its type's [usual bytes](Decode::USUAL_BYTES) another. `set`: a host call.
///
/// ```no_run
/// use subvm_sdk::storage::{Item, Place, Storage};
/// let mut count: Item<u64> = Item::at(Place::of([7; 32]));
/// count.set(&1);
/// assert_eq!(count.get(), 1);
/// ```
pub struct Item<T> {
    place: Place,
    of: PhantomData<T>,
}

impl<T> Storage for Item<T> {
    fn at(place: Place) -> Self {
        Self { place, of: PhantomData }
    }
}

impl<T: Encode + Decode> Item<T> {
    /// The value, or the type's default where nothing is kept.
    #[must_use]
    pub fn get(&self) -> T
    where
        T: Default,
    {
        self.find().unwrap_or_default()
    }

    /// The value, where one is kept.
    #[must_use]
    pub fn find(&self) -> Option<T> {
        rt::or_end(self.try_find())
    }

    /// The value, where one is kept.
    ///
    /// # Errors
    /// `Storage`: another layout wrote it. `Refused`: this sub-VM cannot read.
    pub fn try_find(&self) -> Result<Option<T>> {
        let mut bytes = alloc::vec![0; T::USUAL_BYTES];
        self.place.read(0, &mut bytes)?;
        let (len, from) = uleb(&bytes).ok_or_else(|| self.place.malformed("uleb_not_shortest"))?;
        if len == 0 {
            return Ok(None);
        }
        let end = from + len as usize;
        let had = bytes.len();
        if end > had {
            // A length that storage could not hold would take the memory.
            if len > MAX {
                return Err(self.place.malformed("length_exceeds_input"));
            }
            bytes.resize(end, 0);
            let (_, rest) = bytes.split_at_mut(had);
            self.place.read(had as u32, rest)?;
        }
        let value = bytes.get(from..end).unwrap_or_default();
        from_bytes(value).map(Some).map_err(|error| self.place.wrong(error))
    }

    /// Keeps a value.
    pub fn set(&mut self, value: &T) {
        rt::or_end(self.try_set(value));
    }

    /// Keeps a value.
    ///
    /// # Errors
    /// `View` in a view. `Refused`: this sub-VM cannot write, or the slot is locked. `Calldata`: the value is beyond calldata's limits, or
    /// longer than 16 MiB.
    pub fn try_set(&mut self, value: &T) -> Result<()> {
        let value = to_bytes(value);
        let len = u32::try_from(value.len()).ok().filter(|len| *len <= MAX);
        let mut len = len.ok_or_else(|| crate::Error::expected("a value of at most 16 MiB"))?;
        let mut bytes = alloc::vec::Vec::with_capacity(value.len() + 4);
        while len >= 0x80 {
            bytes.push(len as u8 | 0x80);
            len >>= 7;
        }
        bytes.push(len as u8);
        bytes.extend_from_slice(&value);
        self.place.write(0, &bytes)
    }

    /// Changes a value, or the default where nothing is kept, and gives the new one.
    pub fn update(&mut self, change: impl FnOnce(T) -> T) -> T
    where
        T: Default,
    {
        let value = change(self.get());
        self.set(&value);
        value
    }

    /// Keeps nothing from now on.
    pub fn remove(&mut self) {
        rt::or_end(self.place.write(0, &[0]));
    }
}

/// The most bytes of an encoding: 4 groups of 7 bits can say more.
const MAX: u32 = 1 << 24;

/// A length in shortest form of at most 4 bytes, and where what it is the length of begins.
fn uleb(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut len = 0;
    for (at, group) in bytes.iter().take(4).enumerate() {
        len |= u32::from(group & 0x7f) << (7 * at);
        if group & 0x80 == 0 {
            return (*group != 0 || at == 0).then_some((len, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::uleb;

    #[test]
    fn lengths_have_one_form() {
        assert_eq!(uleb(&[0]), Some((0, 1)));
        assert_eq!(uleb(&[0x80, 1]), Some((128, 2)));
        assert_eq!(uleb(&[0x80, 0]), None);
        assert_eq!(uleb(&[0xff; 9]), None);
        assert_eq!(uleb(&[0xff, 0xff, 0xff, 0x7f]), Some(((1 << 28) - 1, 4)));
    }
}
