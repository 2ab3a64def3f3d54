//! `fd_*`.

mod list;
mod offset;
mod prestat;
pub(super) mod stat;
pub(super) mod transfer;

use alloc::vec::Vec;

pub(super) use list::fd_readdir;
pub(super) use offset::{fd_seek, fd_tell};
pub(super) use prestat::{fd_prestat_dir_name, fd_prestat_get};
pub(super) use stat::{fd_fdstat_get, fd_filestat_get};
pub(super) use transfer::{fd_pread, fd_read, fd_write};

use crate::fd::{Fd, File, Object, Source};
use crate::host::RequestId;
use crate::outcome::End;
use crate::outcome::Resource;
use crate::wasi::call::Cx;
use crate::wasi::{Done, Errno};

/// Frees a descriptor, any of 0 to 3 included: gives back the RAM of its content, and gives up a result that is pending.
///
/// # Errors
/// `Badf` where it is not open.
pub(super) fn fd_close(cx: &mut Cx<'_>, fd: u32) -> Done {
    let descriptor = cx.wasi.fds.remove(Fd(fd)).ok_or(Errno::Badf)?;
    descriptor.give_up(cx.ram, &mut *cx.node.modules);
    Ok(())
}

/// Closes what `to` refers to, lets it refer to what `fd` did, and frees `fd`. Does nothing where they are equal.
///
/// # Errors
/// `Badf` where one of them is not open; of GenVM always `Notsup`.
pub(super) fn fd_renumber(cx: &mut Cx<'_>, fd: u32, to: u32) -> Done {
    if !cx.wasi.rules.renumbers {
        return Err(Errno::Notsup.into());
    }
    cx.wasi.descriptor(fd)?;
    if fd == to {
        return Ok(());
    }
    let closed = cx.wasi.fds.renumber(Fd(fd), Fd(to)).ok_or(Errno::Badf)?;
    closed.give_up(cx.ram, &mut *cx.node.modules);
    Ok(())
}

/// Waits for the bytes of a descriptor where they are pending, and charges them.
///
/// # Errors
/// `out_of memory`, or what waiting ends in.
#[inline]
pub(super) fn await_content(cx: &mut Cx<'_>, fd: u32) -> Result<(), End> {
    match file(cx, fd) {
        Some(&mut File { source: Source::Pending { id, charged }, .. }) => receive(cx.reborrow(), fd, id, charged),
        _ => Ok(()),
    }
}

/// Waits for the bytes of a request that holds `held` bytes of RAM.
#[cold]
fn receive(mut cx: Cx<'_>, fd: u32, id: RequestId, held: u64) -> Result<(), End> {
    let bytes = cx.module_result(id)?;
    let length = bytes.len() as u64;
    // The request is spent: whatever comes now must not cancel it.
    hold(&mut cx, fd, bytes, held);
    cx.ram.charge(length.saturating_sub(held)).map_err(|_| Resource::Memory)?;
    cx.ram.release(held.saturating_sub(length));
    if let Some(File { source: Source::Held { charged, .. }, .. }) = file(&mut cx, fd) {
        *charged = length;
    }
    Ok(())
}

fn hold(cx: &mut Cx<'_>, fd: u32, bytes: Vec<u8>, charged: u64) {
    if let Some(file) = file(cx, fd) {
        file.source = Source::Held { bytes, charged };
    }
}

#[inline]
fn file<'a>(cx: &'a mut Cx<'_>, fd: u32) -> Option<&'a mut File> {
    match &mut cx.wasi.fds.get_mut(Fd(fd))?.object {
        Object::File(file) => Some(file),
        _ => None,
    }
}
