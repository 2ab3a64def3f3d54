//! Running a recording again.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::sync::Arc;

use subvm_core::Package;
use subvm_replay::{Replay, Replayed, Verdict};

use crate::border::{Sized_, argument, array, borrowed, guard, put, sized, slice, text};
use crate::buffer::subvm_buffer_t;
use crate::engine::subvm_engine_t;
use crate::error::{SUBVM_ERROR_IO, subvm_error_t};
use crate::package::subvm_package_t;
use crate::report::subvm_report_t;
use crate::{subvm_bytes_t, subvm_word_t};

/// A replayed run was the recorded one, to its end.
pub const SUBVM_VERDICT_SAME: u32 = 0;
/// It was the recorded one, as far as the recording goes, which was cut.
pub const SUBVM_VERDICT_ENDS: u32 = 1;
/// It was the recorded one, to where that was stopped by its deadline, its node or its engine.
pub const SUBVM_VERDICT_STOPPED: u32 = 2;
/// It does something else at some point: the module, the engine or the machine is not the recorded one.
pub const SUBVM_VERDICT_DIFFERS: u32 = 3;
/// It needs a package that the recording names and does not hold, and that was not given.
pub const SUBVM_VERDICT_NO_PACKAGE: u32 = 4;

/// A recording to run again. One of `recording` and `file` is given.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_replay_t {
    /// sizeof(subvm_replay_t).
    pub size: usize,
    /// Its bytes.
    pub recording: subvm_bytes_t,
    /// The path of its file, as UTF-8.
    pub file: subvm_bytes_t,
    /// Packages that it may name and not hold.
    pub packages: *const *const subvm_package_t,
    /// How many.
    pub packages_len: usize,
}

impl Sized_ for subvm_replay_t {
    const NAME: &'static str = "subvm_replay_t";
}

/// What replaying came to.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct subvm_replayed_t {
    /// SUBVM_VERDICT_SAME or another.
    pub verdict: u32,
    /// The code of the error that the run ended with here, SUBVM_ERROR_DEADLINE or a higher one; 0 where it has a result.
    pub error: u32,
    /// The trace digest of what was the same: where all was, that of the recorded run.
    pub trace: subvm_word_t,
    /// Host calls of what was the same.
    pub calls: u64,
}

/// # Safety
/// The pointers in `asked` are as the header says.
unsafe fn opened(asked: &subvm_replay_t) -> Result<Replay, subvm_error_t> {
    // SAFETY: as the caller promises.
    let (bytes, path, packages) = unsafe {
        let packages = array(asked.packages, asked.packages_len, "replay.packages")?.iter();
        let package = |package: &*const subvm_package_t| -> Result<Arc<Package>, subvm_error_t> {
            Ok(Arc::clone(&borrowed(*package, "an element of replay.packages")?.0))
        };
        let packages = packages.map(package).collect::<Result<Vec<_>, _>>()?;
        (slice(asked.recording, "replay.recording")?, text(asked.file, "replay.file")?, packages)
    };
    let replay = match (bytes.is_empty(), path.is_empty()) {
        (false, true) => Replay::open(Cursor::new(bytes.to_vec()))?,
        (true, false) => {
            let failed = |error| subvm_error_t::new(SUBVM_ERROR_IO, &format!("opening the recording {path}: {error}"));
            Replay::open(BufReader::new(File::open(path).map_err(failed)?))?
        }
        (true, true) => return Err(argument("replay.recording and replay.file are both empty: give one")),
        (false, false) => return Err(argument("replay.recording and replay.file are both there: give one")),
    };
    Ok(packages.into_iter().fold(replay, Replay::with_package))
}

fn verdict(verdict: &Verdict) -> u32 {
    match verdict {
        Verdict::Same => SUBVM_VERDICT_SAME,
        Verdict::Ends => SUBVM_VERDICT_ENDS,
        Verdict::Stopped(_) => SUBVM_VERDICT_STOPPED,
        Verdict::NoPackage(_) => SUBVM_VERDICT_NO_PACKAGE,
        // Where it differs, and what a later release may tell apart from that.
        _ => SUBVM_VERDICT_DIFFERS,
    }
}

/// Runs a recording again, on any engine, without a node: no callback is called. Whether it was the recorded run is the verdict, not an error. `why`,
/// which may be NULL, is where the verdict goes in words: the call that differs, and what was recorded there. `report`, which may be NULL, is set to
/// what the run came to where the verdict is SUBVM_VERDICT_SAME and the run has a result; else to NULL.
///
/// SUBVM_ERROR_FORMAT where it is no recording, SUBVM_ERROR_DAMAGED where it is a damaged one, SUBVM_ERROR_RELEASE where another release is needed,
/// SUBVM_ERROR_IO where the file cannot be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_replay(
    engine: *const subvm_engine_t,
    asked: *const subvm_replay_t,
    replayed: *mut subvm_replayed_t,
    why: *mut subvm_buffer_t,
    report: *mut *mut subvm_report_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (engine, replay) = unsafe { (borrowed(engine, "engine")?.engine(), opened(&sized(asked)?)?) };
        if replayed.is_null() {
            return Err(argument("replayed is NULL"));
        }
        let Replayed { verdict: found, result, trace, calls, .. } = replay.on(engine)?;
        let text = found.to_string();
        let (found, trace) = (verdict(&found), subvm_word_t { bytes: trace });
        let (error, made) = match result {
            Ok(made) => (0, Some(made).filter(|_| found == SUBVM_VERDICT_SAME)),
            Err(error) => (subvm_error_t::from(error).code(), None),
        };
        // SAFETY: by the rules for pointers.
        unsafe {
            put(replayed, "replayed", subvm_replayed_t { verdict: found, error, trace, calls })?;
            if let Some(why) = why.as_mut() {
                why.set(text.into_bytes());
            }
            if !report.is_null() {
                let made = made.map_or(std::ptr::null_mut(), |made| Box::into_raw(Box::new(subvm_report_t::new(made))));
                put(report, "report", made)?;
            }
        }
        Ok(())
    })
}
