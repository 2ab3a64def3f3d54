//! A borrowed value as a row of events, for those who compare or look through values without building them.

use super::ValueRef;
use super::read::{Head, Reader};
use alloc::vec::Vec;

/// What [`ValueRef::events`] meets, in the order of the encoding. Containers say how much is in them and have no end of their own, so that two
/// values are equal iff their events are.
///
/// ```
/// use subvm_calldata::{EventRef, Map, Value, ValueRef};
///
/// let bytes = Value::from(Map::from([("n", Value::array([7]))])).encode().unwrap();
/// let events: Vec<_> = ValueRef::decode(&bytes).unwrap().events().collect();
/// let seven = ValueRef::decode(&[0x39]).unwrap();
/// assert_eq!(events, [EventRef::Map(1), EventRef::Key("n"), EventRef::Array(1), EventRef::Leaf(seven)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventRef<'a> {
    /// A value that is no container.
    Leaf(ValueRef<'a>),
    /// An array of that many items, which follow.
    Array(usize),
    /// A map of that many entries, which follow, each a key and a value.
    Map(usize),
    /// The key of the value that follows.
    Key(&'a str),
}

/// Iterator of [`ValueRef::events`].
///
/// # Cost
/// Linear in the bytes; memory: 24 bytes for each container around the value that is next.
///
/// ```
/// use subvm_calldata::{EventRef, Value, ValueRef};
/// let bytes = Value::array([1, 2]).encode().unwrap();
/// let mut events = ValueRef::decode(&bytes).unwrap().events();
/// assert_eq!((events.next(), events.count()), (Some(EventRef::Array(2)), 2));
/// ```
#[derive(Clone)]
pub struct Events<'a> {
    /// The value itself, before anything that is in it.
    first: Option<EventRef<'a>>,
    reader: Reader<'a>,
    level: Level,
    outer: Vec<Level>,
}

/// What is still to come of a container.
#[derive(Clone, Copy)]
enum Level {
    Items(usize),
    /// Entries, of which the first one's key was the last event where this says so.
    Entries(usize, bool),
}

impl<'a> ValueRef<'a> {
    /// The value, and all that is in it.
    #[must_use]
    pub fn events(self) -> Events<'a> {
        let (first, content, level) = match self {
            Self::Array(array) => (EventRef::Array(array.len()), array.content(), Level::Items(array.len())),
            Self::Map(map) => (EventRef::Map(map.len()), map.content(), Level::Entries(map.len(), false)),
            leaf => (EventRef::Leaf(leaf), &[][..], Level::Items(0)),
        };
        Events { first: Some(first), reader: Reader::trusted(content), level, outer: Vec::new() }
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = EventRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<EventRef<'a>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            match &mut self.level {
                Level::Items(0) | Level::Entries(0, _) => self.level = self.outer.pop()?,
                Level::Entries(_, keyed @ false) => {
                    *keyed = true;
                    return self.reader.key(None).ok().map(EventRef::Key);
                }
                Level::Items(left) | Level::Entries(left, _) => {
                    *left -= 1;
                    if let Level::Entries(_, keyed) = &mut self.level {
                        *keyed = false;
                    }
                    return self.value();
                }
            }
        }
    }
}

impl<'a> Events<'a> {
    #[inline]
    fn value(&mut self) -> Option<EventRef<'a>> {
        let (event, level) = match self.reader.head().ok()? {
            Head::Array(len) => (EventRef::Array(len), Level::Items(len)),
            Head::Map(len) => (EventRef::Map(len), Level::Entries(len, false)),
            leaf => return Some(EventRef::Leaf(ValueRef::of(leaf, &[]))),
        };
        // What holds nothing is over already.
        if !matches!(level, Level::Items(0) | Level::Entries(0, _)) {
            self.outer.push(core::mem::replace(&mut self.level, level));
        }
        Some(event)
    }
}
