//! Going through a value without recursion, and what is done by that: clone, compare, hash, drop.

use super::build::Open;
use super::key::Key;
use super::{Array, Map, Value};
use alloc::vec::Vec;
use core::slice;

/// What a walk meets. Two values are equal iff their walks are.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Event<'v> {
    /// A value that is no container.
    Leaf(&'v Value),
    /// An array of that many items begins; they follow, then `Close`.
    Array(usize),
    /// A map of that many entries begins; each is a `Key` and a value, then `Close`.
    Map(usize),
    Key(&'v Key),
    Close,
}

/// What is still to come of a container.
pub(super) enum Level<'v> {
    Items(slice::Iter<'v, Value>),
    /// The value whose key was the last event, and the entries after it.
    Entries(Option<&'v Value>, slice::Iter<'v, (Key, Value)>),
}

/// The events of a value, or of what is inside a container, in the order of their encoding.
pub(super) struct Walk<'v> {
    pub(super) level: Level<'v>,
    outer: Vec<Level<'v>>,
}

impl<'v> Walk<'v> {
    pub(super) fn of(value: &'v Value) -> Self {
        Self::of_items(slice::from_ref(value))
    }

    pub(super) fn of_items(items: &'v [Value]) -> Self {
        Self { level: Level::Items(items.iter()), outer: Vec::new() }
    }

    pub(super) fn of_entries(map: &'v Map) -> Self {
        Self { level: Level::Entries(None, map.0.iter()), outer: Vec::new() }
    }

    #[inline]
    pub(super) fn enter(&mut self, value: &'v Value) -> Event<'v> {
        let (level, event) = match value {
            Value::Array(array) => (Level::Items(array.0.iter()), Event::Array(array.len())),
            Value::Map(map) => (Level::Entries(None, map.0.iter()), Event::Map(map.len())),
            leaf => return Event::Leaf(leaf),
        };
        self.outer.push(core::mem::replace(&mut self.level, level));
        event
    }

    /// Goes on with what is around the innermost container; says whether there is anything.
    #[inline]
    pub(super) fn leave(&mut self) -> bool {
        let parent = self.outer.pop();
        let found = parent.is_some();
        if let Some(parent) = parent {
            self.level = parent;
        }
        found
    }

    /// The number of containers entered.
    #[inline]
    pub(super) const fn depth(&self) -> usize {
        self.outer.len()
    }
}

impl<'v> Iterator for Walk<'v> {
    type Item = Event<'v>;

    #[inline]
    fn next(&mut self) -> Option<Event<'v>> {
        match &mut self.level {
            Level::Items(items) => {
                if let Some(item) = items.next() {
                    return Some(self.enter(item));
                }
            }
            Level::Entries(value, entries) => {
                if let Some(value) = value.take() {
                    return Some(self.enter(value));
                }
                if let Some((key, next)) = entries.next() {
                    *value = Some(next);
                    return Some(Event::Key(key));
                }
            }
        }
        self.level = self.outer.pop()?;
        Some(Event::Close)
    }
}

pub(super) fn clone_items(array: &Array) -> Vec<Value> {
    match rebuild(Open::Array(Vec::with_capacity(array.len())), Walk::of_items(array)) {
        Open::Array(items) => items,
        Open::Map(..) => Vec::new(),
    }
}

pub(super) fn clone_entries(map: &Map) -> Vec<(Key, Value)> {
    let root = Open::Map(Vec::with_capacity(map.len()), Key::default());
    match rebuild(root, Walk::of_entries(map)) {
        Open::Map(entries, _) => entries,
        Open::Array(_) => Vec::new(),
    }
}

fn rebuild(mut open: Open, walk: Walk<'_>) -> Open {
    let mut outer = Vec::new();
    for event in walk {
        let inner = match event {
            Event::Leaf(leaf) => {
                open.add(leaf.clone());
                continue;
            }
            Event::Key(next) => {
                if let Open::Map(_, key) = &mut open {
                    key.clone_from(next);
                }
                continue;
            }
            Event::Close => {
                if let Some(parent) = outer.pop() {
                    let closed = core::mem::replace(&mut open, parent).close();
                    open.add(closed);
                }
                continue;
            }
            Event::Array(len) => Open::Array(Vec::with_capacity(len)),
            Event::Map(len) => Open::Map(Vec::with_capacity(len), Key::default()),
        };
        outer.push(core::mem::replace(&mut open, inner));
    }
    open
}

/// Drops values: first takes out what is inside the containers among them, and inside those, so that dropping
/// a container has nothing to recurse into.
///
/// # Cost
/// Linear; allocates only where containers hold containers.
pub(super) fn drop_all(values: impl Iterator<Item = Value>) {
    let mut full = Vec::new();
    values.for_each(|value| drop_unless_full(value, &mut full));
    while let Some(value) = full.pop() {
        match value {
            Value::Array(array) => array.into_iter().for_each(|item| drop_unless_full(item, &mut full)),
            Value::Map(mut map) => {
                let entries = core::mem::take(&mut map.0).into_iter();
                entries.for_each(|(_, item)| drop_unless_full(item, &mut full));
            }
            _ => {}
        }
    }
}

/// What is moved out here is dropped here: the value as a whole would be dropped by a call.
#[inline(always)]
fn drop_unless_full(value: Value, full: &mut Vec<Value>) {
    match value {
        Value::Int(int) => drop(int),
        Value::Str(text) => drop(text),
        Value::Bytes(bytes) => drop(bytes),
        Value::Array(array) if !array.0.is_empty() => full.push(Value::Array(array)),
        Value::Map(map) if !map.0.is_empty() => full.push(Value::Map(map)),
        _ => {}
    }
}
