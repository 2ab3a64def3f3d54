//! Paths that a guest gives: checking their form, and walking them.

use alloc::vec::Vec;
use core::iter;

use crate::costs::{COMPONENT, PATH};
use crate::errno::Errno;
use crate::vfs::tree::Child;
use crate::vfs::{NodeId, Tree};

/// Why a walk finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The last component alone is missing: a file could be made there.
    Last,
    /// Anything else.
    Errno(Errno),
}

impl From<Missing> for Errno {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Last => Self::Noent,
            Missing::Errno(errno) => errno,
        }
    }
}

/// Checks a path's form, in the order of the specification.
///
/// # Errors
/// `Nametoolong` above 4096 bytes, `Ilseq` where it is not UTF-8, `Inval` with a NUL, `Nametoolong` with a component above 255 bytes,
/// `Notcapable` where it is absolute.
#[inline(never)]
pub(crate) fn check_path(path: &[u8]) -> Result<(), Errno> {
    check_form(path)?;
    if path.starts_with(b"/") {
        return Err(Errno::Notcapable);
    }
    Ok(())
}

/// Checks the form of a path that may be absolute: as [`check_path`], without the last of its rules.
pub(crate) fn check_form(path: &[u8]) -> Result<(), Errno> {
    if path.len() > PATH {
        return Err(Errno::Nametoolong);
    }
    // Most paths are plain ASCII, which one look tells.
    if !path.iter().all(|byte| (1..0x80).contains(byte)) {
        core::str::from_utf8(path).map_err(|_| Errno::Ilseq)?;
        if path.contains(&0) {
            return Err(Errno::Inval);
        }
    }
    // Most paths are shorter than any component may be.
    if path.len() > COMPONENT && path.split(|&byte| byte == b'/').any(|component| component.len() > COMPONENT) {
        return Err(Errno::Nametoolong);
    }
    Ok(())
}

/// A step of a path that is text.
enum Step<'a> {
    /// To where the directory itself lies.
    Known(NodeId),
    /// To an entry.
    Named(&'a [u8]),
}

/// The entry of this name.
fn child(children: &[Child], name: &[u8]) -> Option<NodeId> {
    let at = children.binary_search_by(|child| child.name.as_bytes().cmp(name)).ok()?;
    children.get(at).map(|child| child.node)
}

impl Tree {
    /// What a plain path leads to from `start`, whose form need not be checked. Nothing where the root is not the start, where the path is not
    /// plain, or where nothing is there: a [`walk`](Self::walk) tells which.
    #[inline]
    pub(crate) fn find(&self, start: NodeId, path: &[u8]) -> Option<NodeId> {
        if start == NodeId::ROOT { self.whole.find(path) } else { None }
    }

    /// Walks `path`, whose form was checked, from the directory `start`, above which it must not climb.
    ///
    /// # Errors
    /// `Notcapable` where it would climb, `Noent` where a component is missing or the path is empty, `Notdir` where anything follows a file,
    /// be it only a slash.
    #[inline(never)]
    pub(crate) fn walk(&self, start: NodeId, path: &[u8]) -> Result<NodeId, Missing> {
        if path.is_empty() {
            return Err(Missing::Errno(Errno::Noent));
        }
        let mut at = start;
        let mut depth = 0_usize;
        let mut components = path.split(|&byte| byte == b'/');
        while let Some(component) = components.next() {
            let children = self.children(at).ok_or(Missing::Errno(Errno::Notdir))?;
            match component {
                b"" | b"." => {}
                b".." => {
                    depth = depth.checked_sub(1).ok_or(Missing::Errno(Errno::Notcapable))?;
                    at = self.node(at).parent;
                }
                name => {
                    at = match child(children, name) {
                        Some(child) => child,
                        None if components.next().is_none() => return Err(Missing::Last),
                        None => return Err(Missing::Errno(Errno::Noent)),
                    };
                    depth += 1;
                }
            }
        }
        Ok(at)
    }

    /// What `path`, whose form was checked, leads to as text: joined to the path of `start` unless it is absolute, each `..` taken away with the
    /// name before it, and dropped where there is none.
    ///
    /// # Errors
    /// `Notcapable` where that lies outside of `start`, `Noent` where a name is missing, `Badf` where one follows a file.
    pub(crate) fn resolve(&self, start: NodeId, path: &[u8]) -> Result<NodeId, Errno> {
        let mut base: Vec<NodeId> = iter::successors(Some(start), |at| Some(self.node(*at).parent))
            .take_while(|at| *at != NodeId::ROOT)
            .collect();
        base.reverse();
        let mut steps: Vec<Step<'_>> = Vec::new();
        if !path.starts_with(b"/") {
            steps.extend(base.iter().copied().map(Step::Known));
        }
        for name in path.split(|&byte| byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => drop(steps.pop()),
                name => steps.push(Step::Named(name)),
            }
        }
        if steps.len() < base.len() {
            return Err(Errno::Notcapable);
        }
        let mut at = NodeId::ROOT;
        for (number, step) in steps.into_iter().enumerate() {
            let next = match step {
                Step::Known(node) => Ok(node),
                Step::Named(name) => {
                    self.children(at).ok_or(Errno::Badf).and_then(|children| child(children, name).ok_or(Errno::Noent))
                }
            };
            at = match base.get(number) {
                Some(known) if next != Ok(*known) => return Err(Errno::Notcapable),
                _ => next?,
            };
        }
        Ok(at)
    }
}
