//! Building a tree.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::costs::{COMPONENT, COMPONENTS, FILE_MAPPING, PATH, ROOTS};
use crate::vfs::tree::{Child, Kept, Kind, Root};
use crate::vfs::whole::{Named, Whole};
use crate::vfs::{Node, NodeId, Tree};

/// Maps files, then becomes a [`Tree`].
///
/// ```
/// use subvm_core::vfs::Tree;
/// let mut files = Tree::builder();
/// files.map("/lib/a.py", b"pass"[..].into())?;
/// assert_eq!(files.map("lib/b.py", b""[..].into()).unwrap_err().to_string().lines().count(), 1, "it says that the path is not absolute");
/// let tree = files.build();
/// assert!(tree.ram() > 0);
/// # Ok::<(), subvm_core::vfs::MapError>(())
/// ```
#[derive(Debug)]
pub struct TreeBuilder {
    /// The first is the root.
    nodes: Vec<Draft>,
    /// What is announced beside the root.
    roots: Vec<Root>,
}

#[derive(Debug)]
struct Draft {
    path: String,
    parent: NodeId,
    kind: DraftKind,
}

#[derive(Debug)]
enum DraftKind {
    File(Arc<[u8]>),
    Directory(BTreeMap<Box<str>, NodeId>),
}

/// A file or a directory cannot be mapped.
///
/// ```
/// use subvm_core::vfs::{MapError, MapErrorKind, Tree};
/// let error = Tree::builder().map("/a/../b", b""[..].into()).unwrap_err();
/// assert_eq!(error, MapError { path: "/a/../b".into(), kind: MapErrorKind::NotCanonical });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapError {
    /// The path as it was given.
    pub path: String,
    /// What is wrong with it.
    pub kind: MapErrorKind,
}

/// What is wrong with a path.
///
/// ```
/// use subvm_core::vfs::{MapErrorKind, Tree};
/// let mut files = Tree::builder();
/// files.map("/etc", b"a file"[..].into())?;
/// assert_eq!(files.map("/etc/hosts", b""[..].into()).unwrap_err().kind, MapErrorKind::ThroughFile);
/// # Ok::<(), subvm_core::vfs::MapError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapErrorKind {
    /// It does not start with `/`.
    NotAbsolute,
    /// A component is empty, `.` or `..`, or it ends with `/`.
    NotCanonical,
    /// It holds a NUL.
    Nul,
    /// It has more than 4096 bytes.
    TooLong,
    /// A component has more than 255 bytes.
    ComponentTooLong,
    /// It has more than 64 components.
    TooDeep,
    /// There is a directory already.
    Directory,
    /// It leads through a file.
    ThroughFile,
    /// It is to be announced, and no directory is there.
    NoDirectory,
    /// It is announced already, as `/` always is.
    Announced,
    /// It is to be announced after [`ROOTS`] others.
    TooManyRoots,
}

impl Default for TreeBuilder {
    fn default() -> Self {
        let root = Draft { path: "/".into(), parent: NodeId::ROOT, kind: DraftKind::Directory(BTreeMap::new()) };
        Self { nodes: alloc::vec![root], roots: Vec::new() }
    }
}

impl TreeBuilder {
    /// Maps a file, with the directories that lead to it. A file that is there already is replaced.
    ///
    /// # Errors
    /// Where the path is not an absolute one in its plain form, is too long or too deep, or where a directory is, or leads through a file.
    /// Nothing has changed then.
    pub fn map(&mut self, path: &str, bytes: Arc<[u8]>) -> Result<(), MapError> {
        self.place(path, DraftKind::File(bytes)).map_err(|kind| MapError { path: path.into(), kind })
    }

    /// Makes a directory, with those that lead to it. One that is there already stays as it is.
    ///
    /// # Errors
    /// As [`map`](Self::map), but that a directory may be there, and no file.
    ///
    /// ```
    /// use subvm_core::vfs::Tree;
    /// let mut tree = Tree::builder();
    /// tree.make_directory("/var/empty")?;
    /// tree.make_directory("/var")?;
    /// assert_eq!(tree.build().ram(), 256 + 10, "as much as a file, where nothing is in it");
    /// # Ok::<(), subvm_core::vfs::MapError>(())
    /// ```
    pub fn make_directory(&mut self, path: &str) -> Result<(), MapError> {
        self.place(path, DraftKind::Directory(BTreeMap::new())).map_err(|kind| MapError { path: path.into(), kind })
    }

    /// Announces a directory that is there: programs that look for preopened directories find it beside `/`, under this name, in the order of
    /// these calls (`docs/spec/wasi.md`, *Roots*).
    ///
    /// # Errors
    /// Where no directory is there, where it is announced already, and after [`ROOTS`] others. Nothing has changed then.
    ///
    /// ```
    /// use subvm_core::vfs::{MapErrorKind, Tree};
    /// let mut tree = Tree::builder();
    /// tree.map("/usr/lib/a", b""[..].into())?;
    /// tree.announce("/usr")?;
    /// tree.announce("/usr/lib")?;
    /// assert_eq!(tree.announce("/usr").unwrap_err().kind, MapErrorKind::Announced);
    /// assert!(tree.build().roots().eq(["/usr", "/usr/lib"]));
    /// # Ok::<(), subvm_core::vfs::MapError>(())
    /// ```
    pub fn announce(&mut self, path: &str) -> Result<(), MapError> {
        let root = self.root(path).map_err(|kind| MapError { path: path.into(), kind })?;
        self.roots.push(root);
        Ok(())
    }

    fn root(&self, path: &str) -> Result<Root, MapErrorKind> {
        if path == "/" || self.roots.iter().any(|root| *root.name == *path) {
            return Err(MapErrorKind::Announced);
        }
        check(path)?;
        let (mut node, mut rest) = (NodeId::ROOT, path);
        while let Some((name, end)) = next_name(path, rest) {
            rest = &path[end..];
            let DraftKind::Directory(children) = &self.nodes[node.0].kind else {
                return Err(MapErrorKind::ThroughFile);
            };
            node = *children.get(name).ok_or(MapErrorKind::NoDirectory)?;
        }
        match &self.nodes[node.0].kind {
            DraftKind::File(_) => Err(MapErrorKind::NoDirectory),
            DraftKind::Directory(_) if self.roots.len() >= ROOTS => Err(MapErrorKind::TooManyRoots),
            DraftKind::Directory(_) => Ok(Root { name: path.into(), node }),
        }
    }

    fn place(&mut self, path: &str, what: DraftKind) -> Result<(), MapErrorKind> {
        check(path)?;
        let mut what = Some(what);
        let mut at = NodeId::ROOT;
        let mut rest = path;
        while let Some((name, end)) = next_name(path, rest) {
            rest = &path[end..];
            let last = if rest.is_empty() { what.take() } else { None };
            let kind = last.unwrap_or_else(|| DraftKind::Directory(BTreeMap::new()));
            at = self.enter(at, name, &path[..end], kind)?;
        }
        Ok(())
    }

    /// The entry `name` of `directory`, made or replaced as `kind` asks.
    fn enter(&mut self, directory: NodeId, name: &str, path: &str, kind: DraftKind) -> Result<NodeId, MapErrorKind> {
        let new = NodeId(self.nodes.len());
        let DraftKind::Directory(children) = &mut self.nodes[directory.0].kind else {
            return Err(MapErrorKind::ThroughFile);
        };
        let Some(&there) = children.get(name) else {
            children.insert(name.into(), new);
            self.nodes.push(Draft { path: path.into(), parent: directory, kind });
            return Ok(new);
        };
        match (&mut self.nodes[there.0].kind, kind) {
            (DraftKind::Directory(_), DraftKind::Directory(_)) => {}
            (DraftKind::Directory(_), DraftKind::File(_)) => return Err(MapErrorKind::Directory),
            (DraftKind::File(_), DraftKind::Directory(_)) => return Err(MapErrorKind::ThroughFile),
            (file, replacement) => *file = replacement,
        }
        Ok(there)
    }

    /// What the table of whole paths is made of.
    pub(super) fn named(&self) -> Vec<Named<'_>> {
        let nodes = self.nodes.iter();
        nodes.map(|draft| Named { path: &draft.path, parent: draft.parent, leaf: draft.is_leaf() }).collect()
    }

    /// The finished tree.
    #[must_use]
    pub fn build(self) -> Tree {
        let charged = self.nodes.iter().skip(1).filter(|draft| draft.is_leaf());
        let ram = charged.map(|draft| FILE_MAPPING + draft.path.len() as u64).sum();
        let whole = Whole::of(&self.named());
        let nodes = self.nodes.into_iter().map(Draft::finish).collect();
        Tree { nodes, roots: self.roots, ram, whole, digest: Kept::default() }
    }
}

impl Draft {
    /// A file, or a directory that holds nothing.
    fn is_leaf(&self) -> bool {
        match &self.kind {
            DraftKind::File(_) => true,
            DraftKind::Directory(children) => children.is_empty(),
        }
    }

    fn finish(self) -> Node {
        let kind = match self.kind {
            DraftKind::File(bytes) => Kind::File(bytes),
            DraftKind::Directory(children) => {
                Kind::Directory(children.into_iter().map(|(name, node)| Child { name, node }).collect())
            }
        };
        Node { ino: ino(&self.path), parent: self.parent, kind }
    }
}

fn ino(path: &str) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(path.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(bytes).max(1)
}

/// The name after the slash that `rest` begins with, and where it ends in `path`, of which `rest` is the end.
fn next_name<'a>(path: &'a str, rest: &'a str) -> Option<(&'a str, usize)> {
    let names = rest.strip_prefix('/')?;
    let name = names.split('/').next().unwrap_or(names);
    Some((name, path.len() - names.len() + name.len()))
}

fn check(path: &str) -> Result<(), MapErrorKind> {
    let names = path.strip_prefix('/').ok_or(MapErrorKind::NotAbsolute)?;
    if path.len() > PATH {
        return Err(MapErrorKind::TooLong);
    }
    if path.contains('\0') {
        return Err(MapErrorKind::Nul);
    }
    if names.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err(MapErrorKind::NotCanonical);
    }
    if names.split('/').any(|name| name.len() > COMPONENT) {
        return Err(MapErrorKind::ComponentTooLong);
    }
    if names.split('/').count() > COMPONENTS {
        return Err(MapErrorKind::TooDeep);
    }
    Ok(())
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            MapErrorKind::NotAbsolute => "does not start with /",
            MapErrorKind::NotCanonical => "has a component that is empty, . or .., or ends with /",
            MapErrorKind::Nul => "holds a NUL",
            MapErrorKind::TooLong => "has more than 4096 bytes",
            MapErrorKind::ComponentTooLong => "has a component of more than 255 bytes",
            MapErrorKind::TooDeep => "has more than 64 components",
            MapErrorKind::Directory => "is a directory already",
            MapErrorKind::ThroughFile => "leads through a file",
            MapErrorKind::NoDirectory => "is no directory, and only one can be announced",
            MapErrorKind::Announced => "is announced already",
            MapErrorKind::TooManyRoots => "is announced after 64 others, and there can be no more",
        };
        write!(f, "cannot map it: the path {:?} {what}", self.path)
    }
}

impl core::error::Error for MapError {}
