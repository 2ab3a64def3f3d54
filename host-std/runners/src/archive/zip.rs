//! ZIP, checked strictly: stored, whole, and nothing said twice in two ways.

use std::sync::Arc;

use rawzip::{CompressionMethod, ErrorKind, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};

use super::{ArchiveError, Files, Flaw, Format, plain};
use crate::bounds::Bounds;

/// The only flag that an entry may have: its name is UTF-8.
const UTF8: u16 = 1 << 11;

/// The files of an archive; of entries with one name, the last.
pub(super) fn files(bytes: &[u8], bounds: &Bounds) -> Result<Files, ArchiveError> {
    let whole = |at, flaw| ArchiveError { format: Format::Zip, entry: None, at, flaw };
    let archive = ZipArchive::from_slice(bytes).map_err(|error| match error.kind() {
        ErrorKind::MissingEndOfCentralDirectory => whole(0, Flaw::NoDirectory),
        _ => whole(error.eocd_offset().unwrap_or(0), Flaw::Broken),
    })?;
    if archive.end_offset() != bytes.len() as u64 {
        return Err(whole(archive.end_offset(), Flaw::Behind));
    }
    // Bytes of each entry, with its header.
    let (mut files, mut places) = (Files::new(), Vec::new());
    let mut entries = archive.entries();
    loop {
        let entry = entries.next_entry().map_err(|_| whole(archive.directory_offset(), Flaw::Broken))?;
        let Some(entry) = entry else { break };
        if places.len() == bounds.entries {
            return Err(whole(archive.directory_offset(), Flaw::TooMany(bounds.entries)));
        }
        let (place, file) = read(&archive, &entry, bounds).map_err(|flaw| at(&entry, flaw))?;
        places.push((place, entry));
        if let Some((name, file)) = file {
            files.insert(name.to_owned(), Arc::from(file));
        }
    }
    if archive.entries_hint() != places.len() as u64 {
        return Err(whole(archive.eocd_offset(), Flaw::Count));
    }
    places.sort_by_key(|(place, _)| *place);
    let mut end = 0;
    for ((from, to), entry) in &places {
        if *from < end || *to > archive.directory_offset() {
            return Err(at(entry, Flaw::Overlap));
        }
        if end == 0 && *from != 0 {
            return Err(at(entry, Flaw::Before));
        }
        end = *to;
    }
    if places.is_empty() && archive.directory_offset() != 0 {
        return Err(whole(0, Flaw::Before));
    }
    Ok(files)
}

/// Where an entry stands, and its name and bytes where it is a file.
#[expect(clippy::type_complexity, reason = "said in the line above")]
fn read<'a>(
    archive: &'a ZipSliceArchive<&'a [u8]>,
    entry: &ZipFileHeaderRecord<'a>,
    bounds: &Bounds,
) -> Result<((u64, u64), Option<(&'a str, &'a [u8])>), Flaw> {
    let flags = entry.flags();
    if flags.is_encrypted() || flags.has_strong_encryption() || flags.is_masked() {
        return Err(Flaw::Encrypted);
    }
    if flags.has_data_descriptor() {
        return Err(Flaw::Descriptor);
    }
    if flags.bits() & !UTF8 != 0 {
        return Err(Flaw::Flags(flags.bits()));
    }
    if entry.compression_method() != CompressionMethod::STORE {
        return Err(Flaw::Compressed(entry.compression_method().as_u16()));
    }
    let name = plain(entry.file_path().as_bytes(), bounds)?;
    if entry.compressed_size_hint() != entry.uncompressed_size_hint() {
        return Err(Flaw::Disagree("its two sizes"));
    }
    let found = archive.get_entry(entry.wayfinder()).map_err(|_| Flaw::Broken)?;
    agree(&found.local_header(), entry)?;
    let place = (entry.local_header_offset(), found.compressed_data_range().1);
    let bytes = found.data();
    let sum = rawzip::crc32(bytes);
    if sum != entry.crc32() {
        return Err(Flaw::Sum { said: entry.crc32(), found: sum });
    }
    match name.ends_with('/') {
        true if !bytes.is_empty() => Err(Flaw::Directory),
        true => Ok((place, None)),
        false => Ok((place, Some((name, bytes)))),
    }
}

/// Whether the entry's own header says what the directory says.
fn agree(own: &rawzip::ZipLocalFileHeader<'_>, entry: &ZipFileHeaderRecord<'_>) -> Result<(), Flaw> {
    let same = |same: bool, field| if same { Ok(()) } else { Err(Flaw::Disagree(field)) };
    same(own.file_path().as_bytes() == entry.file_path().as_bytes(), "its name")?;
    same(own.flags() == entry.flags(), "its flags")?;
    same(own.compression_method() == entry.compression_method(), "its method")?;
    same(own.compressed_size_hint() == entry.compressed_size_hint(), "its size")?;
    same(own.uncompressed_size_hint() == entry.uncompressed_size_hint(), "its size when unpacked")?;
    same(own.crc32() == entry.crc32(), "its CRC-32")
}

fn at(entry: &ZipFileHeaderRecord<'_>, flaw: Flaw) -> ArchiveError {
    let name = String::from_utf8_lossy(entry.file_path().as_bytes()).chars().take(160).collect();
    ArchiveError { format: Format::Zip, entry: Some(name), at: entry.local_header_offset(), flaw }
}
