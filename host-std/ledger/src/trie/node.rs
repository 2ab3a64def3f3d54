//! A row: four levels of the binary tree at once.

use subvm_core::state::{Digest, EMPTY, leaf, node};

/// What stands below one of the sixteen nibbles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// One key alone.
    Leaf(Digest, Digest),
    /// Several, whose digest this is: a row of their own.
    Inner(Digest),
}

impl Entry {
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Leaf(key, value) => leaf(key, value),
            Self::Inner(digest) => *digest,
        }
    }
}

/// What stands below a path, by the next nibble, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node(pub(super) Vec<(u8, Entry)>);

impl Node {
    pub(super) fn get(&self, nibble: u8) -> Option<Entry> {
        let at = self.0.binary_search_by_key(&nibble, |(nibble, _)| *nibble).ok()?;
        Some(self.0[at].1)
    }

    pub(super) fn set(&mut self, nibble: u8, entry: Option<Entry>) {
        match (self.0.binary_search_by_key(&nibble, |(nibble, _)| *nibble), entry) {
            (Ok(at), Some(entry)) => self.0[at].1 = entry,
            (Ok(at), None) => drop(self.0.remove(at)),
            (Err(at), Some(entry)) => self.0.insert(at, (nibble, entry)),
            (Err(_), None) => {}
        }
    }

    /// The digest of the tree below this row's path.
    pub(super) fn digest(&self) -> Digest {
        digest(&self.0, 0, 16)
    }

    /// The siblings of the way to `nibble` as far as it goes within this row, and what is at its end: a row below where it is `Inner`.
    pub(super) fn way(&self, nibble: u8) -> (Vec<Digest>, Option<Entry>) {
        let (mut entries, mut low, mut width, mut siblings) = (&self.0[..], 0, 16, Vec::new());
        loop {
            match entries {
                [] => return (siblings, None),
                [(_, entry @ Entry::Leaf(..))] => return (siblings, Some(*entry)),
                [(_, entry)] if width == 1 => return (siblings, Some(*entry)),
                _ => {}
            }
            width /= 2;
            let (zero, one) = halves(entries, low, width);
            if nibble < low + width {
                siblings.push(digest(one, low + width, width));
                entries = zero;
            } else {
                siblings.push(digest(zero, low, width));
                (entries, low) = (one, low + width);
            }
        }
    }

    /// Bits of what is there and of which of it are leaves, 16 each, little-endian; then 64 bytes for a leaf, 32 for another.
    pub(super) fn encode(&self) -> Vec<u8> {
        let bits = |of: fn(&Entry) -> bool| {
            self.0.iter().filter(|(_, entry)| of(entry)).fold(0_u16, |bits, (nibble, _)| bits | 1 << nibble)
        };
        let mut out = Vec::with_capacity(4 + 64 * self.0.len());
        out.extend(bits(|_| true).to_le_bytes());
        out.extend(bits(|entry| matches!(entry, Entry::Leaf(..))).to_le_bytes());
        for (_, entry) in &self.0 {
            match entry {
                Entry::Leaf(key, value) => out.extend([key, value].into_iter().flatten()),
                Entry::Inner(digest) => out.extend(digest),
            }
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (bits, mut rest) = bytes.split_first_chunk::<4>()?;
        let (there, leaves) = (u16::from_le_bytes([bits[0], bits[1]]), u16::from_le_bytes([bits[2], bits[3]]));
        let mut digest = || {
            let (digest, after) = rest.split_first_chunk::<32>()?;
            rest = after;
            Some(*digest)
        };
        let mut entries = Vec::with_capacity(there.count_ones() as usize);
        for nibble in (0..16).filter(|nibble| there >> nibble & 1 == 1) {
            let entry = match leaves >> nibble & 1 {
                1 => Entry::Leaf(digest()?, digest()?),
                _ => Entry::Inner(digest()?),
            };
            entries.push((nibble, entry));
        }
        (rest.is_empty() && leaves & !there == 0).then_some(Self(entries))
    }
}

type Entries<'e> = &'e [(u8, Entry)];

/// The entries of the nibbles from `low` on, `width` of them, and those of as many from there on.
fn halves(entries: Entries<'_>, low: u8, width: u8) -> (Entries<'_>, Entries<'_>) {
    entries.split_at(entries.partition_point(|(nibble, _)| *nibble < low + width))
}

/// The digest of the tree of the nibbles from `low` on, `width` of them.
fn digest(entries: Entries<'_>, low: u8, width: u8) -> Digest {
    match entries {
        [] => EMPTY,
        [(_, entry @ Entry::Leaf(..))] => entry.digest(),
        [(_, entry)] if width == 1 => entry.digest(),
        _ => {
            let width = width / 2;
            let (zero, one) = halves(entries, low, width);
            node(&digest(zero, low, width), &digest(one, low + width, width))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_written_and_nothing_else_is_one() {
        let mut row = Node::default();
        row.set(3, Some(Entry::Inner([3; 32])));
        row.set(15, Some(Entry::Leaf([15; 32], [1; 32])));
        row.set(0, Some(Entry::Leaf([0; 32], [1; 32])));
        row.set(7, Some(Entry::Inner([7; 32])));
        row.set(7, None);
        let bytes = row.encode();
        assert_eq!(Node::decode(&bytes), Some(row));
        (0..bytes.len()).for_each(|cut| assert_eq!(Node::decode(&bytes[..cut]), None, "cut at {cut}"));
        assert_eq!(Node::decode(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(Node::decode(&[0, 0, 1, 0]), None, "a leaf that is not there");
    }
}
