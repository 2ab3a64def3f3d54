//! Preopened directories: none, unless the personality announces the roots.

use crate::fd::{Fd, Object};
use crate::wasi::call::Cx;
use crate::wasi::mem::{self, Place};
use crate::wasi::state::State;
use crate::wasi::{Done, Errno};

/// With announced roots, for descriptor 3 and those of further roots, each while it is the initial one, writes to `prestat`, 8 bytes aligned to
/// 4, the tag `dir` and the length of its name:
///
/// ```text
/// 00 00 00 00  01 00 00 00
/// ```
///
/// # Errors
/// `Badf` where it is not open. Else `Notsup`; with announced roots `Badf` for any other.
#[inline]
pub(in crate::wasi) fn fd_prestat_get(cx: &mut Cx<'_>, fd: u32, prestat: u32) -> Done {
    let len = match announced(cx.wasi, fd) {
        Ok(name) => name.len(),
        Err(errno) => {
            cx.wasi.prestat_refused |= errno == Errno::Notsup;
            return Err(errno.into());
        }
    };
    // A name is no longer than a path can be: two bytes.
    let [low, high, ..] = len.to_le_bytes();
    Place::<8>::check(cx.mem, prestat, 4)?.put(cx.mem, [0, 0, 0, 0, low, high, 0, 0]);
    Ok(())
}

/// With announced roots, for descriptor 3 and those of further roots, each while it is the initial one, writes its name to `path`.
///
/// # Errors
/// As [`fd_prestat_get`]; `Nametoolong` (of GenVM `Overflow`) where `path_len` is too short for the name.
///
/// # Cost
/// The bytes of the buffer.
pub(in crate::wasi) fn fd_prestat_dir_name(cx: &mut Cx<'_>, fd: u32, path: u32, path_len: u32) -> Done {
    announced(cx.wasi, fd)?;
    cx.charge_copying(path_len.into())?;
    let range = mem::range(cx.mem, path, path_len)?;
    let name = announced(cx.wasi, fd)?.as_bytes();
    let into = mem::bytes_mut(cx.mem, range).get_mut(..name.len()).ok_or(cx.wasi.rules.short_name)?;
    into.copy_from_slice(name);
    Ok(())
}

/// The name under which a descriptor is announced.
#[inline]
fn announced(wasi: &State, fd: u32) -> Result<&str, Errno> {
    let descriptor = wasi.descriptor(fd)?;
    if !wasi.rules.announces_roots {
        return Err(Errno::Notsup);
    }
    match descriptor.object {
        Object::Directory { initial: Some(first), .. } if first == Fd(fd) => match fd.checked_sub(Fd::ROOT.0 + 1) {
            None => Ok("/"),
            Some(number) => {
                let root = usize::try_from(number).ok().and_then(|number| wasi.config.files.announced().get(number));
                root.map(|root| &*root.name).ok_or(Errno::Badf)
            }
        },
        _ => Err(Errno::Badf),
    }
}
