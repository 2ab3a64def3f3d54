//! A recording's records, each with where in its run it is.

use std::io::Read;

use crate::format::record::Record;
use crate::reader::{ReadError, Reader};
use crate::replayer::Point;

/// A record, and where in its run it is.
///
/// See [`Timeline`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What was told or done.
    pub record: Record,
    /// When: the sub-VM that executes, and ticks that it had used when it was last heard of. Nothing outside of all sub-VMs.
    pub point: Option<Point>,
    /// Host calls that had begun, this one included.
    pub calls: u64,
}

/// Reads a recording from its beginning, and knows where in its run each record is.
///
/// ```
/// use subvm_replay::{Function, Moment, ReadError, Record, Timeline};
/// /// When the run first wrote to storage.
/// fn first_write(recording: std::fs::File) -> Result<Option<Moment>, ReadError> {
///     let write = |record: &Record| matches!(record, Record::Enters(call) if call.function.name() == "storage_write");
///     Timeline::new(recording)?.find(|moment| moment.as_ref().map_or(true, |moment| write(&moment.record))).transpose()
/// }
/// ```
#[derive(Debug)]
pub struct Timeline<R> {
    reader: Reader<R>,
    frames: Vec<Frame>,
    calls: u64,
}

#[derive(Debug)]
struct Frame {
    number: u64,
    children: u64,
    given: i64,
    ticks: i64,
}

impl<R: Read> Timeline<R> {
    /// From the beginning of a recording.
    ///
    /// # Errors
    /// Where it is none.
    pub fn new(source: R) -> Result<Self, ReadError> {
        Ok(Self { reader: Reader::new(source)?, frames: Vec::new(), calls: 0 })
    }

    fn point(&self) -> Option<Point> {
        let frame = self.frames.last()?;
        let path = self.frames.iter().map(|frame| frame.number).collect();
        Some(Point { path, ticks: frame.given.wrapping_sub(frame.ticks).max(0).unsigned_abs() })
    }

    fn moment(&mut self, record: Record) -> Moment {
        match &record {
            Record::Begins(begins) => {
                let number = self.frames.last_mut().map_or(0, |parent| {
                    parent.children += 1;
                    parent.children - 1
                });
                self.frames.push(Frame { number, children: 0, given: begins.ticks, ticks: begins.ticks });
            }
            Record::Enters(call) => {
                self.calls += 1;
                self.frames.iter_mut().next_back().into_iter().for_each(|frame| frame.ticks = call.ticks);
            }
            Record::Exits(call) => {
                self.frames.iter_mut().next_back().into_iter().for_each(|frame| frame.ticks = call.ticks);
            }
            Record::Ends(ends) => {
                let used = i64::try_from(ends.ticks).unwrap_or(i64::MAX);
                self.frames
                    .iter_mut()
                    .next_back()
                    .into_iter()
                    .for_each(|frame| frame.ticks = frame.given.wrapping_sub(used));
                let point = self.point();
                self.frames.pop();
                return Moment { record, point, calls: self.calls };
            }
            _ => {}
        }
        Moment { point: self.point(), record, calls: self.calls }
    }
}

impl<R: Read> Iterator for Timeline<R> {
    type Item = Result<Moment, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.reader.next()?;
        Some(record.map(|record| self.moment(record)))
    }
}
