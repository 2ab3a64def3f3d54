//! The finished tree.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::vfs::TreeBuilder;

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
    pub(super) ram: u64,
}

/// The place of a node in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(super) usize);

impl NodeId {
    /// The directory `/`.
    pub(crate) const ROOT: Self = Self(0);
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
