//! Reading what the user names.

use std::fmt::Display;
use std::fs::FileType;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use subvm_core::Address;
use subvm_core::calldata::Int;

use super::{Failure, terminal};

/// The bytes of a file. What may keep its reader waiting for ever is refused.
pub(super) fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    let what = || format!("cannot read {}", path.display());
    let metadata = std::fs::metadata(path).map_err(|error| Failure::usage(what(), error))?;
    if let Some(kind) = no_file(metadata.file_type()) {
        return Err(Failure::usage(what(), format_args!("it is {kind}; name a file")));
    }
    std::fs::read(path).map_err(|error| Failure::usage(what(), error))
}

/// What there is in the place of a file or a directory, for people.
pub(super) fn no_file(found: FileType) -> Option<&'static str> {
    if found.is_file() || found.is_dir() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let kinds = [(found.is_fifo(), "a FIFO"), (found.is_socket(), "a socket"), (true, "a device")];
        kinds.into_iter().find(|(is, _)| *is).map(|(_, kind)| kind)
    }
    #[cfg(not(unix))]
    Some("neither a file nor a directory")
}

/// The bytes of a file or of anything else that can be read to its end, or of standard input where none is named.
pub(super) fn file_or_stdin(path: Option<&Path>) -> Result<Vec<u8>, Failure> {
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => {
            std::fs::read(path).map_err(|error| Failure::usage(format_args!("cannot read {}", path.display()), error))
        }
        None => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| Failure::usage("cannot read standard input", error))?;
            Ok(bytes)
        }
    }
}

/// Text, which has to be UTF-8; `what` names it.
pub(super) fn text(bytes: Vec<u8>, what: &str) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| Failure::usage(format_args!("{what} is not UTF-8"), error.utf8_error()))
}

/// A module: bytes that begin as WebAssembly does, or its text form, told by the name `.wat`.
pub(super) fn module(path: &Path) -> Result<Arc<[u8]>, Failure> {
    let bytes = file(path)?;
    if path.extension().is_some_and(|extension| extension == "wat") {
        let parsed = wat::Parser::new().parse_bytes(Some(path), &bytes);
        return match parsed {
            Ok(wasm) => Ok(wasm.into()),
            // What follows the first lines only draws the place in the text.
            Err(error) => {
                Err(Failure::usage(format_args!("cannot parse {}", path.display()), first_line(&error.to_string())))
            }
        };
    }
    if !bytes.starts_with(b"\0asm") {
        let why = "it does not begin with \\0asm; name a .wasm module, or its text form with the ending .wat";
        return Err(Failure::usage(format_args!("{} is not WebAssembly", path.display()), why));
    }
    Ok(bytes.into())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// `A=B`, for `--env` and `--link`.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) left: String,
    pub(super) right: String,
}

impl std::str::FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (left, right) = text.split_once('=').ok_or_else(|| format!("{text:?} has no '='"))?;
        Ok(Self { left: left.to_owned(), right: right.to_owned() })
    }
}

/// A span of time, such as `500ms`, `10s`, `2m 30s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(parsed).map_err(|_| "a deadline cannot be negative".to_owned())
}

/// `HOST=GUEST`, for `--map`.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    pub(super) host: PathBuf,
    pub(super) guest: String,
}

/// Reads a [`Mapping`]. Both paths may hold `=`: the guest's begins at the first `=/` before which the name of something stands, or
/// else at the first `=/` at all.
pub(super) fn mapping(text: &str) -> Result<Mapping, String> {
    let names_something = |at: &usize| text.get(..*at).is_some_and(|host| Path::new(host).symlink_metadata().is_ok());
    let splits = || text.match_indices("=/").map(|(at, _)| at);
    let at = splits().find(names_something).or_else(|| splits().next()).or_else(|| text.find('='));
    let (host, guest) =
        at.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))).ok_or_else(|| format!("{text:?} has no '='"))?;
    Ok(Mapping { host: host.into(), guest: guest.to_owned() })
}

/// `--dir` of wasmtime's command line, which is `--map` here.
pub(super) fn dir_of_wasmtime(text: &str) -> Result<Mapping, String> {
    let (host, guest) = text.split_once("::").unwrap_or((text, "/"));
    let guest = if guest.starts_with('/') { guest.to_owned() } else { format!("/{}", guest.trim_start_matches("./")) };
    Err(format!("there is no --dir here: write --map {host}={guest}, for the guest to read what is there now"))
}

/// An address: 40 hexadecimal digits, with `0x` before them or without.
pub(super) fn address(text: &str) -> Option<Address> {
    let (pairs, []) = text.strip_prefix("0x").unwrap_or(text).as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|nibble| nibble as u8);
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok().map(Address)
}

/// `ADDRESS=AMOUNT`, for `--balance`: the amount as 256 bits, little-endian.
pub(super) fn balance(text: &str) -> Result<(Address, [u8; 32]), String> {
    let (account, amount) = text.split_once('=').ok_or_else(|| format!("{text:?} has no '='"))?;
    let account = address(account).ok_or_else(|| format!("{account:?} is no address: write 40 hexadecimal digits"))?;
    let bytes = amount.parse::<Int>().ok().and_then(|amount| amount.to_u256_le());
    let bytes = bytes.ok_or_else(|| format!("{amount:?} is no amount: write an integer from 0 to 2^256 - 1"))?;
    Ok((account, bytes))
}

/// An instant as RFC 3339, in nanoseconds since 1970.
pub(super) fn instant(text: &str) -> Result<u64, String> {
    if !is_rfc_3339(text) {
        return Err(format!("{text:?} is not RFC 3339: write 2024-01-01T00:00:00Z, or with an offset such as +01:00"));
    }
    let parsed: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    u64::try_from(parsed.as_nanosecond()).map_err(|_| "the time has to lie between 1970 and 2554".to_owned())
}

/// Whether text has the form of RFC 3339, section 5.6, with a second that this clock has. `jiff` reads more forms than that.
fn is_rfc_3339(text: &str) -> bool {
    let Some((instant, rest)) = text.as_bytes().split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let digits = rest.strip_prefix(b".").map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let fraction = if rest.starts_with(b".") { 1 + digits } else { 0 };
    let offset = rest.get(fraction..).unwrap_or_default();
    let whole = like(instant, b"0000-00-00T00:00:00") && !instant.ends_with(b":60");
    let hours = || offset.get(1..3).is_some_and(|hours| hours < b"24".as_slice());
    whole && fraction != 1 && (like(offset, b"Z") || (like(offset, b"+00:00") && hours()))
}

/// Whether text is like a pattern: `0` stands for a digit, `+` for either sign, and letters for themselves in either case.
fn like(text: &[u8], pattern: &[u8]) -> bool {
    let fits = |(byte, pattern): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        b'+' => b"+-".contains(byte),
        pattern => byte.eq_ignore_ascii_case(pattern),
    };
    text.len() == pattern.len() && text.iter().zip(pattern).all(fits)
}

/// A path as the guest sees it, and what it reads there.
type GuestFile = (String, Arc<[u8]>);

/// Something of the host's that is to be mapped.
struct Found {
    host: PathBuf,
    guest: String,
    /// The directories that lead to it, without symbolic links.
    above: Vec<PathBuf>,
}

/// What is mapped.
#[derive(Default)]
pub(super) struct Mapped {
    pub(super) files: Vec<GuestFile>,
    /// Directories, but the guest's root.
    pub(super) directories: Vec<String>,
}

/// What a mapping announces: the place of a directory that is not mapped to `/`.
pub(super) fn root(host: &Path, guest: &str) -> Option<String> {
    let place = guest.trim_end_matches('/');
    (!place.is_empty() && host.is_dir()).then(|| place.to_owned())
}

/// What is below `host`, each with the path below `guest` under which it is seen. Links that lead nowhere are left out with a warning.
pub(super) fn tree(host: &Path, guest: &str) -> Result<Mapped, Failure> {
    let Mapped { mut files, mut directories } = Mapped::default();
    let mut pending = vec![Found { host: host.to_owned(), guest: guest.to_owned(), above: Vec::new() }];
    while let Some(found) = pending.pop() {
        let cannot = |why: &dyn Display| Failure::usage(format_args!("cannot map {}", found.host.display()), why);
        let unreadable = |error: io::Error| cannot(&error);
        let metadata = match std::fs::metadata(&found.host) {
            Err(error) if error.kind() == ErrorKind::NotFound && !found.above.is_empty() => {
                terminal::err(&format!(
                    "warning: {} is a link that leads nowhere, and is left out",
                    found.host.display()
                ));
                continue;
            }
            metadata => metadata.map_err(unreadable)?,
        };
        if let Some(kind) = no_file(metadata.file_type()) {
            return Err(cannot(&format_args!("it is {kind}, and only files and directories can be mapped")));
        }
        if !metadata.is_dir() {
            files.push((found.guest, std::fs::read(&found.host).map_err(unreadable)?.into()));
            continue;
        }
        let itself = found.host.canonicalize().map_err(unreadable)?;
        if found.above.contains(&itself) {
            return Err(cannot(&"the link leads back to a directory that holds it"));
        }
        let guest = found.guest.trim_end_matches('/');
        directories.extend(Some(guest.to_owned()).filter(|guest| !guest.is_empty()));
        let above: Vec<PathBuf> = found.above.iter().cloned().chain([itself]).collect();
        for entry in std::fs::read_dir(&found.host).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|name| cannot(&format_args!("the name {name:?} is not UTF-8")))?;
            let guest = format!("{guest}/{name}");
            pending.push(Found { host: entry.path(), guest, above: above.clone() });
        }
    }
    // The order of a directory is the file system's; nothing may depend on it.
    files.sort_by(|a, b| a.0.cmp(&b.0));
    directories.sort();
    Ok(Mapped { files, directories })
}
