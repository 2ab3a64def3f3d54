//! Reads recordings.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use crate::format::block::{HEAD, Head, MAGIC, OPENING, VERSION};
use crate::format::code;
use crate::format::place::Place;
use crate::format::record::Record;
use crate::format::wire::{Source, Wrong};

/// Why a recording cannot be read, or be read further.
///
/// ```
/// use subvm_replay::{ReadError, Reader};
/// assert!(matches!(Reader::new(&b"something else"[..]), Err(ReadError::NotARecording)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The source fails.
    Source(io::Error),
    /// It does not begin as a recording does.
    NotARecording,
    /// It is of a version that this release does not read.
    Version(u8),
    /// It is damaged.
    Damaged {
        /// The number of the block, from 0.
        block: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => write!(f, "{error}"),
            Self::NotARecording => f.write_str("not a recording: it does not begin with `subvmrec`"),
            Self::Version(version) => {
                write!(f, "a recording of version {version}; this release reads version {VERSION}")
            }
            Self::Damaged { block, what } => write!(f, "a damaged recording: block {block}: {what}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Source(error) = self { Some(error) } else { None }
    }
}

/// The records of a recording, in order. One that was cut is read up to its last whole record; one that was changed is an error where that
/// shows.
///
/// See [`Record`] for an example.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    place: Place,
    block: Vec<u8>,
    /// Where the next record begins in the block.
    at: usize,
    /// The head of the block, where all of the block is here.
    head: Option<Head>,
    check: [u8; 8],
    /// Nothing where reading began in the middle.
    hasher: Option<blake3::Hasher>,
    steps: u64,
    blocks: u64,
    /// Whether the record that was read last is a step of the trace.
    step: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// The block is the last, and not all of it is here.
    Cut,
    Done,
}

impl<R: Read> Reader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// Where it does not begin as a recording of this version.
    pub fn new(mut source: R) -> Result<Self, ReadError> {
        let opening = fill(&mut source, OPENING)?;
        let (magic, version) = opening.split_at(opening.len().min(MAGIC.len()));
        if magic != MAGIC {
            return Err(ReadError::NotARecording);
        }
        match version {
            [VERSION] => Ok(Self::at(source, Place::default(), [0; 8], 0, Some(blake3::Hasher::new()))),
            [other] => Err(ReadError::Version(*other)),
            _ => Err(ReadError::NotARecording),
        }
    }

    fn at(source: R, place: Place, check: [u8; 8], steps: u64, hasher: Option<blake3::Hasher>) -> Self {
        let (block, blocks, state) = (Vec::new(), 0, State::Reading);
        Self { source, place, block, at: 0, head: None, check, hasher, steps, blocks, step: false, state }
    }

    /// Whether the recording has its end. Known once the last record was read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.place.ended()
    }

    /// The trace digest of what was read so far.
    #[must_use]
    pub fn trace(&self) -> [u8; 32] {
        self.hasher.as_ref().map_or([0; 32], |hasher| *hasher.finalize().as_bytes())
    }

    /// Steps of the trace read so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Host calls that began so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.place.calls()
    }

    /// The sub-VM that executes after the record that was read last: from the main one down, each by its number among its parent's children.
    #[must_use]
    pub fn path(&self) -> Vec<u64> {
        self.place.path()
    }

    /// Whether the record that was read last is a step of the trace: the same on every node.
    #[must_use]
    pub fn is_step(&self) -> bool {
        self.step
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Blocks that were begun.
    pub(crate) fn blocks(&self) -> u64 {
        self.blocks
    }

    fn damaged<T>(&mut self, what: &'static str) -> Result<T, ReadError> {
        self.state = State::Done;
        Err(ReadError::Damaged { block: self.blocks.saturating_sub(1), what })
    }

    /// Reads the next record; nothing at the end.
    fn read(&mut self) -> Result<Option<Record>, ReadError> {
        while self.at == self.block.len() {
            if self.state != State::Reading || !self.next_block()? {
                self.state = State::Done;
                return Ok(None);
            }
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let mut source = Source(rest);
        let record = match code::read(&mut source, &self.place) {
            // An end counts where all of its block vouches for it.
            Ok(Record::RunEnds(_)) if self.state == State::Cut => {
                self.state = State::Done;
                return Ok(None);
            }
            Ok(record) => record,
            // What is there of it is not checked by any digest: it ends where it makes no sense.
            Err(_) if self.state == State::Cut => {
                self.state = State::Done;
                self.at = self.block.len();
                return Ok(None);
            }
            Err(Wrong::Ends) => return self.damaged("a block ends within a record"),
            Err(Wrong::Malformed(what)) => return self.damaged(what),
        };
        let taken = rest.len() - source.0.len();
        match self.place.go(&record) {
            Ok(step) => self.step = step,
            Err(_) if self.state == State::Cut => {
                self.state = State::Done;
                self.at = self.block.len();
                return Ok(None);
            }
            Err(what) => return self.damaged(what),
        }
        if self.step {
            self.steps += 1;
            if let Some(hasher) = &mut self.hasher {
                hasher.update(rest.get(..taken).unwrap_or_default());
            }
        }
        self.at += taken;
        if self.at == self.block.len() {
            self.check_end()?;
        }
        Ok(Some(record))
    }

    /// At the end of a block its head has to have told the truth.
    fn check_end(&mut self) -> Result<(), ReadError> {
        let Some(head) = self.head.take() else { return Ok(()) };
        let trace = self.hasher.is_none() || head.trace == self.trace();
        if head.steps == self.steps && trace { Ok(()) } else { self.damaged("the trace digest is another") }
    }

    /// Goes on to the next block; `false` where there is none.
    fn next_block(&mut self) -> Result<bool, ReadError> {
        let bytes = fill(&mut self.source, HEAD)?;
        let Some(bytes) = bytes.first_chunk::<HEAD>() else {
            return if bytes.is_empty() || !self.place.ended() {
                Ok(false)
            } else {
                self.damaged("something follows the end of the run")
            };
        };
        if self.place.ended() {
            return self.damaged("something follows the end of the run");
        }
        self.blocks += 1;
        let head = match Head::read(self.check, bytes) {
            Ok(head) => head,
            Err(what) => return self.damaged(what),
        };
        self.check = head.check;
        let stored = fill(&mut self.source, head.stored as usize)?;
        let whole = stored.len() == head.stored as usize;
        self.block = if whole {
            match head.open(&stored) {
                Ok(raw) => raw,
                Err(what) => return self.damaged(what),
            }
        } else {
            self.state = State::Cut;
            head.open_cut(&stored)
        };
        let mut source = Source(&self.block);
        let place = match Place::read(&mut source) {
            Ok(place) => place,
            Err(_) if !whole => return Ok(false),
            Err(_) => return self.damaged("it does not begin with a place"),
        };
        self.at = self.block.len() - source.0.len();
        if place != self.place {
            return if whole { self.damaged("it begins at another place") } else { Ok(false) };
        }
        if whole && self.at == self.block.len() {
            return self.damaged("a block without records");
        }
        self.head = whole.then_some(head);
        Ok(true)
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        let next = self.read();
        if next.is_err() {
            self.state = State::Done;
        }
        next.transpose()
    }
}

/// A place in a recording from which reading can go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// Where the block begins.
    offset: u64,
    check: [u8; 8],
    /// Steps before it.
    pub(crate) steps: u64,
    /// The trace digest before it.
    pub(crate) trace: [u8; 32],
}

impl Mark {
    /// The beginning of any recording.
    pub(crate) fn start() -> Self {
        Self { offset: OPENING as u64, check: [0; 8], steps: 0, trace: *blake3::hash(b"").as_bytes() }
    }
}

impl<R: Read + Seek> Reader<R> {
    /// The places at which blocks begin, without reading their records; ascending. A head that cannot be read is the end.
    pub(crate) fn marks(source: &mut R) -> Result<Vec<Mark>, ReadError> {
        source.seek(SeekFrom::Start(0)).map_err(ReadError::Source)?;
        Reader::new(&mut *source)?;
        let mut mark = Mark::start();
        let mut marks = Vec::new();
        loop {
            source.seek(SeekFrom::Start(mark.offset)).map_err(ReadError::Source)?;
            let bytes = fill(source, HEAD)?;
            let Some(Ok(head)) = bytes.first_chunk().map(|bytes| Head::read(mark.check, bytes)) else {
                return Ok(marks);
            };
            marks.push(mark);
            let offset = mark.offset + HEAD as u64 + u64::from(head.stored);
            mark = Mark { offset, check: head.check, steps: head.steps, trace: head.trace };
        }
    }

    /// Reads on from a mark.
    pub(crate) fn from_mark(mut source: R, mark: Mark) -> Result<Self, ReadError> {
        // The place stands in the block itself.
        let place = Self::place_at(&mut source, mark)?;
        source.seek(SeekFrom::Start(mark.offset)).map_err(ReadError::Source)?;
        let hasher = (mark.offset == OPENING as u64).then(blake3::Hasher::new);
        Ok(Self::at(source, place, mark.check, mark.steps, hasher))
    }

    fn place_at(source: &mut R, mark: Mark) -> Result<Place, ReadError> {
        source.seek(SeekFrom::Start(mark.offset)).map_err(ReadError::Source)?;
        let bytes = fill(source, HEAD)?;
        let Some(Ok(head)) = bytes.first_chunk().map(|bytes| Head::read(mark.check, bytes)) else {
            return Ok(Place::default());
        };
        let stored = fill(source, head.stored as usize)?;
        let block = head.open_cut(&stored);
        Ok(Place::read(&mut Source(&block)).unwrap_or_default())
    }
}

/// Reads so many bytes, or as many as there are. Nothing is reserved for what is not there.
fn fill(source: &mut impl Read, len: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    source.take(len as u64).read_to_end(&mut bytes).map_err(ReadError::Source)?;
    Ok(bytes)
}
