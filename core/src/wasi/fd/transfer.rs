//! Moving bytes between memory and what a descriptor refers to.

use core::ops::Range;

use crate::costs::IOVECS;
use crate::costs::calls::Price;
use crate::fd::{Descriptor, Fd, Object, Rights};
use crate::host::Stream;
use crate::outcome::Trap;
use crate::wasi::call::{Cx, Stop};
use crate::wasi::mem::{self, Place};
use crate::wasi::personality::Rules;
use crate::wasi::{Done, Errno, State};

/// Reads at the descriptor's offset into the iovecs, in order, moves the offset by what was read, and writes that to `nread`, an aligned u32.
///
/// # Errors
/// `Inval` above 1024 iovecs, `Badf` where it is not open, is a stream, or may not be read, `Isdir` for a directory, `Inval` where the
/// lengths sum to more than 2^32 - 1.
///
/// # Cost
/// Each iovec, and the bytes asked for.
pub(in crate::wasi) fn fd_read(cx: &mut Cx<'_>, fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> Done {
    check_count(iovs_len)?;
    check_readable(cx.wasi.descriptor(fd)?, cx.wasi.rules)?;
    read(cx, fd, None, iovs, iovs_len, nread)
}

/// Reads at `offset` into the iovecs, in order, and writes how much to `nread`, an aligned u32.
///
/// # Errors
/// As [`fd_read`]; `Notcapable` where it may be read but not sought.
///
/// # Cost
/// Each iovec, and the bytes asked for.
pub(in crate::wasi) fn fd_pread(cx: &mut Cx<'_>, fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) -> Done {
    check_count(iovs_len)?;
    let descriptor = cx.wasi.descriptor(fd)?;
    check_readable(descriptor, cx.wasi.rules)?;
    if !descriptor.allowed.contains(Rights::FD_SEEK) {
        return Err(Errno::Notcapable.into());
    }
    read(cx, fd, Some(offset), iovs, iovs_len, nread)
}

/// Hands the bytes of the iovecs to the host's output, in order, and writes how many there were to `nwritten`, an aligned u32.
///
/// # Errors
/// `Inval` above 1024 iovecs, `Badf` where it is not open or is no stream, `Inval` where the lengths sum to more than 2^32 - 1.
///
/// # Cost
/// Each iovec, and the bytes.
pub(in crate::wasi) fn fd_write(cx: &mut Cx<'_>, fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> Done {
    check_count(iovs_len)?;
    let stream = check_writable(cx.wasi.descriptor(fd)?, cx.wasi.rules)?;
    let iovecs = Iovecs::check(cx, iovs, iovs_len, nwritten)?;
    match iovecs.only.clone() {
        Some(only) if only.is_empty() => {}
        Some(only) => cx.node.host.output(stream, mem::bytes(cx.mem, only)),
        None => {
            for (ptr, len) in iovecs.entries(cx.mem).filter(|(_, len)| *len != 0) {
                cx.node.host.output(stream, mem::bytes(cx.mem, mem::range(cx.mem, ptr, len)?));
            }
        }
    }
    iovecs.result.put(cx.mem, iovecs.bytes.to_le_bytes());
    Ok(())
}

fn check_count(iovs_len: u32) -> Result<(), Errno> {
    if iovs_len > IOVECS { Err(Errno::Inval) } else { Ok(()) }
}

/// Whether `fd_read` may read what this refers to.
pub(in crate::wasi) fn check_readable(descriptor: &Descriptor, rules: &Rules) -> Result<(), Errno> {
    match descriptor.object {
        Object::Stream(_) => Err(rules.stream_read),
        Object::Directory { .. } => Err(Errno::Isdir),
        Object::File(_) if descriptor.allowed.contains(Rights::FD_READ) => Ok(()),
        Object::File(_) => Err(Errno::Badf),
    }
}

/// Whether `fd_write` may write to what this refers to.
pub(in crate::wasi) fn check_writable(descriptor: &Descriptor, rules: &Rules) -> Result<Stream, Errno> {
    match descriptor.object {
        Object::Stream(stream) => Ok(stream),
        _ => Err(rules.file_write),
    }
}

/// The iovecs of a call: charged for, and all of them inside memory.
struct Iovecs {
    list: Range<usize>,
    /// What the only one refers to, where there is one: most calls have no more.
    only: Option<Range<usize>>,
    /// What their lengths sum to.
    bytes: u32,
    /// Where the call's result goes.
    result: Place<4>,
}

impl Iovecs {
    /// Charges for the iovecs and their bytes, and checks all that will be read or written.
    ///
    /// # Errors
    /// `Inval` where the lengths sum to more than 2^32 - 1.
    #[inline(always)] // docs/RATIONALE.md#what-a-host-call-is-made-of
    fn check(cx: &mut Cx<'_>, iovs: u32, iovs_len: u32, result: u32) -> Result<Self, Stop<Errno>> {
        cx.charge_call(Price::Iovec, iovs_len)?;
        // At most 8 KiB.
        let list = mem::aligned(cx.mem, iovs, iovs_len * 8, 4)?;
        if iovs_len == 1 {
            return Self::check_one(cx, list, result);
        }
        // At most 2^10 * 2^32.
        let mut bytes = 0_u64;
        let mut inside = true;
        for (ptr, len) in entries(cx.mem, list.clone()) {
            bytes += u64::from(len);
            inside &= mem::range(cx.mem, ptr, len).is_ok();
        }
        let bytes = u32::try_from(bytes).map_err(|_| Errno::Inval)?;
        cx.charge_copying(bytes.into())?;
        if !inside {
            return Err(Trap::MemoryOutOfBounds.into());
        }
        Ok(Self { list, only: None, bytes, result: Place::u32(cx.mem, result)? })
    }

    /// The same for a list of one, in the same order.
    #[inline(always)]
    fn check_one(cx: &mut Cx<'_>, list: Range<usize>, result: u32) -> Result<Self, Stop<Errno>> {
        let (ptr, bytes) = entries(cx.mem, list.clone()).next().unwrap_or_default();
        cx.charge_copying(bytes.into())?;
        let only = Some(mem::range(cx.mem, ptr, bytes)?);
        Ok(Self { list, only, bytes, result: Place::u32(cx.mem, result)? })
    }

    fn entries<'a>(&self, mem: &'a [u8]) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        entries(mem, self.list.clone())
    }
}

/// A pointer and a length each.
fn entries(mem: &[u8], list: Range<usize>) -> impl Iterator<Item = (u32, u32)> {
    let (entries, _) = mem::bytes(mem, list).as_chunks::<8>();
    entries.iter().map(|&[a, b, c, d, e, f, g, h]| (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])))
}

/// Copies from the file into the iovecs until either is used up, and writes how much: from `at`, or from the file's own offset, which then moves.
fn read(cx: &mut Cx<'_>, fd: u32, at: Option<u64>, iovs: u32, iovs_len: u32, nread: u32) -> Done {
    let checked = Iovecs::check(cx, iovs, iovs_len, nread)?;
    super::await_content(cx, fd)?;
    let State { fds, iovecs, config, .. } = &mut *cx.wasi;
    let Some(Object::File(file)) = fds.get_mut(Fd(fd)).map(|descriptor| &mut descriptor.object) else {
        return Err(Errno::Badf.into());
    };
    let from = at.unwrap_or(file.offset);
    let bytes = file.source.bytes(&config.files);
    let rest = usize::try_from(from).ok().and_then(|from| bytes.get(from..)).unwrap_or_default();
    let read = match checked.only {
        Some(only) => copy(mem::bytes_mut(cx.mem, only), rest),
        None => {
            // A buffer may overlap the list itself.
            iovecs.clear();
            iovecs.extend(checked.entries(cx.mem));
            scatter(cx.mem, rest, iovecs)?
        }
    };
    if at.is_none() {
        // What was read lies below the end of the content.
        file.offset = file.offset.saturating_add(u64::from(read));
    }
    checked.result.put(cx.mem, read.to_le_bytes());
    Ok(())
}

/// Copies as much as there is room for, and tells how much that was.
fn copy(into: &mut [u8], from: &[u8]) -> u32 {
    let bytes = into.len().min(from.len());
    into.split_at_mut(bytes).0.copy_from_slice(from.split_at(bytes).0);
    // No memory has more.
    bytes as u32
}

fn scatter(mem: &mut [u8], mut rest: &[u8], iovecs: &[(u32, u32)]) -> Result<u32, Trap> {
    let all = rest.len();
    for &(ptr, len) in iovecs {
        let range = mem::range(mem, ptr, len)?;
        let copied = copy(mem::bytes_mut(mem, range), rest);
        rest = rest.split_at(copied as usize).1;
        if rest.is_empty() {
            break;
        }
    }
    // At most the sum of the iovecs.
    Ok(u32::try_from(all - rest.len()).unwrap_or(u32::MAX))
}
