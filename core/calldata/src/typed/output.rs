//! The bytes written so far, and the entries of maps that may have to be brought into order.

use super::super::{EncodeError, EncodeErrorKind as Kind, raw_key, read, wire, write};
use super::SerdeError;
use alloc::vec::Vec;
use core::cmp::Ordering;

const STRING_KEYS: SerdeError = SerdeError::Unsupported("the keys of a calldata map are strings");

/// What is shared by all levels of one serialization.
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    /// Entries of the maps being written, those of inner maps above those of outer ones.
    entries: Vec<Entry>,
}

/// Where an entry of a map stands in the output.
struct Entry {
    /// The first bytes of the key, to be compared before the rest: see [`raw_key::prefix`].
    prefix: u64,
    start: usize,
    end: usize,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(1024), entries: Vec::with_capacity(16) }
    }

    /// Writes a key, and notes that an entry starts with it.
    pub(super) fn put_key(&mut self, key: &[u8]) {
        let start = self.bytes.len();
        write::put_key(&mut self.bytes, key);
        self.entries.push(Entry { prefix: raw_key::prefix(key), start, end: start });
    }

    /// Makes a key of the string that was written from `start` on.
    pub(super) fn string_to_key(&mut self, start: usize) -> Result<(), SerdeError> {
        match self.bytes.get_mut(start..) {
            // The length takes one byte before and after.
            Some([head @ ..wire::MORE, key @ ..]) if *head & wire::TYPE_MASK == wire::STR => {
                *head >>= wire::TYPE_BITS;
                self.entries.push(Entry { prefix: raw_key::prefix(key), start, end: start });
            }
            written => {
                let read::Head::Str(key) = read::Reader::trusted(written.unwrap_or_default()).head()? else {
                    return Err(STRING_KEYS);
                };
                let key = Vec::from(key);
                self.bytes.truncate(start);
                self.put_key(&key);
            }
        }
        Ok(())
    }

    /// The number of entries of the maps being written, with which the entries of a new map start.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Ends the last entry; says whether it is the first from `entries` on, or above the one before it.
    pub(super) fn end_entry(&mut self, entries: usize) -> bool {
        let end = self.bytes.len();
        match self.entries.get_mut(entries..).unwrap_or_default() {
            [.., before, last] => {
                last.end = end;
                compare(&self.bytes, before, last).is_lt()
            }
            [last] => {
                last.end = end;
                true
            }
            [] => true,
        }
    }

    /// Forgets the entries from `entries` on, their map being written.
    pub(super) fn forget(&mut self, entries: usize) {
        self.entries.truncate(entries);
    }

    /// Brings the entries from `entries` on, which fill the output from `body` on, into order.
    pub(super) fn sort(&mut self, entries: usize, body: usize) -> Result<(), SerdeError> {
        let Self { bytes, entries: all } = self;
        let entries = all.get_mut(entries..).unwrap_or_default();
        entries.sort_unstable_by(|a, b| compare(bytes, a, b));
        if entries.windows(2).any(|pair| matches!(pair, [a, b] if compare(bytes, a, b).is_eq())) {
            return Err(EncodeError::from(Kind::DuplicateKey).into());
        }
        // Behind the content, and then to its place.
        let end = bytes.len();
        bytes.reserve(end - body);
        for entry in entries {
            bytes.extend_from_within(entry.start..entry.end);
        }
        bytes.copy_within(end.., body);
        bytes.truncate(end);
        Ok(())
    }
}

/// By key.
#[inline]
fn compare(bytes: &[u8], a: &Entry, b: &Entry) -> Ordering {
    a.prefix.cmp(&b.prefix).then_with(|| key(bytes, a).cmp(&key(bytes, b)))
}

fn key<'o>(bytes: &'o [u8], entry: &Entry) -> Option<&'o str> {
    read::Reader::trusted(bytes.get(entry.start..)?).key(None).ok()
}
