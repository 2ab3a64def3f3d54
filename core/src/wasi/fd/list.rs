//! Listing directories.

use crate::costs::calls::Price;
use crate::fd::{Descriptor, Object, Rights};
use crate::vfs::{NodeId, Tree};
use crate::wasi::call::Cx;
use crate::wasi::fd::stat::filetype;
use crate::wasi::mem::{self, Place};
use crate::wasi::personality::Attributes;
use crate::wasi::{Done, Errno};

/// Bytes before an entry's name.
const HEADER: usize = 24;

/// Writes entries to `buf`, from the `cookie`-th on, counting from 0: `.`, `..`, then the children by name as bytes ascending. Each is
///
/// ```text
/// 0 next cookie   8 ino   16 length of the name   20 filetype   24 name
/// ```
///
/// little-endian. The last is cut short where the buffer ends. Writes the bytes used to `bufused`, an aligned u32: less than `buf_len` at
/// the end of the directory.
///
/// # Errors
/// `Badf` where it is not open, `Notdir` (of GenVM `Badf`) where it is no directory, `Notcapable` without the right.
///
/// # Cost
/// The bytes of the buffer. A page takes time in proportion to itself, wherever in the directory it is.
pub(in crate::wasi) fn fd_readdir(cx: &mut Cx<'_>, fd: u32, buf: u32, buf_len: u32, cookie: u64, bufused: u32) -> Done {
    let rules = cx.wasi.rules;
    let directory = readable(cx.wasi.descriptor(fd)?, rules.not_directory)?;
    cx.charge_call(Price::ListingByte, buf_len)?;
    let range = mem::range(cx.mem, buf, buf_len)?;
    let place = Place::u32(cx.mem, bufused)?;
    let left = list(&cx.wasi.config.files, directory, cookie, mem::bytes_mut(cx.mem, range), rules.attributes);
    let used = buf_len.saturating_sub(u32::try_from(left).unwrap_or(u32::MAX));
    place.put(cx.mem, used.to_le_bytes());
    Ok(())
}

fn readable(descriptor: &Descriptor, not_directory: Errno) -> Result<NodeId, Errno> {
    match descriptor.object {
        Object::Directory { node, .. } if descriptor.allowed.contains(Rights::FD_READDIR) => Ok(node),
        Object::Directory { .. } => Err(Errno::Notcapable),
        _ => Err(not_directory),
    }
}

/// Writes entries until `into` or the directory ends, and tells how much of `into` is left.
fn list(tree: &Tree, directory: NodeId, mut cookie: u64, mut into: &mut [u8], attributes: Attributes) -> usize {
    // Decided once for all entries.
    let numbers = if attributes == Attributes::Numbered { u64::MAX } else { 0 };
    while !into.is_empty()
        && let Some((name, node)) = entry(tree, directory, cookie)
    {
        // The cookie of an entry is far below the largest.
        cookie += 1;
        let header = header(tree, cookie, name, node, numbers);
        into = put(put(into, &header), name.as_bytes());
    }
    into.len()
}

/// The `cookie`-th entry, counting from 0.
fn entry(tree: &Tree, directory: NodeId, cookie: u64) -> Option<(&str, NodeId)> {
    match cookie {
        0 => Some((".", directory)),
        1 => Some(("..", tree.node(directory).parent)),
        _ => tree.nth(directory, usize::try_from(cookie - 2).ok()?),
    }
}

fn header(tree: &Tree, next: u64, name: &str, node: NodeId, numbers: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&next.to_le_bytes());
    header[8..16].copy_from_slice(&(tree.node(node).ino & numbers).to_le_bytes());
    // At most 255 bytes.
    header[16] = name.len() as u8;
    header[20] = filetype(tree, node) as u8;
    header
}

/// Writes as many bytes as there is place for, and returns the place behind them.
fn put<'a>(into: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    let (place, rest) = into.split_at_mut(bytes.len().min(into.len()));
    place.copy_from_slice(&bytes[..place.len()]);
    rest
}
