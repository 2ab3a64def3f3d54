//! Preopened directories: none, unless the personality announces the root.

use crate::costs::calls::copying;
use crate::fd::{Fd, Object};
use crate::wasi::call::Cx;
use crate::wasi::mem::{self, Place};
use crate::wasi::{Done, Errno};

/// The name of the one directory that can be announced.
const NAME: &[u8] = b"/";

/// With announced root, for descriptor 3 while it is the initial one, writes to `prestat`, 8 bytes aligned to 4, the tag `dir` and the
/// length of its name:
///
/// ```text
/// 00 00 00 00  01 00 00 00
/// ```
///
/// # Errors
/// `Badf` where it is not open. Else `Notsup`; with announced root `Badf` for any other.
#[inline]
pub(in crate::wasi) fn fd_prestat_get(cx: &mut Cx<'_>, fd: u32, prestat: u32) -> Done {
    announced(cx, fd).inspect_err(|errno| cx.wasi.prestat_refused |= *errno == Errno::Notsup)?;
    Place::<8>::check(cx.mem, prestat, 4)?.put(cx.mem, [0, 0, 0, 0, NAME.len() as u8, 0, 0, 0]);
    Ok(())
}

/// With announced root, for descriptor 3 while it is the initial one, writes its name to `path`.
///
/// # Errors
/// As [`fd_prestat_get`]; `Nametoolong` where `path_len` is too short for the name.
///
/// # Cost
/// The bytes of the buffer.
pub(in crate::wasi) fn fd_prestat_dir_name(cx: &mut Cx<'_>, fd: u32, path: u32, path_len: u32) -> Done {
    announced(cx, fd)?;
    cx.charge(copying(u64::from(path_len)))?;
    let range = mem::range(cx.mem, path, path_len)?;
    let into = mem::bytes_mut(cx.mem, range).get_mut(..NAME.len()).ok_or(Errno::Nametoolong)?;
    into.copy_from_slice(NAME);
    Ok(())
}

#[inline]
fn announced(cx: &Cx<'_>, fd: u32) -> Result<(), Errno> {
    let descriptor = cx.wasi.descriptor(fd)?;
    let initial_root = Fd(fd) == Fd::ROOT && matches!(descriptor.object, Object::Directory { initial: true, .. });
    match (cx.wasi.rules.announces_root, initial_root) {
        (true, true) => Ok(()),
        (true, false) => Err(Errno::Badf),
        (false, _) => Err(Errno::Notsup),
    }
}
