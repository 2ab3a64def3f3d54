//! What is wrong with an archive.

use std::fmt;

use super::Format;
use crate::excerpt::excerpt;

/// An archive is refused: which entry, where, and why.
///
/// ```
/// use subvm_runners::{Archive, Bounds, RunnerError, Flaw};
/// let error = Archive::read(b"PK\x03\x04 and nothing more"[..].into(), &Bounds::default()).unwrap_err();
/// let RunnerError::Archive(error) = error else { panic!("{error}") };
/// assert_eq!(error.to_string(), "the ZIP archive: at byte 0: it has no directory at its end");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveError {
    /// What it was read as.
    pub format: Format,
    /// The entry's name, as far as it can be shown.
    pub entry: Option<String>,
    /// Byte of the archive at which it stands.
    pub at: u64,
    /// What is wrong.
    pub flaw: Flaw,
}

/// What is wrong with an archive, or with an entry of it.
///
/// ```
/// assert_eq!(subvm_runners::Flaw::Parent.to_string(), "its name holds the component ..");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// More entries than so many.
    TooMany(usize),
    /// A name of more than so many bytes.
    NameTooLong(usize),
    /// A name of more than so many components.
    NameTooDeep(usize),
    /// A name that is not UTF-8.
    NameNotUtf8,
    /// A name that begins with `/`.
    Absolute,
    /// A name with `..`.
    Parent,
    /// A name with an empty component, `.`, a backslash or a control character.
    NameNotPlain,
    /// ZIP: no directory.
    NoDirectory,
    /// ZIP: bytes before the first entry.
    Before,
    /// Bytes behind the end.
    Behind,
    /// ZIP: the directory ends with another number of entries than it lists.
    Count,
    /// ZIP: a record of the directory or an entry that is cut or malformed.
    Broken,
    /// ZIP: compressed, by this method.
    Compressed(u16),
    /// ZIP: encrypted.
    Encrypted,
    /// ZIP: its sizes follow its bytes.
    Descriptor,
    /// ZIP: flags that have no meaning here.
    Flags(u16),
    /// ZIP: the entry's own header says something else than the directory.
    Disagree(&'static str),
    /// ZIP: entries share bytes.
    Overlap,
    /// ZIP: another sum than the one that is said.
    Sum {
        /// The one that is said.
        said: u32,
        /// The one of the bytes.
        found: u32,
    },
    /// A directory that has bytes.
    Directory,
    /// ustar: a header that is not POSIX's.
    NotUstar,
    /// ustar: a header whose sum or numbers are wrong.
    Header(String),
    /// ustar: a link, by its type.
    Link(char),
    /// ustar: neither a file nor a directory, by its type.
    Type(char),
    /// ustar: an entry that goes on beyond the end.
    Cut,
    /// ustar: no two blocks of zeros at the end.
    NoEnd,
    /// ustar: bytes that are not zero, behind a file in its last block.
    Padding,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(most) => write!(f, "it has more than {most} entries"),
            Self::NameTooLong(most) => write!(f, "its name has more than {most} bytes"),
            Self::NameTooDeep(most) => write!(f, "its name has more than {most} components"),
            Self::NameNotUtf8 => f.write_str("its name is not UTF-8"),
            Self::Absolute => f.write_str("its name begins with /"),
            Self::Parent => f.write_str("its name holds the component .."),
            Self::NameNotPlain => {
                f.write_str("its name holds an empty component, the component ., a backslash or a control character")
            }
            Self::NoDirectory => f.write_str("it has no directory at its end"),
            Self::Before => f.write_str("something stands before its first entry"),
            Self::Behind => f.write_str("something stands behind its end"),
            Self::Count => f.write_str("its directory has another number of entries than it says"),
            Self::Broken => f.write_str("it is cut or malformed"),
            Self::Compressed(method) => {
                write!(f, "it is compressed (method {method}); store it: zip -0, or ZIP_STORED in Python")
            }
            Self::Encrypted => f.write_str("it is encrypted"),
            Self::Descriptor => f.write_str("its sizes follow its bytes; write the archive to a file, not to a pipe"),
            Self::Flags(flags) => write!(f, "it has the flags {flags:#06x}, which have no meaning here"),
            Self::Disagree(field) => write!(f, "its own header and the directory differ in {field}"),
            Self::Overlap => f.write_str("it shares bytes with another entry or with the directory"),
            Self::Sum { said, found } => write!(f, "its CRC-32 is {found:08x}, and said to be {said:08x}"),
            Self::Directory => f.write_str("it is a directory, and has bytes"),
            Self::NotUstar => f.write_str("its header is not ustar's; write it with tar --format=ustar"),
            Self::Header(why) => write!(f, "its header: {why}"),
            Self::Link(kind) => write!(f, "it is a link (type {kind:?}); archives hold files"),
            Self::Type(kind) => write!(f, "it is neither a file nor a directory (type {kind:?})"),
            Self::Cut => f.write_str("it goes on beyond the archive's end"),
            Self::NoEnd => f.write_str("the archive does not end with two blocks of zeros"),
            Self::Padding => f.write_str("bytes behind it are not zero"),
        }
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            Format::Zip => "ZIP",
            _ => "ustar",
        };
        write!(f, "the {format} archive: ")?;
        match &self.entry {
            Some(entry) => write!(f, "{:?} at byte {}: {}", excerpt(entry), self.at, self.flaw),
            None => write!(f, "at byte {}: {}", self.at, self.flaw),
        }
    }
}

impl std::error::Error for ArchiveError {}
