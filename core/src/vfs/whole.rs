//! The table of whole plain paths: what most look-ups ask for, found at once.
//!
//! It says nothing that a walk would not say: `docs/RATIONALE.md#plain-paths-are-found-in-a-table`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hashbrown::HashTable;

use crate::vfs::id::NodeId;

/// Paths whose hashes may end in the same bits. Of a million paths, nine do; where more do than this, somebody chose them, and there is no table.
const CROWD: usize = 16;

/// Every path from the root without `.`, `..`, doubled slashes or a slash at its end, and the node that it leads to. Never iterated.
pub(super) struct Whole {
    key: Key,
    /// The paths of files and of directories that hold nothing, each behind its slash and before a NUL. All other paths begin one of these.
    text: String,
    places: HashTable<Place>,
}

/// A path of the text, without its slash, and the node that it leads to.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
    node: NodeId,
}

/// A node of a tree that is being made.
pub(super) struct Named<'a> {
    /// Its absolute path.
    pub(super) path: &'a str,
    pub(super) parent: NodeId,
    /// Whether it is a file, or a directory that holds nothing.
    pub(super) leaf: bool,
}

/// What hashes depend on: drawn from all paths, so that who changes one to have it collide draws another key.
struct Key {
    seed: u64,
    factor: u64,
}

impl Key {
    fn of(text: &str) -> Self {
        let digest = blake3::hash(text.as_bytes());
        let (words, _) = digest.as_bytes().as_chunks::<8>();
        let word = |at: usize| words.get(at).map_or(0, |word| u64::from_le_bytes(*word));
        Self { seed: word(0), factor: word(1) | 1 }
    }

    #[inline]
    fn hash(&self, path: &[u8]) -> u64 {
        // Eight bytes at a time; the last ones may be taken twice, which the length tells.
        let last = match path.last_chunk() {
            Some(last) => u64::from_le_bytes(*last),
            None => path.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        let (words, _) = path.as_chunks();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        words.chain([last]).fold(self.seed ^ path.len() as u64, |hash, word| self.mix(hash ^ word))
    }

    /// Both halves of a product.
    #[inline]
    fn mix(&self, word: u64) -> u64 {
        let product = u128::from(word) * u128::from(self.factor);
        product as u64 ^ (product >> 64) as u64
    }
}

impl Whole {
    /// The table for the nodes of a tree, of which the first is the root.
    pub(super) fn of(nodes: &[Named<'_>]) -> Self {
        let (text, places) = places(nodes);
        Self::with(Key::of(&text), text, places)
    }

    fn with(key: Key, text: String, places: Vec<Place>) -> Self {
        let path = |place: &Place| text.as_bytes().get(place.start..place.end).unwrap_or_default();
        let hashes: Vec<u64> = places.iter().map(|place| key.hash(path(place))).collect();
        if crowded(&hashes) {
            return Self { key, text: String::new(), places: HashTable::new() };
        }
        let mut table = HashTable::with_capacity(places.len());
        for (hash, place) in hashes.into_iter().zip(places) {
            table.insert_unique(hash, place, |place| key.hash(path(place)));
        }
        Self { key, text, places: table }
    }

    /// What `path` leads to from the root. Nothing where it is not plain, or leads nowhere: a walk tells which.
    #[inline]
    pub(super) fn find(&self, path: &[u8]) -> Option<NodeId> {
        let same = |place: &Place| self.text.as_bytes().get(place.start..place.end) == Some(path);
        self.places.find(self.key.hash(path), same).map(|place| place.node)
    }
}

/// The text, and a place for each node but the root.
fn places(nodes: &[Named<'_>]) -> (String, Vec<Place>) {
    let mut text = String::new();
    let mut places = Vec::with_capacity(nodes.len().saturating_sub(1));
    let mut known = alloc::vec![false; nodes.len()];
    for (index, leaf) in nodes.iter().enumerate().skip(1).filter(|(_, node)| node.leaf) {
        let slash = text.len();
        text.push_str(leaf.path);
        text.push('\0');
        // The leaf, and those of its directories that no leaf before it had.
        let mut node = NodeId(index);
        while node != NodeId::ROOT && !core::mem::replace(&mut known[node.0], true) {
            // The builder makes ids for nodes that it adds, and removes none.
            let Named { path, parent, .. } = &nodes[node.0];
            places.push(Place { start: slash + 1, end: slash + path.len(), node });
            node = *parent;
        }
    }
    (text, places)
}

/// Whether more than [`CROWD`] hashes end in the same bits, of which there are enough to tell as many hashes apart.
fn crowded(hashes: &[u64]) -> bool {
    let mask = hashes.len().next_power_of_two() - 1;
    let mut ends: Vec<usize> = hashes.iter().map(|hash| *hash as usize & mask).collect();
    ends.sort_unstable();
    ends.windows(CROWD + 1).any(|window| window.first() == window.last())
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("paths", &self.places.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::{Missing, Tree, TreeBuilder, check_path};
    use alloc::format;
    use proptest::prelude::*;

    fn key() -> Key {
        Key { seed: 1, factor: 0x9E37_79B9_7F4A_7C15 }
    }

    /// Names whose hashes under [`key`] end in twelve bits of the same, and begin with the seven by which a table tells them apart.
    fn colliding(count: usize) -> Vec<String> {
        let alike = |name: &String| key().hash(name.as_bytes()) & 0xFE00_0000_0000_00FF == 0;
        (0..).map(|number| format!("f{number}")).filter(alike).take(count).collect()
    }

    fn table(names: &[String]) -> Whole {
        let mut tree = TreeBuilder::default();
        names.iter().for_each(|name| tree.map(&format!("/{name}"), [][..].into()).unwrap());
        let (text, places) = places(&tree.named());
        Whole::with(key(), text, places)
    }

    #[test]
    fn paths_whose_hashes_collide_are_told_apart() {
        let names = colliding(CROWD * 2);
        let (there, missing) = names.split_at(CROWD);
        let table = table(there);
        for (index, name) in there.iter().enumerate() {
            assert_eq!(table.find(name.as_bytes()), Some(NodeId(index + 1)));
        }
        assert!(missing.iter().all(|name| table.find(name.as_bytes()).is_none()));
    }

    #[test]
    fn paths_that_were_chosen_to_collide_get_no_table() {
        let names = colliding(CROWD + 1);
        let crowded = table(&names);
        assert!(names.iter().all(|name| crowded.find(name.as_bytes()).is_none()));
        // Their own key tells them apart: it was not known when they were chosen.
        let mut tree = Tree::builder();
        names.iter().for_each(|name| tree.map(&format!("/{name}"), [][..].into()).unwrap());
        let tree = tree.build();
        assert!(names.iter().all(|name| tree.find(NodeId::ROOT, name.as_bytes()).is_some()));
    }

    #[test]
    fn every_path_changes_the_key_and_so_does_where_it_ends() {
        let seed = |text: &str| Key::of(text).seed;
        assert_ne!(seed("/a\0/b\0"), seed("/a\0/c\0"));
        assert_ne!(seed("/ab\0"), seed("/a\0b\0"));
    }

    #[test]
    fn ten_thousand_files_are_not_crowded() {
        let mut tree = Tree::builder();
        (0..10_000).for_each(|number| tree.map(&format!("/d{}/f{number}", number % 7), [][..].into()).unwrap());
        let tree = tree.build();
        assert!(
            (0..10_000)
                .all(|number| { tree.find(NodeId::ROOT, format!("d{}/f{number}", number % 7).as_bytes()).is_some() })
        );
    }

    proptest! {
        #[test]
        fn the_table_says_what_a_walk_says(
            files in prop::collection::vec("(/(a|b|é|dir|..x)){1,4}", 0..12),
            directories in prop::collection::vec("(/(a|b|dir)){1,3}", 0..4),
            paths in prop::collection::vec("/?((a|b|é|dir|..x|.|..|)/){0,4}(a|b|é|dir|..x|.|..|)", 1..40),
        ) {
            let mut tree = Tree::builder();
            files.iter().for_each(|path| drop(tree.map(path, [1][..].into())));
            directories.iter().for_each(|path| drop(tree.make_directory(path)));
            let tree = tree.build();
            let every = files.iter().chain(&directories).map(|path| &path[1..]);
            for path in paths.iter().map(String::as_str).chain(every) {
                let path = path.as_bytes();
                let walked = check_path(path).map_err(Missing::Errno).and_then(|()| tree.walk(NodeId::ROOT, path));
                let found = tree.find(NodeId::ROOT, path);
                if let Some(node) = found {
                    prop_assert_eq!(walked, Ok(node));
                }
                let odd = |name: &[u8]| matches!(name, b"" | b"." | b"..");
                let plain = !path.split(|&byte| byte == b'/').any(odd);
                prop_assert_eq!(found.is_some(), plain && walked.is_ok());
                // From elsewhere there is no table: the walk speaks for itself.
                if let Ok(node) = walked && node != NodeId::ROOT {
                    prop_assert_eq!(tree.find(node, path), None);
                }
            }
        }
    }
}
