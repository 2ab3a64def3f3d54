//! What a contract or a runner holds.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

mod flaw;
mod text;
mod ustar;
mod zip;

pub use flaw::{ArchiveError, Flaw};

use crate::bounds::Bounds;
use crate::error::RunnerError;
use crate::version::Version;

/// The file that says what a runner is.
pub(crate) const MANIFEST: &str = "runner.json";
/// The one file of a contract that is no archive.
pub(crate) const FILE: &str = "file";

/// How the bytes of a contract or runner are laid out.
///
/// ```
/// use subvm_runners::Format;
/// assert_eq!(Format::of(b"PK\x03\x04"), Format::Zip);
/// assert_eq!(Format::of(b"\0asm\x01\0\0\0"), Format::Module);
/// assert_eq!(Format::of(b"# { \"Depends\": \"py-genlayer:test\" }"), Format::Text);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A ZIP archive, which stores and does not compress.
    Zip,
    /// A tape archive in POSIX's form of 1988.
    Ustar,
    /// A core module of WebAssembly.
    Module,
    /// Text that begins with comments.
    Text,
}

impl Format {
    /// What bytes begin like.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            Self::Zip
        } else if bytes.starts_with(b"\0asm") {
            Self::Module
        } else if bytes.get(257..262) == Some(b"ustar") {
            Self::Ustar
        } else {
            Self::Text
        }
    }
}

/// The files of a contract or runner, and its `runner.json`.
///
/// ```
/// use subvm_runners::{Archive, Bounds};
/// let source = "# v0.2.16\n# { \"StartWasm\": \"file\" }\n";
/// let archive = Archive::read(source.as_bytes().into(), &Bounds::default())?;
/// assert_eq!(archive.version.to_string(), "v0.2.16");
/// assert_eq!(archive.file("file").map(|file| &**file), Some(source.as_bytes()));
/// # Ok::<(), subvm_runners::RunnerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Archive {
    /// How it was laid out.
    pub format: Format,
    /// The version that it is written for.
    pub version: Version,
    /// The text of its `runner.json`.
    pub manifest: String,
    /// Lines of the archive before the first of `manifest`, where that is part of a text.
    pub(crate) lines_before: usize,
    /// Bytes of the whole.
    pub(crate) bytes: u64,
    files: BTreeMap<String, Arc<[u8]>>,
}

impl Archive {
    /// Reads bytes that anybody may have made.
    ///
    /// # Errors
    /// Where they are more than `bounds` allow, are not what they begin like, or have no `runner.json`.
    ///
    /// # Cost
    /// Linear in the bytes: nothing in an archive is compressed, and no two files share bytes.
    pub fn read(bytes: Arc<[u8]>, bounds: &Bounds) -> Result<Self, RunnerError> {
        if bytes.len() > bounds.bytes {
            return Err(RunnerError::TooLarge { bytes: bytes.len(), most: bounds.bytes });
        }
        let (format, whole) = (Format::of(&bytes), bytes.len() as u64);
        let mut lines_before = 0;
        let (version, manifest, files) = match format {
            Format::Zip => packed(zip::files(&bytes, bounds)?)?,
            Format::Ustar => packed(ustar::files(&bytes, bounds)?)?,
            Format::Module => {
                let start = format!("{{\"StartWasm\":\"{FILE}\"}}");
                (Version::default(), start, BTreeMap::from([(FILE.to_owned(), bytes)]))
            }
            Format::Text => {
                let header = text::header(&bytes)?;
                lines_before = header.lines_before;
                (header.version, header.manifest, BTreeMap::from([(FILE.to_owned(), bytes)]))
            }
        };
        if manifest.len() > bounds.manifest {
            return Err(RunnerError::TooLarge { bytes: manifest.len(), most: bounds.manifest });
        }
        Ok(Self { format, version, manifest, lines_before, bytes: whole, files })
    }

    /// A file, by its whole name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&Arc<[u8]>> {
        self.files.get(name)
    }

    /// The files whose names begin with `prefix`, in the order of their names.
    ///
    /// ```
    /// use subvm_runners::{Archive, Bounds};
    /// let archive = Archive::read(b"\0asm\x01\0\0\0"[..].into(), &Bounds::default()).unwrap();
    /// assert_eq!(archive.below("").map(|(name, _)| name).collect::<Vec<_>>(), ["file"]);
    /// ```
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Arc<[u8]>)> {
        let from = self.files.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.map(|(name, file)| (name.as_str(), file)).take_while(move |(name, _)| name.starts_with(prefix))
    }
}

type Files = BTreeMap<String, Arc<[u8]>>;

/// The version and manifest that stand in files of their own.
fn packed(files: Files) -> Result<(Version, String, Files), RunnerError> {
    let manifest = files.get(MANIFEST).ok_or(RunnerError::NoManifest)?;
    let manifest = std::str::from_utf8(manifest)
        .map_err(|error| RunnerError::NotUtf8 { what: MANIFEST, at: error.valid_up_to() })?;
    Ok((Version::default(), manifest.to_owned(), files))
}

/// Checks the name of an entry: relative, in its plain form, within bounds. What ends with `/` is a directory.
fn plain<'a>(name: &'a [u8], bounds: &Bounds) -> Result<&'a str, Flaw> {
    if name.len() > bounds.name {
        return Err(Flaw::NameTooLong(bounds.name));
    }
    let name = std::str::from_utf8(name).map_err(|_| Flaw::NameNotUtf8)?;
    if name.starts_with('/') {
        return Err(Flaw::Absolute);
    }
    if name.chars().any(|c| c == '\\' || c.is_control()) {
        return Err(Flaw::NameNotPlain);
    }
    let components = name.strip_suffix('/').unwrap_or(name).split('/');
    for (place, component) in components.enumerate() {
        match component {
            ".." => return Err(Flaw::Parent),
            "" | "." => return Err(Flaw::NameNotPlain),
            _ if place >= bounds.components => return Err(Flaw::NameTooDeep(bounds.components)),
            _ => {}
        }
    }
    Ok(name)
}
