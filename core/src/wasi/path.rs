//! `path_*`.

use core::ops::Range;

use crate::costs::calls::Price;
use crate::fd::{Descriptor, File, Object, Rights, Source};
use crate::vfs::{Missing, NodeId, Tree, check_form, check_path};
use crate::wasi::call::{Cx, Stop};
use crate::wasi::fd::stat::Filestat;
use crate::wasi::flags::{Fdflags, Lookupflags, Oflags};
use crate::wasi::mem::{self, Place};
use crate::wasi::personality::Paths;
use crate::wasi::state::State;
use crate::wasi::{Done, Errno};

/// Writes the attributes of what a path leads to, to `stat`, 64 bytes aligned to 8: see [`Filestat::record`].
///
/// # Errors
/// `Inval` for an unknown flag, `Badf` where `fd` is not open, `Notdir` where it is no directory, `Notcapable` without the right, then those of
/// [`check_path`] and of [`Tree::walk`].
///
/// # Cost
/// The bytes of the path.
pub(super) fn path_filestat_get(cx: &mut Cx<'_>, fd: u32, flags: u32, path: u32, path_len: u32, stat: u32) -> Done {
    Lookupflags::parse(flags)?;
    let directory = directory(cx.wasi, fd, Rights::PATH_FILESTAT_GET)?;
    let path = Sought::check(cx, directory, path, path_len)?;
    let place = Place::<64>::check(cx.mem, stat, 8)?;
    let tree = &*cx.wasi.config.files;
    let node = path.node(cx).map_err(Errno::from)?;
    place.put(cx.mem, Filestat::of(tree, node).record(cx.wasi.rules, 0));
    Ok(())
}

/// Opens what a path leads to, and writes the new descriptor to `fd`, an aligned u32.
///
/// # Errors
/// `Inval` for an unknown flag or right, then as [`path_filestat_get`], and then:
/// with `creat`, `Rofs` where the last component alone is missing, with `excl` too `Exist` where it is not; with `directory`, `Notdir` for
/// a file; with
/// `trunc` or the right to write, `Rofs` for a file, `Isdir` for a directory. Ends the sub-VM with `out_of fds` or `out_of memory`.
///
/// # Cost
/// The bytes of the path; RAM for a number never used before.
#[expect(clippy::too_many_arguments, reason = "the signature is the specification's")]
pub(super) fn path_open(
    cx: &mut Cx<'_>,
    dirfd: u32,
    dirflags: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    fs_rights_base: u64,
    fs_rights_inheriting: u64,
    fdflags: u32,
    fd: u32,
) -> Done {
    let asked = if cx.wasi.rules.open_as_asked {
        Lookupflags::parse(dirflags)?;
        let oflags = Oflags::parse(oflags)?;
        let base = Rights::parse(fs_rights_base)?;
        let inheriting = Rights::parse(fs_rights_inheriting)?;
        Fdflags::parse(fdflags)?;
        let granted = cx.wasi.descriptor(dirfd)?.inheriting;
        Asked {
            oflags,
            writes: base.contains(Rights::FD_WRITE),
            base: base & granted,
            inheriting: inheriting & granted,
        }
    } else {
        Asked { oflags: Oflags::empty(), writes: false, base: Rights::all(), inheriting: Rights::all() }
    };
    let directory = directory(cx.wasi, dirfd, Rights::PATH_OPEN)?;
    let path = Sought::check(cx, directory, path, path_len)?;
    let place = Place::u32(cx.mem, fd)?;
    let found = path.node(cx);
    let node = wanted(&cx.wasi.config.files, found, &asked)?;
    let opened = open(&cx.wasi.config.files, node, asked.base, asked.inheriting, cx.wasi.rules.beside);
    cx.wasi.fds.make_room()?;
    let fd = cx.wasi.fds.allocate(opened, 0, cx.ram, cx.limits.open_fds)?;
    place.put(cx.mem, fd.0.to_le_bytes());
    Ok(())
}

/// What `path_open` is asked for.
struct Asked {
    oflags: Oflags,
    /// Whether to write.
    writes: bool,
    base: Rights,
    inheriting: Rights,
}

/// The directory behind a descriptor that has this right, or needs none.
pub(super) fn directory(wasi: &State, fd: u32, right: Rights) -> Result<NodeId, Errno> {
    let descriptor = wasi.descriptor(fd)?;
    match descriptor.object {
        Object::Directory { node, .. } if descriptor.allowed.contains(right) => Ok(node),
        Object::Directory { .. } => Err(Errno::Notcapable),
        _ => Err(wasi.rules.not_directory),
    }
}

/// A path whose range and form were checked.
pub(super) enum Sought {
    /// A plain one, and what it leads to: the table of whole paths holds none whose form is wrong.
    Found(NodeId),
    /// One that is to be walked, from a directory.
    Walked(NodeId, Range<usize>),
}

impl Sought {
    /// Charges a path, and checks its range and its form.
    #[inline(always)] // docs/RATIONALE.md#what-a-host-call-is-made-of
    pub(super) fn check(cx: &mut Cx<'_>, directory: NodeId, path: u32, path_len: u32) -> Result<Self, Stop<Errno>> {
        cx.charge_call(Price::PathByte, path_len)?;
        let range = mem::range(cx.mem, path, path_len)?;
        let bytes = mem::bytes(cx.mem, range.clone());
        if let Some(node) = cx.wasi.config.files.find(directory, bytes) {
            return Ok(Self::Found(node));
        }
        match cx.wasi.rules.paths {
            Paths::Walked => check_path(bytes)?,
            // It may be absolute.
            Paths::Lexical => check_form(bytes)?,
        }
        Ok(Self::Walked(directory, range))
    }

    /// What it leads to.
    #[inline]
    pub(super) fn node(self, cx: &Cx<'_>) -> Result<NodeId, Missing> {
        match self {
            Self::Found(node) => Ok(node),
            Self::Walked(directory, path) => {
                let (tree, path) = (&cx.wasi.config.files, mem::bytes(cx.mem, path));
                match cx.wasi.rules.paths {
                    Paths::Walked => tree.walk(directory, path),
                    Paths::Lexical => tree.resolve(directory, path).map_err(Missing::Errno),
                }
            }
        }
    }
}

/// What a walk found, if it may be opened as is asked.
fn wanted(tree: &Tree, found: Result<NodeId, Missing>, asked: &Asked) -> Result<NodeId, Errno> {
    let oflags = asked.oflags;
    let node = match found {
        Err(Missing::Last) if oflags.contains(Oflags::CREAT) => return Err(Errno::Rofs),
        found => found?,
    };
    if oflags.contains(Oflags::CREAT.union(Oflags::EXCL)) {
        return Err(Errno::Exist);
    }
    let is_directory = tree.node(node).is_directory();
    if oflags.contains(Oflags::DIRECTORY) && !is_directory {
        return Err(Errno::Notdir);
    }
    if oflags.contains(Oflags::TRUNC) || asked.writes {
        return Err(if is_directory { Errno::Isdir } else { Errno::Rofs });
    }
    Ok(node)
}

/// A descriptor with those of the rights that its kind supports, which may also be used for what is `beside`.
fn open(tree: &Tree, node: NodeId, base: Rights, inheriting: Rights, beside: Rights) -> Descriptor {
    let (supported, below, object) = if tree.node(node).is_directory() {
        (Rights::DIRECTORY, Rights::BELOW, Object::Directory { node, initial: None })
    } else {
        (Rights::FILE, Rights::FILE, Object::File(File { source: Source::Tree(node), offset: 0 }))
    };
    let base = base & supported;
    Descriptor { base, inheriting: inheriting & below, allowed: base | beside, object }
}
