//! Bytes of a section that can be read for so long as there is a budget.
//!
//! DWARF refers to itself: ten thousand units may name one list of ranges, and a reader goes through it ten thousand times. So every byte
//! that is read is paid for, from a budget that all sections of a module share.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use gimli::{Error, LittleEndian, Reader, ReaderOffsetId, Result};

/// A part of a section.
#[derive(Clone)]
pub(super) struct Metered {
    bytes: Arc<[u8]>,
    part: Range<usize>,
    budget: Arc<AtomicU64>,
}

impl Metered {
    /// The whole of a section, which is read on `budget`.
    pub(super) fn new(bytes: &[u8], budget: &Arc<AtomicU64>) -> Self {
        Self { bytes: bytes.into(), part: 0..bytes.len(), budget: Arc::clone(budget) }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.part.clone()).unwrap_or_default()
    }

    fn ends(&self) -> Error {
        Error::UnexpectedEof(self.offset_id())
    }

    /// Pays for so many bytes, and for the look at them.
    fn pay(&self, bytes: usize) -> Result<()> {
        let price = bytes as u64 + 1;
        // What two threads take at once is taken twice, or not at all: it is a bound, not a count.
        let left = self.budget.load(Relaxed);
        self.budget.store(left.saturating_sub(price), Relaxed);
        if left < price { Err(self.ends()) } else { Ok(()) }
    }

    fn paid(&self) -> Result<&[u8]> {
        self.pay(self.part.len())?;
        Ok(self.rest())
    }
}

impl fmt::Debug for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} bytes", self.part, self.bytes.len())
    }
}

impl Reader for Metered {
    type Endian = LittleEndian;
    type Offset = usize;

    fn endian(&self) -> LittleEndian {
        LittleEndian
    }

    fn len(&self) -> usize {
        self.part.len()
    }

    fn empty(&mut self) {
        self.part.end = self.part.start;
    }

    fn truncate(&mut self, length: usize) -> Result<()> {
        if length > self.part.len() {
            return Err(self.ends());
        }
        self.part.end = self.part.start + length;
        Ok(())
    }

    fn offset_from(&self, base: &Self) -> usize {
        self.part.start.saturating_sub(base.part.start)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        ReaderOffsetId(self.bytes.as_ptr() as u64 + self.part.start as u64)
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        let first = self.offset_id().0;
        let offset = usize::try_from(id.0.checked_sub(first)?).ok()?;
        (offset <= self.part.len()).then_some(offset)
    }

    fn find(&self, byte: u8) -> Result<usize> {
        let found = self.rest().iter().position(|it| *it == byte);
        self.pay(found.unwrap_or(self.part.len()))?;
        found.ok_or_else(|| self.ends())
    }

    fn skip(&mut self, length: usize) -> Result<()> {
        self.pay(0)?;
        if length > self.part.len() {
            return Err(self.ends());
        }
        self.part.start += length;
        Ok(())
    }

    fn split(&mut self, length: usize) -> Result<Self> {
        let mut first = self.clone();
        first.truncate(length)?;
        self.skip(length)?;
        Ok(first)
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>> {
        self.paid().map(Cow::Borrowed)
    }

    fn to_string(&self) -> Result<Cow<'_, str>> {
        std::str::from_utf8(self.paid()?).map(Cow::Borrowed).map_err(|_| Error::BadUtf8)
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>> {
        Ok(String::from_utf8_lossy(self.paid()?))
    }

    fn read_slice(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.pay(buffer.len())?;
        let bytes = self.rest().get(..buffer.len()).ok_or_else(|| self.ends())?;
        buffer.copy_from_slice(bytes);
        self.part.start += buffer.len();
        Ok(())
    }
}
