//! Reading what the user names.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Failure;

/// The bytes of a file.
pub(super) fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::usage(format_args!("cannot read {}", path.display()), error))
}

/// The bytes of a file, or of standard input where none is named.
pub(super) fn file_or_stdin(path: Option<&Path>) -> Result<Vec<u8>, Failure> {
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => file(path),
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

/// `A=B`, for `--map`, `--env`, `--link`.
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

/// An instant as RFC 3339, in nanoseconds since 1970.
pub(super) fn instant(text: &str) -> Result<u64, String> {
    let parsed: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    u64::try_from(parsed.as_nanosecond()).map_err(|_| "the time has to lie between 1970 and 2554".to_owned())
}

/// A path as the guest sees it, and what it reads there.
type GuestFile = (String, Arc<[u8]>);

/// The files below `host`, each with the path below `guest` under which it is seen.
pub(super) fn tree(host: &Path, guest: &str) -> Result<Vec<GuestFile>, Failure> {
    let mut files = Vec::new();
    let mut pending: Vec<(PathBuf, String)> = vec![(host.to_owned(), guest.to_owned())];
    while let Some((host, guest)) = pending.pop() {
        let unreadable = |error| Failure::usage(format_args!("cannot map {}", host.display()), error);
        if !std::fs::metadata(&host).map_err(unreadable)?.is_dir() {
            files.push((guest, std::fs::read(&host).map_err(unreadable)?.into()));
            continue;
        }
        for entry in std::fs::read_dir(&host).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().into_string().map_err(|name| {
                Failure::usage(
                    format_args!("cannot map {}", host.display()),
                    format_args!("the name {name:?} is not UTF-8"),
                )
            })?;
            pending.push((entry.path(), format!("{}/{name}", guest.trim_end_matches('/'))));
        }
    }
    // The order of a directory is the file system's; nothing may depend on it.
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(files)
}
