//! An array of values.

use super::Value;
use super::walk::{self, Walk};
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::ops::{Deref, DerefMut};

/// Values in order. It is a slice of [`Value`] to read and to change in place, and its methods
/// change its length.
///
/// It is a type of its own, not a `Vec`, so that dropping, cloning and comparing it can be done
/// without recursion.
///
/// ```
/// use subvm_calldata::{Array, Value};
///
/// let mut array = Array::from([Value::from(1), Value::Null]);
/// array.push("two");
/// assert_eq!(array.iter().filter(|item| item.is_null()).count(), 1);
/// assert_eq!(array.into_vec().len(), 3);
/// ```
#[derive(Default)]
pub struct Array(pub(super) Vec<Value>);

impl Array {
    /// An array of nothing.
    ///
    /// ```
    /// use subvm_calldata::{Array, Value};
    /// assert_eq!(Value::from(Array::new()).encode().unwrap(), [0x05]);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// An array of nothing with room for `capacity` items.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Appends an item.
    pub fn push(&mut self, item: impl Into<Value>) {
        self.0.push(item.into());
    }

    /// Takes the last item away.
    ///
    /// ```
    /// use subvm_calldata::{Array, Value};
    /// let mut array = Array::with_capacity(1);
    /// array.push(7);
    /// assert_eq!((array.pop(), array.pop()), (Some(Value::from(7)), None));
    /// ```
    pub fn pop(&mut self) -> Option<Value> {
        self.0.pop()
    }

    /// The items.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Value> {
        core::mem::take(&mut self.0)
    }
}

impl Deref for Array {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl DerefMut for Array {
    fn deref_mut(&mut self) -> &mut [Value] {
        &mut self.0
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            walk::drop_all(core::mem::take(&mut self.0).into_iter());
        }
    }
}

impl Clone for Array {
    fn clone(&self) -> Self {
        Self(walk::clone_items(self))
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && Walk::of_items(self).eq(Walk::of_items(other))
    }
}

impl Eq for Array {}

impl Hash for Array {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        Walk::of_items(self).for_each(|event| event.hash(state));
    }
}

impl<T: Into<Value>> FromIterator<T> for Array {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> Extend<T> for Array {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        self.0.extend(items.into_iter().map(Into::into));
    }
}

impl From<Vec<Value>> for Array {
    fn from(items: Vec<Value>) -> Self {
        Self(items)
    }
}

impl<const N: usize> From<[Value; N]> for Array {
    fn from(items: [Value; N]) -> Self {
        Self(items.into())
    }
}

impl IntoIterator for Array {
    type Item = Value;
    type IntoIter = alloc::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = &'a Value;
    type IntoIter = core::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
