//! A snapshot's things, one after the other, from bytes that come bit by bit: no more of them is held at once than one thing has.

use std::io::{self, Read as Bytes, Write};

use subvm_core::wire::{Read, Source, Wrong};

use super::SnapshotError;
use crate::tx::said;

/// Bytes that are read, or written, at once.
const PIECE: usize = 64 << 10;
/// Bytes of one thing: a call, a block, a contract's package, a vote with its ballots. No rules let one have so many.
const THING: usize = 256 << 20;

/// Where they come from.
pub(crate) struct Stream<'a> {
    from: &'a mut dyn Bytes,
    bytes: Vec<u8>,
    /// So many of them are done with.
    at: usize,
    ended: bool,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(from: &'a mut dyn Bytes) -> Self {
        Self { from, bytes: Vec::new(), at: 0, ended: false }
    }

    /// The thing that comes next. It is begun anew where it turns out that not all of it is there yet.
    pub(crate) fn one<T>(&mut self, take: impl Fn(&mut Source<'_>) -> Read<T>) -> Result<T, SnapshotError> {
        loop {
            let mut source = Source(&self.bytes[self.at..]);
            match take(&mut source) {
                Ok(thing) => {
                    self.at = self.bytes.len() - source.0.len();
                    return Ok(thing);
                }
                Err(Wrong::Ends) if !self.ended => self.more()?,
                Err(wrong) => return Err(SnapshotError::Malformed(said(wrong))),
            }
        }
    }

    /// How many of something follow.
    pub(crate) fn count(&mut self) -> Result<u64, SnapshotError> {
        self.one(|source| source.uint())
    }

    /// A list of them.
    pub(crate) fn list<T>(&mut self, take: impl Fn(&mut Source<'_>) -> Read<T>) -> Result<Vec<T>, SnapshotError> {
        let mut all = Vec::new();
        for _ in 0..self.count()? {
            all.push(self.one(&take)?);
        }
        Ok(all)
    }

    /// Nothing follows.
    pub(crate) fn ends(&mut self) -> Result<(), SnapshotError> {
        if self.at == self.bytes.len() && !self.ended {
            self.more()?;
        }
        if self.at == self.bytes.len() { Ok(()) } else { Err(SnapshotError::Malformed("bytes follow it")) }
    }

    fn more(&mut self) -> Result<(), SnapshotError> {
        self.bytes.drain(..self.at);
        self.at = 0;
        if self.bytes.len() >= THING {
            return Err(SnapshotError::Malformed("one thing of it is larger than any may be"));
        }
        // Twice as much each time: what is begun anew costs no more than what is read.
        let most = self.bytes.len().max(PIECE) as u64;
        let read = Bytes::take(&mut *self.from, most).read_to_end(&mut self.bytes);
        self.ended = read.map_err(|error| SnapshotError::Unread(error.to_string()))? == 0;
        Ok(())
    }
}

/// Where they go.
pub(crate) struct Out<'a> {
    to: &'a mut dyn Write,
    pub(crate) bytes: Vec<u8>,
}

impl<'a> Out<'a> {
    pub(crate) fn new(to: &'a mut dyn Write) -> Self {
        Self { to, bytes: Vec::new() }
    }

    /// A thing was put into the bytes: they are handed on where there are enough of them.
    pub(crate) fn put(&mut self) -> io::Result<()> {
        if self.bytes.len() >= PIECE { self.end() } else { Ok(()) }
    }

    /// Hands on what is left.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.to.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Bytes for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let one = into.len().min(1);
            self.0.read(&mut into[..one])
        }
    }

    #[test]
    fn things_come_whole_however_their_bytes_come() {
        let things: Vec<Vec<u8>> = [0, 1, 3 * PIECE, 5, 2 * PIECE].map(|len| vec![7; len]).into();
        let mut bytes = Vec::new();
        subvm_core::wire::put_uint(&mut bytes, things.len() as u64);
        things.iter().for_each(|thing| subvm_core::wire::put_bytes(&mut bytes, thing));
        let take = |from: &mut dyn Bytes| -> Result<Vec<Vec<u8>>, SnapshotError> {
            let mut stream = Stream::new(from);
            let list = stream.list(|source| source.bytes().map(<[u8]>::to_vec))?;
            stream.ends().map(|()| list)
        };
        assert_eq!(take(&mut &bytes[..]).as_ref(), Ok(&things));
        assert_eq!(take(&mut Slow(&bytes)).as_ref(), Ok(&things));
        for len in [0, 1, 2, PIECE, bytes.len() - 1] {
            let cut = take(&mut Slow(&bytes[..len]));
            assert!(matches!(cut, Err(SnapshotError::Malformed("the bytes end before it does"))), "{len}: {cut:?}");
        }
        bytes.push(0);
        assert_eq!(take(&mut Slow(&bytes)), Err(SnapshotError::Malformed("bytes follow it")));
        // A length that no thing has is not waited for.
        let mut endless = vec![0xff; 9];
        endless.push(1);
        let mut endless = Bytes::chain(&endless[..], io::repeat(0));
        let endless = Stream::new(&mut endless).one(|source| source.bytes().map(<[u8]>::len));
        assert_eq!(endless, Err(SnapshotError::Malformed("one thing of it is larger than any may be")));
    }
}
