//! Where a descriptor reads next.

use crate::fd::{Descriptor, Fd, File, Object, Rights};
use crate::wasi::call::Cx;
use crate::wasi::flags::Whence;
use crate::wasi::mem::Place;
use crate::wasi::personality::{Rules, Seek};
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
    let rules = cx.wasi.rules;
    if whence == Whence::End || rules.seek == Seek::Within {
        return seek_by_size(cx.reborrow(), fd, offset, whence, newoffset);
    }
    let descriptor = cx.wasi.fds.get_mut(Fd(fd)).ok_or(Errno::Badf)?;
    let file = positioned_mut(descriptor, right(whence, offset), rules)?;
    let place = Place::u64(cx.mem, newoffset)?;
    let from = if whence == Whence::Set { 0 } else { file.offset };
    let to = moved(from, offset)?;
    file.offset = to;
    place.put(cx.mem, to.to_le_bytes());
    Ok(())
}

/// The same where the file's size matters.
#[inline(never)]
fn seek_by_size(mut cx: Cx<'_>, fd: u32, offset: u64, whence: Whence, newoffset: u32) -> Done {
    let rules = cx.wasi.rules;
    let right = right(whence, offset);
    positioned(cx.wasi.descriptor(fd)?, right, rules)?;
    let place = Place::u64(cx.mem, newoffset)?;
    let within = rules.seek == Seek::Within;
    if within && whence == Whence::End {
        return Err(Errno::Notsup.into());
    }
    // What is not there yet is waited for after all checks, and the descriptor is another then.
    super::await_content(&mut cx, fd)?;
    let descriptor = cx.wasi.fds.get_mut(Fd(fd)).ok_or(Errno::Badf)?;
    let file = positioned_mut(descriptor, right, rules)?;
    let size = file.source.bytes(&cx.wasi.config.files).len() as u64;
    let from = match whence {
        Whence::Set => 0,
        Whence::Cur => file.offset,
        Whence::End => size,
    };
    let to = if within { from.saturating_add_signed(offset.cast_signed()).min(size) } else { moved(from, offset)? };
    file.offset = to;
    place.put(cx.mem, to.to_le_bytes());
    Ok(())
}

/// The rights of which one is needed.
#[inline]
fn right(whence: Whence, offset: u64) -> Rights {
    let stays = whence == Whence::Cur && offset == 0;
    if stays { Rights::FD_TELL.union(Rights::FD_SEEK) } else { Rights::FD_SEEK }
}

/// So far from an offset, which is no larger than the largest.
#[inline]
fn moved(from: u64, by: u64) -> Result<u64, Errno> {
    // `by` is signed: the sum lies between -2^63 and 2^64 - 2, and wraps to one above the largest where it is negative.
    let to = from.wrapping_add(by);
    if to > LARGEST { Err(Errno::Inval) } else { Ok(to) }
}

/// Writes the offset to `offset`, an aligned u64.
///
/// # Errors
/// `Badf` where it is not open, `Spipe` for a stream, `Notcapable` for a directory or without the right to tell or to seek.
#[inline]
pub(in crate::wasi) fn fd_tell(cx: &mut Cx<'_>, fd: u32, offset: u32) -> Done {
    let file = positioned(cx.wasi.descriptor(fd)?, Rights::FD_TELL.union(Rights::FD_SEEK), cx.wasi.rules)?;
    Place::u64(cx.mem, offset)?.put(cx.mem, file.offset.to_le_bytes());
    Ok(())
}

/// The file behind a descriptor that has any of these rights; a directory is refused as the personality says, and so is what lacks them.
#[inline]
fn positioned<'a>(descriptor: &'a Descriptor, any: Rights, rules: &Rules) -> Result<&'a File, Errno> {
    match &descriptor.object {
        Object::Stream(_) => Err(Errno::Spipe),
        Object::File(file) if descriptor.allowed.intersects(any) => Ok(file),
        _ => Err(rules.directory_seek),
    }
}

/// The same, to move in it.
#[inline]
fn positioned_mut<'a>(descriptor: &'a mut Descriptor, any: Rights, rules: &Rules) -> Result<&'a mut File, Errno> {
    match &mut descriptor.object {
        Object::Stream(_) => Err(Errno::Spipe),
        Object::File(file) if descriptor.allowed.intersects(any) => Ok(file),
        _ => Err(rules.directory_seek),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_stays_between_zero_and_the_largest() {
        let edges = [0, 1, 7, LARGEST / 2, LARGEST - 1, LARGEST];
        for from in edges {
            for by in edges.into_iter().chain([LARGEST + 1, LARGEST + 2, u64::MAX - 7, u64::MAX]) {
                let plain = i128::from(from) + i128::from(by.cast_signed());
                let plain = u64::try_from(plain).ok().filter(|to| *to <= LARGEST).ok_or(Errno::Inval);
                assert_eq!(moved(from, by), plain, "{from} and {by}");
            }
        }
    }
}
