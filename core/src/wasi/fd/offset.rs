//! Where a descriptor reads next.

use crate::fd::{Descriptor, Fd, File, Object, Rights};
use crate::wasi::call::Cx;
use crate::wasi::flags::Whence;
use crate::wasi::mem::Place;
use crate::wasi::personality::Seek;
use crate::wasi::{Done, Errno};

/// The largest offset: what a signed 64-bit integer holds, so that a libc can tell it from an error.
const LARGEST: u64 = i64::MAX as u64;

/// Moves the offset, beyond the end too unless the personality keeps it within, and writes it to `newoffset`, an aligned u64.
///
/// # Errors
/// `Inval` where there is no such whence, `Badf` where it is not open, `Spipe` for a stream, `Notcapable` for a directory or without the right
/// (to tell is enough where nothing moves), `Inval` where the result is negative or above 2^63 - 1.
#[inline(always)] // docs/RATIONALE.md#what-a-host-call-is-made-of
pub(in crate::wasi) fn fd_seek(cx: &mut Cx<'_>, fd: u32, offset: u64, whence: u32, newoffset: u32) -> Done {
    let whence = Whence::parse(whence)?;
    let (seek, refused) = (cx.wasi.rules.seek, cx.wasi.rules.directory_seek);
    let stays = whence == Whence::Cur && offset == 0;
    let right = if stays { Rights::FD_TELL.union(Rights::FD_SEEK) } else { Rights::FD_SEEK };
    if whence == Whence::End || seek == Seek::Within {
        // What is not there yet is waited for after all checks, and the descriptor is another then.
        positioned(cx.wasi.descriptor(fd)?, right, refused)?;
        Place::u64(cx.mem, newoffset)?;
        if seek == Seek::Within && whence == Whence::End {
            return Err(Errno::Notsup.into());
        }
        super::await_content(cx, fd)?;
    }
    let descriptor = cx.wasi.fds.get_mut(Fd(fd)).ok_or(Errno::Badf)?;
    positioned(descriptor, right, refused)?;
    let Object::File(file) = &mut descriptor.object else { return Err(Errno::Spipe.into()) };
    let place = Place::u64(cx.mem, newoffset)?;
    let from = match whence {
        Whence::Set => 0,
        Whence::Cur => file.offset,
        Whence::End => file.source.bytes(&cx.wasi.config.files).len() as u64,
    };
    let to = match seek {
        Seek::Anywhere => {
            from.checked_add_signed(offset.cast_signed()).filter(|to| *to <= LARGEST).ok_or(Errno::Inval)?
        }
        Seek::Within => {
            let size = file.source.bytes(&cx.wasi.config.files).len() as u64;
            from.saturating_add_signed(offset.cast_signed()).min(size)
        }
    };
    file.offset = to;
    place.put(cx.mem, file.offset.to_le_bytes());
    Ok(())
}

/// Writes the offset to `offset`, an aligned u64.
///
/// # Errors
/// `Badf` where it is not open, `Spipe` for a stream, `Notcapable` for a directory or without the right to tell or to seek.
#[inline]
pub(in crate::wasi) fn fd_tell(cx: &mut Cx<'_>, fd: u32, offset: u32) -> Done {
    let refused = cx.wasi.rules.directory_seek;
    let file = positioned(cx.wasi.descriptor(fd)?, Rights::FD_TELL.union(Rights::FD_SEEK), refused)?;
    Place::u64(cx.mem, offset)?.put(cx.mem, file.offset.to_le_bytes());
    Ok(())
}

/// The file behind a descriptor that has any of these rights; a directory is `refused`, and so is what lacks them.
#[inline]
fn positioned(descriptor: &Descriptor, any: Rights, refused: Errno) -> Result<&File, Errno> {
    match &descriptor.object {
        Object::Stream(_) => Err(Errno::Spipe),
        Object::File(file) if descriptor.allowed.intersects(any) => Ok(file),
        _ => Err(refused),
    }
}
