//! Printing, and logging, for whoever is there to read it.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde_json::Value as Json;
use tracing_subscriber::EnvFilter;

use super::{Failure, escaped, line};

/// Writes to standard output. A reader that went away has seen enough: that is no failure.
pub(super) fn out(bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes.as_ref()).and_then(|()| out.flush()))
}

/// What became of writing to standard output.
pub(super) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritten(&error)),
        _ => Ok(()),
    }
}

/// What could not be written to standard output is lost, and nobody may take silence for success.
pub(super) fn unwritten(error: &io::Error) -> Failure {
    Failure::Internal(format!("cannot write to standard output: {error}"))
}

/// Writes one JSON object to standard output.
pub(super) fn json(object: &Json) -> Result<(), Failure> {
    out(escaped(&object.to_string()) + "\n")
}

/// Writes lines to standard output, each one line whatever a guest or a file put into it.
pub(super) fn lines(lines: &[String]) -> Result<(), Failure> {
    out(lines.iter().map(|text| line(text) + "\n").collect::<String>())
}

/// Writes one line to standard error, whatever a guest or a file put into it. Where that is closed, nobody wants to know.
pub(super) fn err(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", line(text));
}

/// Says on standard error what goes on, in one line that the next takes the place of; where that is no terminal, nothing.
pub(super) fn progress(text: &str) {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr().lock(), "\r\x1b[K{}\r", line(text));
    }
}

/// Logs to standard error, in colours where that is a terminal and `NO_COLOR` does not say otherwise.
pub(super) fn log(filter: EnvFilter) {
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    let logging = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
    // Where the process logs already, that stays.
    let _ = logging.try_init();
}
