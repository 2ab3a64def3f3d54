//! ustar: files and directories, and nothing that others added to tapes.

use std::sync::Arc;

use super::{ArchiveError, Files, Flaw, Format, plain};
use crate::bounds::Bounds;

const BLOCK: usize = 512;

/// The files of an archive; of entries with one name, the last.
pub(super) fn files(bytes: &[u8], bounds: &Bounds) -> Result<Files, ArchiveError> {
    let whole = |at: usize, flaw| ArchiveError { format: Format::Ustar, entry: None, at: at as u64, flaw };
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().map_err(|error| whole(0, Flaw::Header(error.to_string())))?;
    let (mut files, mut count, mut end) = (Files::new(), 0, 0);
    // Raw: names and sizes are those of the header, and of nothing that stands before it.
    for entry in entries.raw(true) {
        let entry = entry.map_err(|error| whole(end, Flaw::Header(error.to_string())))?;
        if count == bounds.entries {
            return Err(whole(end, Flaw::TooMany(bounds.entries)));
        }
        count += 1;
        let header = entry.header();
        let name = header.path_bytes();
        let flawed = |flaw| ArchiveError {
            format: Format::Ustar,
            entry: Some(String::from_utf8_lossy(&name).chars().take(160).collect()),
            at: end as u64,
            flaw,
        };
        if header.as_ustar().is_none() {
            return Err(flawed(Flaw::NotUstar));
        }
        let kind = kind(header).map_err(flawed)?;
        let name = plain(&name, bounds).map_err(flawed)?;
        let cut = || flawed(Flaw::Cut);
        let from = usize::try_from(entry.raw_file_position()).map_err(|_| cut())?;
        let size = usize::try_from(entry.size()).map_err(|_| cut())?;
        let to = from.checked_add(size).ok_or_else(cut)?;
        let content = bytes.get(from..to).ok_or_else(cut)?;
        let next = to.checked_next_multiple_of(BLOCK).ok_or_else(cut)?;
        let padding = bytes.get(to..next).ok_or_else(cut)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(flawed(Flaw::Padding));
        }
        match kind {
            Kind::Directory if size > 0 => return Err(flawed(Flaw::Directory)),
            Kind::Directory => {}
            Kind::File if name.ends_with('/') => return Err(flawed(Flaw::NameNotPlain)),
            Kind::File => {
                files.insert(name.to_owned(), Arc::from(content));
            }
        }
        end = next;
    }
    let rest = bytes.get(end..).unwrap_or_default();
    if rest.len() < 2 * BLOCK || rest.iter().take(2 * BLOCK).any(|byte| *byte != 0) {
        return Err(whole(end, Flaw::NoEnd));
    }
    match rest.iter().position(|byte| *byte != 0) {
        Some(at) => Err(whole(end + at, Flaw::Behind)),
        None => Ok(files),
    }
}

enum Kind {
    File,
    Directory,
}

fn kind(header: &tar::Header) -> Result<Kind, Flaw> {
    match header.entry_type().as_byte() {
        b'0' | 0 => Ok(Kind::File),
        b'5' => Ok(Kind::Directory),
        kind @ (b'1' | b'2') => Err(Flaw::Link(char::from(kind))),
        kind => Err(Flaw::Type(char::from(kind))),
    }
}
