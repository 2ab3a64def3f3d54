//! Recordings: everything that a run is told, and each of its host calls, written beside it.

use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use subvm_core::host::Node;
use subvm_replay::{Buffer, Options, Recorded, Recorder};

use crate::border::{Sized_, argument, borrowed, guard, or, put, sized, text};
use crate::buffer::subvm_buffer_t;
use crate::error::{SUBVM_ERROR_IO, subvm_error_t};
use crate::{subvm_bytes_t, subvm_word_t};

/// Where a recording goes, and what it holds. Where all but `size` is zero, it is in memory, and without the contracts' code.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_recording_options_t {
    /// sizeof(subvm_recording_options_t).
    pub size: usize,
    /// The path of a file that is made for it, as UTF-8; empty: it is kept in memory. One that is there already is an error.
    pub file: subvm_bytes_t,
    /// The most bytes that are written; 0: 1 GiB. A run that needs more goes on, and its recording ends.
    pub bytes: u64,
    /// Whether packages are written down, so that it can be replayed alone. Without this, only their digests are.
    pub code: bool,
    /// Whether each host call is written as it begins and as it ends, so that a process that is killed loses none of them: without this, up to
    /// 64 KiB. A call takes some 160 bytes and two writes then.
    pub each_call: bool,
}

impl Sized_ for subvm_recording_options_t {
    const NAME: &'static str = "subvm_recording_options_t";
}

/// The recording of one run: give it to subvm_run_watched. Free it with subvm_recording_free.
pub struct subvm_recording_t(Mutex<State>);

enum State {
    Ready(Sink, Options),
    /// A run has it; or had it, and never ended.
    Running,
    /// The bytes are nothing where they are in a file.
    Done(Recorded, Vec<u8>),
}

enum Sink {
    Memory,
    File(File),
}

/// What came of recording a run.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct subvm_recorded_t {
    /// The trace digest: BLAKE3 of what is the same on every node, whatever its role. Nodes that differ compare it before anything else.
    pub trace: subvm_word_t,
    /// Records that the digest is of.
    pub steps: u64,
    /// Host calls.
    pub calls: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Whether all of the run is in it.
    pub complete: bool,
}

impl subvm_recording_t {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `act` with a node whose parts are recorded.
    pub(crate) fn around<T>(&self, node: Node, act: impl FnOnce(Node) -> (Node, T)) -> Result<T, subvm_error_t> {
        let (sink, options) = {
            let mut state = self.lock();
            match std::mem::replace(&mut *state, State::Running) {
                State::Ready(sink, options) => (sink, options),
                other => {
                    *state = other;
                    return Err(argument("watch.recording has a run already: make one for each"));
                }
            }
        };
        let memory = Buffer::default();
        let (node, recorder) = match sink {
            Sink::Memory => Recorder::wrap(node, memory.clone(), options),
            Sink::File(file) => Recorder::wrap(node, file, options),
        };
        let (node, result) = act(node);
        let (_node, recorded) = recorder.finish(node);
        *self.lock() = State::Done(recorded, memory.bytes());
        Ok(result)
    }
}

/// Makes a recording that nothing is in yet; `options` may be NULL. A file is made at once.
///
/// SUBVM_ERROR_IO where the file cannot be made, or is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_recording_new(
    options: *const subvm_recording_options_t,
    recording: *mut *mut subvm_recording_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let options = if options.is_null() { None } else { Some(unsafe { sized(options)? }) };
        if recording.is_null() {
            return Err(argument("recording is NULL"));
        }
        let (mut sink, mut chosen) = (Sink::Memory, Options::default());
        if let Some(options) = options {
            // SAFETY: by the rules for pointers.
            let path = unsafe { text(options.file, "options.file")? };
            if !path.is_empty() {
                let made = File::create_new(path);
                sink = Sink::File(made.map_err(|error| {
                    subvm_error_t::new(SUBVM_ERROR_IO, &format!("making the recording {path}: {error}"))
                })?);
            }
            let bytes = if options.bytes == 0 { chosen.bytes } else { options.bytes };
            chosen = Options { code: options.code, each_call: options.each_call, bytes };
        }
        let made = Box::into_raw(Box::new(subvm_recording_t(Mutex::new(State::Ready(sink, chosen)))));
        // SAFETY: by the rules for pointers.
        unsafe { put(recording, "recording", made) }
    })
}

/// What came of it, once its run has ended. `why`, which may be NULL, is where a text goes that says why it does not hold all of the run; it is empty
/// where `complete` holds.
///
/// SUBVM_ERROR_ARGUMENT where no run that had it has ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_recording_ended(
    recording: *const subvm_recording_t,
    recorded: *mut subvm_recorded_t,
    why: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let state = unsafe { borrowed(recording, "recording")? }.lock();
        let State::Done(Recorded { trace, steps, calls, bytes, incomplete, .. }, _) = &*state else {
            return Err(argument("recording: no run that had it has ended"));
        };
        let complete = incomplete.is_none();
        let trace = subvm_word_t { bytes: *trace };
        // SAFETY: by the rules for pointers.
        unsafe {
            put(
                recorded,
                "recorded",
                subvm_recorded_t { trace, steps: *steps, calls: *calls, bytes: *bytes, complete },
            )?;
            if let Some(why) = why.as_mut() {
                let text = incomplete.as_ref().map(|why| subvm_observe::chain(why));
                why.set(text.unwrap_or_default().into_bytes());
            }
        }
        Ok(())
    })
}

/// The bytes of a recording in memory whose run has ended; else nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_recording_bytes(recording: *const subvm_recording_t) -> subvm_bytes_t {
    or(subvm_bytes_t::NONE, || {
        // SAFETY: by the rules for pointers.
        let Ok(recording) = (unsafe { borrowed(recording, "recording") }) else { return subvm_bytes_t::NONE };
        // They never change once they are there.
        if let State::Done(_, bytes) = &*recording.lock() { subvm_bytes_t::of(bytes) } else { subvm_bytes_t::NONE }
    })
}

/// Frees a recording that no run has. A file stays. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_recording_free(recording: *mut subvm_recording_t) {
    or((), || {
        if !recording.is_null() {
            // SAFETY: it is of `subvm_recording_new`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(recording) });
        }
    });
}
