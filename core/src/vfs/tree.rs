//! The finished tree.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::vfs::TreeBuilder;
use crate::vfs::id::NodeId;
use crate::vfs::whole::Whole;

/// A read-only tree of files. A file's bytes are shared, never copied: a thousand sub-VMs that see the same tree hold it once.
///
/// ```
/// use subvm_core::vfs::Tree;
/// let mut tree = Tree::builder();
/// tree.map("/lib/greeting.txt", b"hello".as_slice().into()).unwrap();
/// let tree = tree.build();
/// assert_eq!(tree.ram(), 256 + 17);
/// ```
#[derive(Debug)]
pub struct Tree {
    /// The first is the root.
    pub(super) nodes: Vec<Node>,
    /// What is announced beside the root.
    pub(super) roots: Vec<Root>,
    pub(super) ram: u64,
    pub(super) whole: Whole,
    pub(super) digest: Kept,
}

/// A digest, kept once somebody asked for it. Who asks at the same time computes and keeps the same words.
#[derive(Debug, Default)]
pub(super) struct Kept {
    words: [AtomicU32; 8],
    there: AtomicBool,
}

impl Kept {
    fn or_compute(&self, compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
        let mut digest = [0; 32];
        let (bytes, _) = digest.as_chunks_mut::<4>();
        if self.there.load(Ordering::Acquire) {
            bytes
                .iter_mut()
                .zip(&self.words)
                .for_each(|(bytes, word)| *bytes = word.load(Ordering::Relaxed).to_le_bytes());
            return digest;
        }
        digest = compute();
        let (bytes, _) = digest.as_chunks::<4>();
        bytes
            .iter()
            .zip(&self.words)
            .for_each(|(bytes, word)| word.store(u32::from_le_bytes(*bytes), Ordering::Relaxed));
        self.there.store(true, Ordering::Release);
        digest
    }
}

/// A directory that is announced.
#[derive(Debug)]
pub(crate) struct Root {
    /// Its absolute path.
    pub(crate) name: Box<str>,
    pub(crate) node: NodeId,
}

/// A file or a directory.
#[derive(Debug)]
pub(crate) struct Node {
    /// The first 8 bytes of BLAKE3 of the absolute path, little-endian; 1 instead of 0.
    pub(crate) ino: u64,
    /// The directory that holds it; the root holds itself.
    pub(crate) parent: NodeId,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    File(Arc<[u8]>),
    /// Sorted by name, as bytes.
    Directory(Box<[Child]>),
}

/// An entry of a directory.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: Box<str>,
    pub(super) node: NodeId,
}

impl Tree {
    /// Starts a tree.
    #[must_use]
    pub fn builder() -> TreeBuilder {
        TreeBuilder::default()
    }

    /// Bytes of RAM that a sub-VM is charged for seeing this tree: 256 and the bytes of its path for each file, and for each directory, but the
    /// root, that holds nothing.
    #[must_use]
    pub fn ram(&self) -> u64 {
        self.ram
    }

    /// The files: absolute paths, ascending as bytes by component, and what they hold.
    ///
    /// ```
    /// use subvm_core::vfs::Tree;
    /// let mut tree = Tree::builder();
    /// tree.map("/b", b"2"[..].into())?;
    /// tree.map("/a/c", b"1"[..].into())?;
    /// let paths: Vec<String> = tree.build().files().into_iter().map(|(path, _)| path).collect();
    /// assert_eq!(paths, ["/a/c", "/b"]);
    /// # Ok::<(), subvm_core::vfs::MapError>(())
    /// ```
    #[must_use]
    pub fn files(&self) -> Vec<(String, &Arc<[u8]>)> {
        self.leaves().into_iter().filter_map(|(path, bytes)| Some((path, bytes?))).collect()
    }

    /// The directories, but the root, that hold nothing: absolute paths, in the order of [`files`](Self::files).
    ///
    /// ```
    /// use subvm_core::vfs::Tree;
    /// let mut tree = Tree::builder();
    /// tree.make_directory("/a/b")?;
    /// tree.map("/c/d", b"1"[..].into())?;
    /// assert_eq!(tree.build().empty_directories(), ["/a/b"]);
    /// # Ok::<(), subvm_core::vfs::MapError>(())
    /// ```
    #[must_use]
    pub fn empty_directories(&self) -> Vec<String> {
        let leaves = self.leaves().into_iter();
        leaves.filter(|(path, bytes)| bytes.is_none() && !path.is_empty()).map(|(path, _)| path).collect()
    }

    /// The absolute paths of the directories that are [announced](TreeBuilder::announce), but for `/`, in order.
    pub fn roots(&self) -> impl ExactSizeIterator<Item = &str> {
        self.roots.iter().map(|root| &*root.name)
    }

    /// What is announced beside the root.
    pub(crate) fn announced(&self) -> &[Root] {
        &self.roots
    }

    /// The absolute path of a file or directory.
    pub(crate) fn path(&self, node: NodeId) -> String {
        let mut names = Vec::new();
        let mut at = node;
        while at != NodeId::ROOT {
            let Some(parent) = self.nodes.get(at.0).map(|node| node.parent) else { break };
            let Some(Kind::Directory(children)) = self.nodes.get(parent.0).map(|node| &node.kind) else { break };
            names.extend(children.iter().find(|child| child.node == at).map(|child| &*child.name));
            at = parent;
        }
        names.iter().rev().fold(String::new(), |path, name| path + "/" + name) + if names.is_empty() { "/" } else { "" }
    }

    /// Files, and directories that hold nothing.
    fn leaves(&self) -> Vec<(String, Option<&Arc<[u8]>>)> {
        let mut leaves = Vec::new();
        let mut pending = alloc::vec![(String::new(), NodeId::ROOT)];
        while let Some((path, id)) = pending.pop() {
            match &self.node(id).kind {
                Kind::File(bytes) => leaves.push((path, Some(bytes))),
                Kind::Directory(children) if children.is_empty() => leaves.push((path, None)),
                // The last is taken first.
                Kind::Directory(children) => pending
                    .extend(children.iter().rev().map(|child| (alloc::format!("{path}/{}", child.name), child.node))),
            }
        }
        leaves
    }

    /// BLAKE3 of what is there, in the order of [`files`](Self::files): of each file the bytes of its path as a u64, little-endian, the path,
    /// the bytes of the file as a u64, the file; a directory that holds nothing counts as an empty file whose path ends with a slash. It is
    /// computed when it is first asked for, and kept.
    ///
    /// ```
    /// use subvm_core::vfs::Tree;
    /// let slash = [&1_u64.to_le_bytes()[..], b"/", &[0; 8]].concat();
    /// assert_eq!(Tree::default().digest(), *blake3::hash(&slash).as_bytes());
    /// ```
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest.or_compute(|| {
            let mut hasher = blake3::Hasher::new();
            for (mut path, bytes) in self.leaves() {
                if bytes.is_none() {
                    path.push('/');
                }
                for part in [path.as_bytes(), bytes.map_or(&[], |bytes| bytes)] {
                    hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
                }
            }
            *hasher.finalize().as_bytes()
        })
    }

    #[inline]
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        // Ids are made by the builder alone, for nodes that it adds, and a tree never shrinks.
        &self.nodes[id.0]
    }

    /// The bytes of a file; none for a directory.
    #[inline]
    pub(crate) fn bytes(&self, id: NodeId) -> &[u8] {
        match &self.node(id).kind {
            Kind::File(bytes) => bytes,
            Kind::Directory(_) => &[],
        }
    }

    /// The `index`-th entry of a directory, counting from 0, by name as bytes ascending.
    pub(crate) fn nth(&self, directory: NodeId, index: usize) -> Option<(&str, NodeId)> {
        self.children(directory)?.get(index).map(|child| (&*child.name, child.node))
    }

    /// The entries of a directory, by name as bytes ascending; nothing for a file.
    pub(super) fn children(&self, id: NodeId) -> Option<&[Child]> {
        match &self.node(id).kind {
            Kind::File(_) => None,
            Kind::Directory(children) => Some(children),
        }
    }
}

/// The tree without files.
impl Default for Tree {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl Node {
    #[inline]
    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    /// The number of bytes; 0 for a directory.
    #[inline]
    pub(crate) fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(bytes) => bytes.len() as u64,
            Kind::Directory(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &'static [u8])]) -> Tree {
        let mut tree = Tree::builder();
        files.iter().for_each(|(path, bytes)| tree.map(path, (*bytes).into()).unwrap());
        tree.build()
    }

    #[test]
    fn a_digest_is_of_paths_and_bytes_in_one_order_whatever_the_order_of_mapping() {
        let files = [("/b", &b"1"[..]), ("/a/x", b"22"), ("/a-b", b"")];
        let digest = tree(&files).digest();
        let mut bytes = Vec::new();
        for part in [&b"/a/x"[..], b"22", b"/a-b", b"", b"/b", b"1"] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        assert_eq!(digest, *blake3::hash(&bytes).as_bytes());
        let turned: Vec<_> = files.into_iter().rev().collect();
        assert_eq!(tree(&turned).digest(), digest);
        assert_ne!(tree(&[("/b", b"1"), ("/a/x", b"23"), ("/a-b", b"")]).digest(), digest);
        assert_ne!(tree(&[("/b", b"1"), ("/a/y", b"22"), ("/a-b", b"")]).digest(), digest);
    }

    #[test]
    fn a_digest_that_is_kept_is_the_one_that_was_computed() {
        let tree = tree(&[("/a", b"1")]);
        assert_eq!(tree.digest(), tree.digest());
    }
}
