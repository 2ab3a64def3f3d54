//! What two machines differ in.

use std::fmt;

use subvm_lower::Global;

use crate::notes::{Note, Notes};
use crate::seen::{Memory, PAGE, Seen};

/// Ranges of bytes that are listed, and bytes of each.
const RANGES: usize = 16;
const BYTES: usize = 32;

/// The first value that differs.
///
/// ```
/// use subvm_look::{Note, Value};
/// let a = Some(Note { instruction: 90, value: 2 });
/// let value = Value { instance: "main".into(), number: 7, a, b: None };
/// assert_eq!(value.to_string(), "value 7 of main: 0x2 at byte 0x5a; and nothing");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The instance that computed it.
    pub instance: String,
    /// Its number among all that the instance noted, from 0.
    pub number: u64,
    /// The first side's.
    pub a: Option<Note>,
    /// The second side's.
    pub b: Option<Note>,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |note: Option<Note>| match note {
            Some(Note { instruction, value }) => format!("{value:#x} at byte {instruction:#x}"),
            None => "nothing".to_owned(),
        };
        write!(f, "value {} of {}: {}; and {}", self.number, self.instance, side(self.a), side(self.b))
    }
}

/// A range of a memory that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bytes {
    /// The instance.
    pub instance: String,
    /// Which of its memories.
    pub memory: u32,
    /// Its first byte.
    pub address: u64,
    /// How many bytes differ in one piece.
    pub len: u64,
    /// The first of them on the first side.
    pub a: Vec<u8>,
    /// And on the second.
    pub b: Vec<u8>,
}

impl Bytes {
    /// The page, of 64 KiB, that it begins in.
    #[must_use]
    pub fn page(&self) -> u64 {
        self.address / PAGE as u64
    }
}

/// A global that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GlobalDiffers {
    /// The instance.
    pub instance: String,
    /// Its index.
    pub global: u32,
    /// The first side's.
    pub a: Option<Global>,
    /// The second side's.
    pub b: Option<Global>,
}

/// Whether two machines are the same, as far as they can be seen. Not their stack units: an engine whose functions note themselves also
/// charges the frame of a function that calls none.
pub(crate) fn same(a: &Seen, b: &Seen) -> bool {
    let counters = |seen: &Seen| (seen.ticks, seen.calls);
    counters(a) == counters(b) && a.frames == b.frames && a.instances == b.instances
}

/// The first value that differs. Of several instances, that of the first of them.
pub(crate) fn value(a: &Seen, b: &Seen) -> Option<Value> {
    let pairs = a.instances.iter().zip(&b.instances);
    pairs
        .filter_map(|(a, b)| {
            let (number, notes) = first(a.notes.as_ref()?, b.notes.as_ref()?)?;
            Some(Value { instance: a.name.clone(), number, a: notes.0, b: notes.1 })
        })
        .next()
}

/// What both sides noted at one number; nothing where a side has noted less.
type Both = (Option<Note>, Option<Note>);

fn first(a: &Notes, b: &Notes) -> Option<(u64, Both)> {
    let at = |notes: &Notes, number: u64| {
        let from = notes.count - notes.last.len() as u64;
        notes.last.get(usize::try_from(number.checked_sub(from)?).ok()?).copied()
    };
    let from =
        a.numbered().next().map_or(0, |(number, _)| number).max(b.numbered().next().map_or(0, |(number, _)| number));
    (from..a.count.max(b.count)).map(|number| (number, (at(a, number), at(b, number)))).find(|(_, (a, b))| a != b)
}

/// The bytes of memories that differ, the first ranges of them.
pub(crate) fn bytes(a: &Seen, b: &Seen) -> Vec<Bytes> {
    let mut found = Vec::new();
    for (a, b) in a.instances.iter().zip(&b.instances) {
        for (memory, (ours, theirs)) in (0u32..).zip(a.memories.iter().zip(&b.memories)) {
            for (address, len) in ranges(ours, theirs) {
                if found.len() == RANGES {
                    return found;
                }
                let read = |memory: &Memory| memory.read(address, (len as usize).min(BYTES)).unwrap_or_default();
                found.push(Bytes { instance: a.name.clone(), memory, address, len, a: read(ours), b: read(theirs) });
            }
        }
    }
    found
}

/// The ranges in which two memories differ, ascending; a few more than are listed at most.
fn ranges(a: &Memory, b: &Memory) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    if a.digest() == b.digest() {
        return ranges;
    }
    let mut pages: Vec<u32> = a.pages().chain(b.pages()).map(|(number, _)| *number).collect();
    pages.sort_unstable();
    pages.dedup();
    for page in pages {
        let from = u64::from(page) * PAGE as u64;
        let [ours, theirs] = [a, b].map(|memory| memory.read(from, PAGE).unwrap_or_default());
        let longest = ours.len().max(theirs.len());
        for at in (0..longest).filter(|at| ours.get(*at) != theirs.get(*at)) {
            let address = from + at as u64;
            if let Some((_, len)) = ranges.last_mut().filter(|(begin, len)| *begin + *len == address) {
                *len += 1;
            } else if ranges.len() > RANGES {
                return ranges;
            } else {
                ranges.push((address, 1));
            }
        }
    }
    ranges
}

/// The globals that differ.
pub(crate) fn globals(a: &Seen, b: &Seen) -> Vec<GlobalDiffers> {
    let pairs = a.instances.iter().zip(&b.instances);
    pairs
        .flat_map(|(a, b)| {
            let both = a.globals.iter().zip(&b.globals).filter(|(a, b)| a != b);
            both.map(|(ours, theirs)| GlobalDiffers {
                instance: a.name.clone(),
                global: ours.0,
                a: Some(ours.1),
                b: Some(theirs.1),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::Keep;

    #[test]
    fn ranges_are_found_across_pages_and_ends() {
        let mut ours = vec![0; 2 * PAGE];
        let mut theirs = ours.clone();
        ours[PAGE - 1] = 1;
        ours[PAGE] = 2;
        theirs[7] = 3;
        let of = |bytes: &[u8]| Memory::of(bytes, Keep::Bytes);
        assert_eq!(ranges(&of(&ours), &of(&theirs)), [(7, 1), (PAGE as u64 - 1, 2)]);
        assert_eq!(ranges(&of(&ours), &of(&ours)), []);
    }

    #[test]
    fn the_first_note_is_found_wherever_it_was_written() {
        let notes = |count: u64, values: &[u64]| Notes {
            count,
            hash: 0,
            last: values.iter().map(|value| Note { instruction: 1, value: *value }).collect(),
        };
        let (number, (a, b)) = first(&notes(10, &[1, 2, 3]), &notes(9, &[1, 2])).unwrap();
        // Numbers 7 to 9, and 7 to 8.
        assert_eq!((number, a.unwrap().value, b), (9, 3, None));
        assert_eq!(first(&notes(10, &[1, 2, 3]), &notes(10, &[1, 2, 3])), None);
        assert_eq!(first(&notes(10, &[1, 2, 3]), &notes(10, &[1, 7, 8])).unwrap().0, 8);
    }
}
