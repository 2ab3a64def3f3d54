//! Attributes of descriptors and files.

use crate::fd::{Object, Rights, Source};
use crate::vfs::{NodeId, Tree};
use crate::wasi::call::Cx;
use crate::wasi::flags::Filetype;
use crate::wasi::mem::Place;
use crate::wasi::personality::{Attributes, Rules};
use crate::wasi::{Done, Errno};

/// Writes a descriptor's attributes to `stat`, 24 bytes aligned to 8:
///
/// ```text
/// 0 filetype   2 flags, 0   8 rights   16 inheriting rights
/// ```
///
/// # Errors
/// `Badf` where it is not open.
#[inline]
pub(in crate::wasi) fn fd_fdstat_get(cx: &mut Cx<'_>, fd: u32, stat: u32) -> Done {
    let descriptor = cx.wasi.descriptor(fd)?;
    let filetype = match descriptor.object {
        Object::Stream(_) => Filetype::Unknown,
        Object::File(_) => Filetype::RegularFile,
        Object::Directory { .. } => Filetype::Directory,
    };
    let inheriting = if cx.wasi.rules.open_as_asked { descriptor.inheriting } else { descriptor.base };
    let words = [filetype as u64, descriptor.base.bits(), inheriting.bits()];
    Place::<24>::check(cx.mem, stat, 8)?.put(cx.mem, record(words));
    Ok(())
}

/// Writes the attributes of what a descriptor refers to: see [`Filestat::record`].
///
/// # Errors
/// `Badf` where it is not open, `Notcapable` without the right.
#[inline(always)] // docs/RATIONALE.md#what-a-host-call-is-made-of
pub(in crate::wasi) fn fd_filestat_get(cx: &mut Cx<'_>, fd: u32, stat: u32) -> Done {
    let descriptor = cx.wasi.descriptor(fd)?;
    if !descriptor.allowed.contains(Rights::FD_FILESTAT_GET) {
        return Err(Errno::Notcapable.into());
    }
    let place = Place::<64>::check(cx.mem, stat, 8)?;
    super::await_content(cx, fd)?;
    let tree = &*cx.wasi.config.files;
    let filestat = match &cx.wasi.descriptor(fd)?.object {
        Object::Stream(_) if cx.wasi.rules.attributes == Attributes::Bare => {
            Filestat::outside(Filetype::CharacterDevice, 0)
        }
        Object::Stream(_) => Filestat::outside(Filetype::Unknown, 0),
        Object::Directory { node, .. } => Filestat::of(tree, *node),
        Object::File(file) => match &file.source {
            Source::Tree(node) => Filestat::of(tree, *node),
            source => Filestat::outside(Filetype::RegularFile, source.bytes(tree).len() as u64),
        },
    };
    place.put(cx.mem, filestat.record(cx.wasi.rules, 1));
    Ok(())
}

/// Attributes of a file or a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wasi) struct Filestat {
    dev: u64,
    ino: u64,
    filetype: Filetype,
    size: u64,
}

impl Filestat {
    /// What is in the tree: on device 1.
    #[inline]
    pub(in crate::wasi) fn of(tree: &Tree, id: NodeId) -> Self {
        let node = tree.node(id);
        Self { dev: 1, ino: node.ino, filetype: filetype(tree, id), size: node.size() }
    }

    /// What is not in the tree: streams, the message, results. On device 0, without a number.
    #[inline]
    fn outside(filetype: Filetype, size: u64) -> Self {
        Self { dev: 0, ino: 0, filetype, size }
    }

    /// 64 bytes, little-endian, of which the last three words are the personality's, as is whether there are a device and a number; `bare` are
    /// the links where there are none, else 1:
    ///
    /// ```text
    /// 0 dev   8 ino   16 filetype   24 nlink   32 size   40 atim   48 mtim   56 ctim
    /// ```
    #[inline]
    pub(in crate::wasi) fn record(self, rules: &Rules, bare: u64) -> [u8; 64] {
        let times = rules.times;
        let (dev, ino, links) = match rules.attributes {
            Attributes::Numbered => (self.dev, self.ino, 1),
            Attributes::Bare => (0, 0, bare),
        };
        record([dev, ino, self.filetype as u64, links, self.size, times, times, times])
    }
}

#[inline]
pub(in crate::wasi) fn filetype(tree: &Tree, id: NodeId) -> Filetype {
    if tree.node(id).is_directory() { Filetype::Directory } else { Filetype::RegularFile }
}

/// Words, little-endian, one after the other. A narrower field at the start of a word, and the padding behind it, are that word.
#[inline]
fn record<const WORDS: usize, const BYTES: usize>(words: [u64; WORDS]) -> [u8; BYTES] {
    const { assert!(BYTES == WORDS * 8) };
    let mut bytes = [0; BYTES];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}
