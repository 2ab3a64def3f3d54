//! What cannot be done in a tree that is read-only and has no symbolic links, for personalities that judge the arguments of such calls: a
//! program learns what is wrong with them before it learns that nothing could have come of it.

use crate::costs::calls::Price;
use crate::fd::Rights;
use crate::wasi::call::Cx;
use crate::wasi::flags::Fdflags;
use crate::wasi::mem::{self, Place};
use crate::wasi::path::{Sought, directory};
use crate::wasi::{Done, Errno};

/// Accepts flags, none of which changes anything, as `path_open` does: nothing waits, and nothing is written.
///
/// # Errors
/// `Inval` for an unknown flag, `Badf` where it is not open.
///
/// # Cost
/// The base of a call that looks at a descriptor, in all.
pub(super) fn fd_fdstat_set_flags(cx: &mut Cx<'_>, fd: u32, flags: u32) -> Done {
    cx.charge_beyond_answer(Price::Descriptor)?;
    Fdflags::parse(flags)?;
    cx.wasi.descriptor(fd)?;
    Ok(())
}

/// Says of what exists that it is no symbolic link.
///
/// # Errors
/// `Badf` where `fd` is not open, `Notdir` where it is no directory, `Notcapable` without the right, then those of
/// [`check_path`](crate::vfs::check_path) and of [`Tree::walk`](crate::vfs::Tree::walk); else `Inval`.
///
/// # Cost
/// The base of a call that walks a path, in all, and the bytes of the path.
pub(super) fn path_readlink(
    cx: &mut Cx<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    buf_len: u32,
    bufused: u32,
) -> Done {
    cx.charge_beyond_answer(Price::Walk)?;
    let from = directory(cx.wasi, fd, Rights::PATH_READLINK)?;
    let path = Sought::check(cx, from, path, path_len)?;
    mem::range(cx.mem, buf, buf_len)?;
    Place::u32(cx.mem, bufused)?;
    path.node(cx).map_err(Errno::from)?;
    Err(Errno::Inval.into())
}

/// Refuses to remove what exists.
///
/// # Errors
/// As [`path_readlink`]; else `Rofs`.
///
/// # Cost
/// As [`path_readlink`].
pub(super) fn path_remove_directory(cx: &mut Cx<'_>, fd: u32, path: u32, path_len: u32) -> Done {
    remove(cx, fd, Rights::PATH_REMOVE_DIRECTORY, path, path_len)
}

/// Refuses to remove what exists: as [`path_remove_directory`].
pub(super) fn path_unlink_file(cx: &mut Cx<'_>, fd: u32, path: u32, path_len: u32) -> Done {
    remove(cx, fd, Rights::PATH_UNLINK_FILE, path, path_len)
}

/// Refuses to rename what exists. Of the new path the form counts alone.
///
/// # Errors
/// As [`path_readlink`] of the old path, both descriptors and both forms before the walk; else `Rofs`.
///
/// # Cost
/// The base of a call that walks a path, in all, and the bytes of both paths.
pub(super) fn path_rename(
    cx: &mut Cx<'_>,
    fd: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Done {
    cx.charge_beyond_answer(Price::Walk)?;
    let from = directory(cx.wasi, fd, Rights::PATH_RENAME_SOURCE)?;
    let to = directory(cx.wasi, new_fd, Rights::PATH_RENAME_TARGET)?;
    let path = Sought::check(cx, from, old_path, old_path_len)?;
    Sought::check(cx, to, new_path, new_path_len)?;
    path.node(cx).map_err(Errno::from)?;
    Err(Errno::Rofs.into())
}

fn remove(cx: &mut Cx<'_>, fd: u32, right: Rights, path: u32, path_len: u32) -> Done {
    cx.charge_beyond_answer(Price::Walk)?;
    let from = directory(cx.wasi, fd, right)?;
    let path = Sought::check(cx, from, path, path_len)?;
    path.node(cx).map_err(Errno::from)?;
    Err(Errno::Rofs.into())
}
