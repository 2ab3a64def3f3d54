//! Printing, and logging, for whoever is there to read it.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tracing_subscriber::EnvFilter;

use super::{Failure, escaped, line};

/// How standard error reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// A JSON object a line, for programs that gather logs
    Json,
}

/// Whether each line of standard error is a JSON object.
static OBJECTS: AtomicBool = AtomicBool::new(false);

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
    if OBJECTS.load(Ordering::Relaxed) {
        let (level, message) = match (text.strip_prefix("error: "), text.strip_prefix("warning: ")) {
            (Some(message), _) => ("ERROR", message),
            (None, Some(message)) => ("WARN", message),
            (None, None) => ("INFO", text),
        };
        return object(level, "subvm", message);
    }
    let _ = writeln!(io::stderr().lock(), "{}", line(text));
}

/// Passes on to standard error what a guest wrote to a stream: as it is, or as the message of an object.
pub(super) fn guest(stream: &str, bytes: &[u8]) {
    if OBJECTS.load(Ordering::Relaxed) {
        return object("INFO", &format!("guest::{stream}"), &String::from_utf8_lossy(bytes));
    }
    let _ = io::stderr().lock().write_all(bytes);
}

/// Whether standard error is for programs.
pub(super) fn is_for_programs() -> bool {
    OBJECTS.load(Ordering::Relaxed)
}

/// A line as the log's own are.
fn object(level: &str, target: &str, message: &str) {
    let object =
        json!({ "timestamp": Timestamp::now().to_string(), "level": level, "message": message, "target": target });
    let _ = writeln!(io::stderr().lock(), "{}", escaped(&object.to_string()));
}

/// Says on standard error what goes on, in one line that the next takes the place of; where that is no terminal, nothing.
pub(super) fn progress(text: &str) {
    if io::stderr().is_terminal() && !is_for_programs() {
        let _ = write!(io::stderr().lock(), "\r\x1b[K{}\r", line(text));
    }
}

/// Logs to standard error, in colours where that is a terminal and `NO_COLOR` does not say otherwise; or as objects, as all that is written
/// there from then on.
pub(super) fn log(filter: EnvFilter, format: LogFormat) {
    let logging = tracing_subscriber::fmt().with_env_filter(filter);
    // Where the process logs already, that stays.
    let _ = match format {
        LogFormat::Text => {
            let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
            logging.with_writer(io::stderr).with_ansi(colours).try_init()
        }
        LogFormat::Json => {
            OBJECTS.store(true, Ordering::Relaxed);
            logging.with_writer(|| Objects).with_ansi(false).json().flatten_event(true).try_init()
        }
    };
}

/// Standard error, to which the log writes an object at a time. What a terminal would obey stands in it as escapes.
struct Objects;

impl Write for Objects {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
        io::stderr().lock().write_all((escaped(text) + end).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
