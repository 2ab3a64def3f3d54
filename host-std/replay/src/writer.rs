//! Writes records to where a recording is kept.

use std::io::{self, Write};

use crate::format::block::{FULL, Head, MAGIC, RECORD, STEPS, VERSION};
use crate::format::code;
use crate::format::place::Place;
use crate::format::record::Record;

/// Why a recording does not hold all of its run. The run itself went on.
///
/// ```
/// let full = subvm_replay::Incomplete::Full;
/// assert_eq!(full.to_string(), "it came to the bytes that it may have");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Incomplete {
    /// It could not be written.
    Sink(io::Error),
    /// It came to the bytes that [`Options`](crate::Options) allow, or to a record larger than any may be.
    Full,
    /// The run does not follow the rules of runs: what is wrong with it.
    Order(&'static str),
    /// The run never ended: a panic unwound out of it, or it was never begun.
    Open,
}

impl std::fmt::Display for Incomplete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sink(error) => write!(f, "it cannot be written: {error}"),
            Self::Full => f.write_str("it came to the bytes that it may have"),
            Self::Order(what) => write!(f, "the run does not follow the rules of runs: {what}"),
            Self::Open => f.write_str("the run never ended"),
        }
    }
}

impl std::error::Error for Incomplete {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Sink(error) = self { Some(error) } else { None }
    }
}

/// A recording that is written. What goes wrong ends it, and nothing else.
pub(crate) struct Writer {
    sink: Box<dyn Write + Send>,
    /// What goes before the next block: at first the file's opening. A short run is written at once, which takes a sink one call and not three.
    before: Vec<u8>,
    /// Bytes that may still be written.
    left: u64,
    /// Whether each call is written as it begins and as it ends.
    each_call: bool,
    pub(crate) place: Place,
    /// The block so far: the place where it begins, and its records.
    block: Vec<u8>,
    /// Bytes of the place.
    opening: usize,
    check: [u8; 8],
    hasher: blake3::Hasher,
    /// From here on the block's bytes are steps that are not hashed yet: many at once take a fraction of what they take one by one.
    unhashed: usize,
    pub(crate) steps: u64,
    pub(crate) written: u64,
    pub(crate) stopped: Option<Incomplete>,
}

impl Writer {
    pub(crate) fn new(sink: Box<dyn Write + Send>, most: u64, each_call: bool) -> Self {
        let mut writer = Self {
            sink,
            before: [&MAGIC[..], &[VERSION]].concat(),
            left: most,
            each_call,
            place: Place::default(),
            block: Vec::new(),
            opening: 0,
            check: [0; 8],
            hasher: blake3::Hasher::new(),
            unhashed: 0,
            steps: 0,
            written: 0,
            stopped: None,
        };
        writer.open();
        writer
    }

    /// Whether more is taken.
    pub(crate) fn takes(&self) -> bool {
        self.stopped.is_none() && !self.place.ended()
    }

    /// Whether a record with so many bytes is taken; ends the recording where it is too large.
    pub(crate) fn takes_bytes(&mut self, bytes: usize) -> bool {
        if self.takes() && (bytes > RECORD || bytes as u64 > self.left) {
            self.flush();
            self.stopped.get_or_insert(Incomplete::Full);
        }
        self.takes()
    }

    /// The trace digest so far.
    pub(crate) fn trace(&mut self) -> [u8; 32] {
        self.hash_steps(self.block.len());
        *self.hasher.finalize().as_bytes()
    }

    /// Hashes the steps up to this place of the block.
    fn hash_steps(&mut self, end: usize) {
        self.hasher.update(self.block.get(self.unhashed..end).unwrap_or_default());
        self.unhashed = end;
    }

    pub(crate) fn push(&mut self, record: &Record) {
        if !self.takes() {
            return;
        }
        let from = self.block.len();
        code::put(&mut self.block, &self.place, record);
        let bytes = self.block.get(from..).unwrap_or_default();
        if bytes.len() > RECORD || bytes.len() as u64 > self.left {
            self.block.truncate(from);
            self.flush();
            self.stopped.get_or_insert(Incomplete::Full);
            return;
        }
        let step = match self.place.go(record) {
            Ok(step) => step,
            Err(what) => {
                self.block.truncate(from);
                self.flush();
                self.stopped.get_or_insert(Incomplete::Order(what));
                return;
            }
        };
        if step {
            self.steps += 1;
        } else {
            self.hash_steps(from);
            self.unhashed = self.block.len();
        }
        // What comes after one of these may be the last that a process does: a compiler, a guest or a call may end it.
        let told = matches!(
            record,
            Record::Part(_) | Record::Begins(_) | Record::Ends(_) | Record::Enters(_) | Record::Exits(_)
        );
        let full = self.block.len() >= FULL || (step && self.steps.is_multiple_of(STEPS)) || self.place.ended();
        if full || (self.each_call && told) {
            self.flush();
        }
    }

    /// Writes the block, and begins the next. A recording of nothing has its file's opening.
    pub(crate) fn flush(&mut self) {
        if self.stopped.is_some() {
            return;
        }
        if self.block.len() == self.opening {
            self.write(&[], &[]);
            return;
        }
        let trace = self.trace();
        let (head, stored) = Head::seal(self.check, &self.block, self.steps, trace);
        self.check.copy_from_slice(&head[..8]);
        self.write(&head, &stored);
        self.block.clear();
        self.open();
    }

    fn open(&mut self) {
        self.place.put(&mut self.block);
        self.opening = self.block.len();
        self.unhashed = self.opening;
    }

    /// Writes a block, and what goes before it.
    fn write(&mut self, head: &[u8], stored: &[u8]) {
        let mut bytes = std::mem::take(&mut self.before);
        bytes.extend_from_slice(head);
        let len = (bytes.len() + stored.len()) as u64;
        if len > self.left {
            self.stopped.get_or_insert(Incomplete::Full);
            return;
        }
        // A large record goes without being copied.
        let apart = if stored.len() > FULL { stored } else { &[] };
        if apart.is_empty() {
            bytes.extend_from_slice(stored);
        }
        let written =
            [&bytes, apart].into_iter().filter(|part| !part.is_empty()).try_for_each(|part| self.sink.write_all(part));
        match written.and_then(|()| self.sink.flush()) {
            Ok(()) => {
                self.left -= len;
                self.written += len;
            }
            Err(error) => self.stopped = Some(Incomplete::Sink(error)),
        }
    }
}

/// What was not written yet is, where a panic unwinds.
impl Drop for Writer {
    fn drop(&mut self) {
        self.flush();
    }
}
