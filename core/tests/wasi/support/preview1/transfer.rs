//! Descriptors: reading, writing, moving, closing, attributes.

use std::ops::Range;

use subvm_core::wasi::Errno;

use super::super::files::words;
use super::super::model::What;
use super::super::{FD_WRITE, Op};
use super::{Done, Reference, prices};

/// Where a list is, and of how many.
type List = (u32, u32);

impl Reference {
    /// What may be said of a list before the descriptor is looked at.
    fn iovecs_count((_, count): List) -> Done {
        if count > 1024 { Err(Errno::Inval.into()) } else { Ok(()) }
    }

    /// The iovecs of a list, with the sum of their lengths: paid, and inside memory.
    fn iovecs(&mut self, (at, count): List) -> Done<(Vec<Range<usize>>, u32)> {
        self.charge(u64::from(count) * prices::IOVEC)?;
        let list = self.range(at, u64::from(count) * 8, 4)?;
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        let list: Vec<(u32, u32)> =
            self.mem[list].chunks(8).map(|iovec| (number(&iovec[..4]), number(&iovec[4..]))).collect();
        let sum: u64 = list.iter().map(|(_, len)| u64::from(*len)).sum();
        let sum = u32::try_from(sum).map_err(|_| Errno::Inval)?;
        self.charge(prices::copying(sum.into()))?;
        let ranges = list.into_iter().map(|(at, len)| self.range(at, len.into(), 1));
        Ok((ranges.collect::<Done<_>>()?, sum))
    }

    pub(super) fn read(&mut self, fd: u32, list: List, offset: Option<u64>, nread: u32) -> Done {
        Self::iovecs_count(list)?;
        self.descriptors.readable(fd, offset.is_some())?;
        let (iovecs, sum) = self.iovecs(list)?;
        self.range(nread, 4, 4)?;
        let answer = self.descriptors.read(fd, sum, offset)?;
        let (count, mut bytes) = answer.split_at(4);
        for iovec in iovecs {
            let (now, later) = bytes.split_at(iovec.len().min(bytes.len()));
            self.put(iovec.start as u32, now);
            bytes = later;
        }
        self.put(nread, count);
        Ok(())
    }

    pub(super) fn write(&mut self, fd: u32, list: List, nwritten: u32) -> Done {
        Self::iovecs_count(list)?;
        let stream = match *self.what(fd)? {
            What::Stream(stream) if self.descriptors.get(fd)?.base & FD_WRITE != 0 => stream,
            _ => return Err(Errno::Badf.into()),
        };
        let (iovecs, sum) = self.iovecs(list)?;
        self.range(nwritten, 4, 4)?;
        let mut printed = Vec::with_capacity(sum as usize);
        iovecs.into_iter().for_each(|iovec| printed.extend(&self.mem[iovec]));
        self.printed = Some((stream, printed));
        self.put(nwritten, &sum.to_le_bytes());
        Ok(())
    }

    pub(super) fn seek(&mut self, fd: u32, delta: i64, whence: u32, at: u32) -> Done {
        if whence > 2 {
            return Err(Errno::Inval.into());
        }
        self.descriptors.seekable(fd, delta, whence)?;
        self.range(at, 8, 8)?;
        let offset = self.descriptors.seek(fd, delta, whence)?;
        self.put(at, &offset);
        Ok(())
    }

    pub(super) fn tell(&mut self, fd: u32, at: u32) -> Done {
        let offset = self.descriptors.tell(fd)?;
        self.answer(at, 8, &offset)
    }

    pub(super) fn close(&mut self, fd: u32) -> Done {
        self.descriptors.call(&Op::Close(fd))?;
        Ok(())
    }

    pub(super) fn renumber(&mut self, fd: u32, to: u32) -> Done {
        self.descriptors.call(&Op::Renumber(fd, to))?;
        Ok(())
    }

    pub(super) fn fdstat(&mut self, fd: u32, at: u32) -> Done {
        let stat = self.descriptors.call(&Op::Fdstat(fd))?;
        self.answer(at, 8, &stat)
    }

    pub(super) fn filestat(&mut self, fd: u32, at: u32) -> Done {
        let stat = self.descriptors.call(&Op::Filestat(fd))?;
        self.answer(at, 8, &stat)
    }

    /// None of the five flags changes anything.
    pub(super) fn set_flags(&mut self, fd: u32, flags: u32) -> Done {
        self.charge(prices::DESCRIPTOR - prices::ANSWER)?;
        if flags > 31 {
            return Err(Errno::Inval.into());
        }
        self.what(fd)?;
        Ok(())
    }

    pub(super) fn prestat(&mut self, fd: u32, at: u32) -> Done {
        let announced = self.descriptors.announced(fd).map(|name| name.len() as u64);
        self.prestat_refused |= announced == Err(Errno::Notsup);
        // The tag of a directory, then the length of its name.
        self.answer(at, 4, &words(&[announced? << 32]))
    }

    pub(super) fn prestat_name(&mut self, fd: u32, at: u32, len: u32) -> Done {
        let name = self.descriptors.announced(fd)?.to_owned();
        self.charge(prices::copying(len.into()))?;
        self.range(at, len.into(), 1)?;
        if (len as usize) < name.len() {
            return Err(Errno::Nametoolong.into());
        }
        self.put(at, name.as_bytes());
        Ok(())
    }

    /// Writes what a call found, where nothing but its place can be wrong any more.
    pub(super) fn answer(&mut self, at: u32, align: u32, bytes: &[u8]) -> Done {
        self.range(at, bytes.len() as u64, align)?;
        self.put(at, bytes);
        Ok(())
    }
}
