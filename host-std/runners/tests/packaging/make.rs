//! Archives to order, right and wrong.

use std::sync::Arc;

use subvm_runners::{Archive, Bounds, RunnerError};

/// A module that is none of anybody's.
pub(crate) const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// An entry of a ZIP archive, as its own header and as the directory say it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) own_name: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) own_flags: u16,
    pub(crate) method: u16,
    pub(crate) own_method: u16,
    pub(crate) sum: u32,
    pub(crate) own_sum: u32,
    pub(crate) size: u32,
    pub(crate) own_size: u32,
    pub(crate) unpacked: u32,
    pub(crate) own_unpacked: u32,
    /// Where the directory says that it is, if not where it is.
    pub(crate) offset: Option<u32>,
}

pub(crate) fn entry(name: &str, bytes: &[u8]) -> Entry {
    let (sum, size) = (rawzip::crc32(bytes), u32::try_from(bytes.len()).expect("small"));
    Entry {
        name: name.into(),
        own_name: name.into(),
        bytes: bytes.into(),
        flags: 0,
        own_flags: 0,
        method: 0,
        own_method: 0,
        sum,
        own_sum: sum,
        size,
        own_size: size,
        unpacked: size,
        own_unpacked: size,
        offset: None,
    }
}

/// A ZIP archive of these entries.
pub(crate) fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let at = entry.offset.unwrap_or(u32::try_from(archive.len()).expect("small"));
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).expect("small").to_le_bytes();
        archive.extend(b"PK\x03\x04\x0a\0");
        archive.extend([entry.own_flags.to_le_bytes(), entry.own_method.to_le_bytes(), [0; 2], [0x21, 0]].concat());
        archive.extend([entry.own_sum, entry.own_size, entry.own_unpacked].map(u32::to_le_bytes).concat());
        archive.extend([length(&entry.own_name), [0; 2]].concat());
        archive.extend(&entry.own_name);
        archive.extend(&entry.bytes);
        directory.extend(b"PK\x01\x02\x14\x03\x0a\0");
        directory.extend([entry.flags.to_le_bytes(), entry.method.to_le_bytes(), [0; 2], [0x21, 0]].concat());
        directory.extend([entry.sum, entry.size, entry.unpacked].map(u32::to_le_bytes).concat());
        directory.extend(length(&entry.name));
        directory.extend([0; 12]);
        directory.extend(at.to_le_bytes());
        directory.extend(&entry.name);
    }
    let count = u16::try_from(entries.len()).expect("few").to_le_bytes();
    let places = [directory.len(), archive.len()].map(|n| u32::try_from(n).expect("small").to_le_bytes()).concat();
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].concat());
    archive.extend(places);
    archive.extend([0, 0]);
    archive
}

/// A header of a tape archive and the bytes behind it, filled up.
pub(crate) fn tape(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_ustar_mut().expect("it is one").name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    let mut blocks = header.as_bytes().to_vec();
    blocks.extend(bytes);
    blocks.resize(blocks.len().next_multiple_of(512), 0);
    blocks
}

/// A tape archive of files.
pub(crate) fn ustar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive: Vec<u8> = files.iter().flat_map(|(name, bytes)| tape(name, b'0', bytes)).collect();
    archive.extend([0; 1024]);
    archive
}

pub(crate) fn read(bytes: &[u8]) -> Result<Archive, RunnerError> {
    Archive::read(Arc::from(bytes), &Bounds::default())
}

/// What is said of an archive that is refused.
pub(crate) fn refused(bytes: &[u8]) -> String {
    read(bytes).expect_err("it is malformed").to_string()
}

/// Holds texts to what they should say, and shows all that do not.
pub(crate) fn all_say<'a>(texts: impl Iterator<Item = (String, &'a str)>) {
    let wrong: Vec<_> = texts.filter(|(text, expected)| !text.contains(expected)).collect();
    assert!(wrong.is_empty(), "said, and expected: {wrong:#?}");
}
