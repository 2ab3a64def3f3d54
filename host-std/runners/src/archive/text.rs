//! Text that begins with comments: an optional version, then the lines of `runner.json`.

use crate::error::RunnerError;
use crate::version::Version;

/// What begins a comment, in the languages that contracts are written in.
const MARKS: [&str; 3] = ["//", "#", "--"];

/// What the comments at the beginning of a text say.
pub(super) struct Header {
    pub(super) version: Version,
    pub(super) manifest: String,
    /// Lines before the first of the manifest.
    pub(super) lines_before: usize,
}

pub(super) fn header(bytes: &[u8]) -> Result<Header, RunnerError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| RunnerError::NotUtf8 { what: "the contract", at: error.valid_up_to() })?;
    let mark = MARKS.into_iter().find(|mark| text.starts_with(mark)).ok_or(RunnerError::Absent)?;
    let mut comments = text.lines().map_while(|line| line.strip_prefix(mark)).peekable();
    let (mut version, mut lines_before) = (Version::default(), 0);
    if let Some(first) = comments.next_if(|line| line.trim_start().starts_with('v')) {
        version = first.trim().parse().map_err(RunnerError::Version)?;
        lines_before = 1;
    }
    if comments.peek().is_none() {
        return Err(RunnerError::Absent);
    }
    let manifest = comments.collect::<Vec<_>>().join("\n");
    Ok(Header { version, manifest, lines_before })
}
