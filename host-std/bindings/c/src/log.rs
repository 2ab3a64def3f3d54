//! The library's log: what runs, ledgers and engines say, a line at a time.

use std::ffi::c_void;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use subvm_core::host::{Node, Observer};
use subvm_observe::{Spans, Together};
use tracing::level_filters::LevelFilter;

use crate::border::{Sized_, argument, guard, sized};
use crate::subvm_bytes_t;

/// This node cannot say how a transaction ends, or lost something.
pub const SUBVM_LOG_WARN: u32 = 2;
/// And a line for each transaction.
pub const SUBVM_LOG_INFO: u32 = 3;
/// And for each sub-VM, and each module that is compiled.
pub const SUBVM_LOG_DEBUG: u32 = 4;
/// And for each host call.
pub const SUBVM_LOG_TRACE: u32 = 5;

/// Where the log goes. What guests choose, such as the text of a user error, is no part of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct subvm_log_t {
    /// sizeof(subvm_log_t).
    pub size: usize,
    /// Handed to the callback. It lives as long as the process.
    pub context: *mut c_void,
    /// How much: SUBVM_LOG_WARN or another.
    pub level: u32,
    /// Whether a line is a JSON object; else it is for people.
    pub json: bool,
    /// Takes a line, as UTF-8 and without its end. It may be called by any thread, by several at once, and on stacks of the engine: it is short, and
    /// calls none of the library's functions.
    pub line: Option<unsafe extern "C" fn(context: *mut c_void, line: subvm_bytes_t)>,
}

impl Sized_ for subvm_log_t {
    const NAME: &'static str = "subvm_log_t";
}

/// Whether there is a log: then runs have spans.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Where lines go.
#[derive(Clone, Copy)]
struct Lines {
    context: *mut c_void,
    line: unsafe extern "C" fn(*mut c_void, subvm_bytes_t),
}

// SAFETY: whoever fills in a subvm_log_t promises that any thread may call it, several at once.
unsafe impl Send for Lines {}
// SAFETY: the same.
unsafe impl Sync for Lines {}

impl Write for Lines {
    /// An event comes in one piece, with the end of its line.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        // SAFETY: as the header describes the callback.
        unsafe { (self.line)(self.context, subvm_bytes_t::of(line)) };
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends the log of this process to a callback from now on. Without it nothing is logged. It changes no receipt.
///
/// SUBVM_ERROR_ARGUMENT where there is a log already: there is one for a process, for as long as it lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_log(log: *const subvm_log_t) -> *mut crate::subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let log = unsafe { sized(log)? };
        let line = log.line.ok_or_else(|| argument("subvm_log_t.line is NULL"))?;
        let level = match log.level {
            SUBVM_LOG_WARN => LevelFilter::WARN,
            SUBVM_LOG_INFO => LevelFilter::INFO,
            SUBVM_LOG_DEBUG => LevelFilter::DEBUG,
            SUBVM_LOG_TRACE => LevelFilter::TRACE,
            other => return Err(argument(format!("subvm_log_t.level is {other}: no SUBVM_LOG_*"))),
        };
        let lines = Lines { context: log.context, line };
        let logging = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(move || lines);
        let installed = if log.json { logging.json().flatten_event(true).try_init() } else { logging.try_init() };
        installed.map_err(|_| argument("subvm_log: this process has a log already; it is for as long as it lives"))?;
        INSTALLED.store(true, Ordering::Release);
        Ok(())
    })
}

/// The node, whose runs have spans where there is a log.
pub(crate) fn logged(node: Node) -> Node {
    if !INSTALLED.load(Ordering::Acquire) {
        return node;
    }
    let spans: Box<dyn Observer> = Box::new(Spans::new());
    let observer: Box<dyn Observer> = Box::new(Together::new([spans].into_iter().chain(node.observer)));
    Node { observer: Some(observer), ..node }
}
