//! The reference model's descriptors: a map from number to what it refers to. Slow, and small enough to be read against `docs/spec/wasi.md` line by
//! line.

use std::collections::BTreeMap;

use subvm_core::Resource;
use subvm_core::wasi::Errno;

use super::files::{Files, words};
use super::*;

/// The state of a sub-VM.
pub(crate) struct Model {
    /// Whether rights are reported and not enforced, roots are announced, and files have a date.
    pub(crate) program: bool,
    pub(crate) files: Files,
    pub(crate) open: BTreeMap<u32, Description>,
    pub(crate) free_pool: Vec<u32>,
    pub(crate) next_id: u32,
    pub(crate) ram: u64,
    pub(crate) ram_limit: u64,
    pub(crate) fds_limit: usize,
}

/// What a descriptor refers to.
#[derive(Clone)]
pub(crate) struct Description {
    pub(crate) base: u64,
    pub(crate) inheriting: u64,
    pub(crate) what: What,
}

#[derive(Clone)]
pub(crate) enum What {
    Stream(Stream),
    /// `charged` bytes of RAM are given back when it is closed.
    File {
        path: Option<String>,
        bytes: Vec<u8>,
        offset: u64,
        charged: u64,
    },
    Directory {
        path: String,
        /// The number that it had at the start.
        initial: Option<u32>,
    },
}

/// What a call comes to: its errno and what it wrote, or the resource that is used up.
pub(crate) type Answer = Result<(Errno, Vec<u8>), Resource>;

const CONTENT: u64 = FD_READ | FD_SEEK | FD_TELL | FD_FILESTAT_GET;
const FILE: u64 = CONTENT | FD_ADVISE | FD_SYNC | FD_DATASYNC;
const BELOW: u64 = DIRECTORY | FD_READ | FD_SEEK | FD_TELL | FD_WRITE;

impl Model {
    /// With these roots beside `/`.
    pub(crate) fn new(program: bool, files: Files, roots: &[&str], ram_limit: u64, fds_limit: usize) -> Self {
        let stream =
            |stream| Description { base: FD_WRITE | FD_FILESTAT_GET, inheriting: 0, what: What::Stream(stream) };
        let message = What::File { path: None, bytes: MESSAGE.into(), offset: 0, charged: 0 };
        let message = Description { base: CONTENT, inheriting: 0, what: message };
        let mut open = BTreeMap::from([(0, message), (1, stream(Stream::Stdout)), (2, stream(Stream::Stderr))]);
        let roots = if program { roots } else { &[] };
        let mut next_id = 2;
        for path in [""].iter().chain(roots) {
            next_id += 1;
            let what = What::Directory { path: (*path).to_owned(), initial: Some(next_id) };
            open.insert(next_id, Description { base: DIRECTORY, inheriting: BELOW, what });
        }
        Self { program, files, open, free_pool: vec![], next_id, ram: 0, ram_limit, fds_limit }
    }

    /// The seed's `allocate`.
    fn allocate(&mut self, description: Description, content: u64) -> Result<u32, Resource> {
        if self.open.len() >= self.fds_limit {
            return Err(Resource::Fds);
        }
        let charge = content + if self.free_pool.is_empty() { 96 } else { 0 };
        if self.ram + charge > self.ram_limit {
            return Err(Resource::Memory);
        }
        self.ram += charge;
        let fd = self.free_pool.pop().unwrap_or_else(|| {
            self.next_id += 1;
            self.next_id
        });
        assert!(self.open.insert(fd, description).is_none());
        Ok(fd)
    }

    /// The seed's `deallocate`, with the content's RAM given back.
    fn deallocate(&mut self, fd: u32) -> Description {
        let description = self.open.remove(&fd).unwrap();
        self.free_pool.push(fd);
        self.release(&description);
        description
    }

    fn release(&mut self, description: &Description) {
        if let What::File { charged, .. } = description.what {
            self.ram -= charged;
        }
    }

    pub(crate) fn attach(&mut self, bytes: &[u8]) -> Answer {
        let charged = bytes.len() as u64;
        let what = What::File { path: None, bytes: bytes.into(), offset: 0, charged };
        let fd = self.allocate(Description { base: CONTENT, inheriting: 0, what }, charged)?;
        Ok((Errno::Success, fd.to_le_bytes().into()))
    }

    pub(crate) fn path_open(&mut self, dir: u32, path: &[u8], oflags: u64, base: u64, inheriting: u64) -> Answer {
        let found = match self.lookup(dir, path, PATH_OPEN) {
            Err((Errno::Noent, true)) if oflags & 1 != 0 => Err(Errno::Rofs),
            Err((errno, _)) => Err(errno),
            Ok(_) if oflags & 5 == 5 => Err(Errno::Exist),
            Ok(path) if oflags & 2 != 0 && !self.files.is_directory(&path) => Err(Errno::Notdir),
            Ok(path) if oflags & 8 != 0 || base & FD_WRITE != 0 => {
                Err(if self.files.is_directory(&path) { Errno::Isdir } else { Errno::Rofs })
            }
            Ok(path) => Ok(path),
        };
        let path = match found {
            Ok(path) => path,
            Err(errno) => return Ok((errno, vec![])),
        };
        let granted = self.open[&dir].inheriting;
        let description = match self.files.0.get(&path).cloned() {
            Some(bytes) => Description {
                base: base & granted & FILE,
                inheriting: inheriting & granted & FILE,
                what: What::File { path: Some(path), bytes, offset: 0, charged: 0 },
            },
            None => Description {
                base: base & granted & DIRECTORY,
                inheriting: inheriting & granted & BELOW,
                what: What::Directory { path, initial: None },
            },
        };
        let fd = self.allocate(description, 0)?;
        Ok((Errno::Success, fd.to_le_bytes().into()))
    }

    fn lookup(&self, dir: u32, path: &[u8], right: u64) -> Result<String, (Errno, bool)> {
        let root = self.directory(dir, right).map_err(|errno| (errno, false))?;
        self.files.walk(root, path)
    }

    /// Where the directory of a descriptor with this right is.
    pub(crate) fn directory(&self, fd: u32, right: u64) -> Result<&str, Errno> {
        let description = self.get(fd)?;
        match &description.what {
            What::Directory { .. } if self.lacks(fd, right)? => Err(Errno::Notcapable),
            What::Directory { path, .. } => Ok(path),
            _ => Err(Errno::Notdir),
        }
    }

    /// All calls but those that take a new number.
    pub(crate) fn call(&mut self, op: &Op) -> Result<Vec<u8>, Errno> {
        match *op {
            Op::Close(fd) => {
                self.get(fd)?;
                self.deallocate(fd);
                Ok(vec![])
            }
            Op::Renumber(fd, to) => self.renumber(fd, to),
            Op::Stat { dir, ref path } => {
                let path = self.lookup(dir, path, PATH_FILESTAT_GET).map_err(|(errno, _)| errno)?;
                Ok(self.dated(self.files.stat(&path)))
            }
            Op::Read { fd, len } => self.read(fd, len, None),
            Op::Pread { fd, len, offset } => self.read(fd, len, Some(offset)),
            Op::Seek { fd, offset, whence } => self.seek(fd, offset, whence),
            Op::Tell(fd) => self.tell(fd),
            Op::List { fd, len, cookie } => self.list(fd, len, cookie),
            Op::Fdstat(fd) => {
                let Description { base, inheriting, ref what } = *self.get(fd)?;
                let filetype = match what {
                    What::Stream(_) => 0,
                    What::Directory { .. } => 3,
                    What::File { .. } => 4,
                };
                Ok(words(&[filetype, base, inheriting]))
            }
            Op::Filestat(fd) => self.filestat(fd),
            Op::Prestat(fd) => Ok(words(&[(self.announced(fd)?.len() as u64) << 32])),
            Op::Open { .. } | Op::Attach(_) => unreachable!("these may use up a resource"),
        }
    }

    /// The name under which a descriptor is announced.
    pub(crate) fn announced(&self, fd: u32) -> Result<&str, Errno> {
        match &self.get(fd)?.what {
            _ if !self.program => Err(Errno::Notsup),
            What::Directory { path, initial } if *initial == Some(fd) => Ok(if path.is_empty() { "/" } else { path }),
            _ => Err(Errno::Badf),
        }
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Description, Errno> {
        self.open.get(&fd).ok_or(Errno::Badf)
    }

    /// Whether a descriptor may not be used for any of this.
    fn lacks(&self, fd: u32, any: u64) -> Result<bool, Errno> {
        Ok(!self.program && self.get(fd)?.base & any == 0)
    }

    /// A file's attributes with the three times that all have.
    fn dated(&self, mut filestat: Vec<u8>) -> Vec<u8> {
        filestat[40..].copy_from_slice(&words(&[if self.program { IN_1980 } else { 0 }; 3]));
        filestat
    }

    fn renumber(&mut self, fd: u32, to: u32) -> Result<Vec<u8>, Errno> {
        self.get(fd)?;
        let closed = self.get(to)?.clone();
        if fd != to {
            self.release(&closed);
            let moved = self.open.remove(&fd).unwrap();
            self.free_pool.push(fd);
            self.open.insert(to, moved);
        }
        Ok(vec![])
    }

    /// The kind and the rights that reading needs; `anywhere` as `fd_pread` does.
    pub(crate) fn readable(&self, fd: u32, anywhere: bool) -> Result<(), Errno> {
        let description = self.get(fd)?;
        match description.what {
            What::Directory { .. } => Err(Errno::Isdir),
            What::Stream(_) => Err(Errno::Badf),
            What::File { .. } if self.lacks(fd, FD_READ)? => Err(Errno::Badf),
            What::File { .. } if anywhere && self.lacks(fd, FD_SEEK)? => Err(Errno::Notcapable),
            What::File { .. } => Ok(()),
        }
    }

    /// The number of bytes, then the bytes.
    pub(crate) fn read(&mut self, fd: u32, len: u32, at: Option<u64>) -> Result<Vec<u8>, Errno> {
        self.readable(fd, at.is_some())?;
        let Some(Description { what: What::File { bytes, offset, .. }, .. }) = self.open.get_mut(&fd) else {
            unreachable!("files alone are readable")
        };
        let from = at.unwrap_or(*offset).min(bytes.len() as u64) as usize;
        let read = &bytes[from..bytes.len().min(from + len as usize)];
        if at.is_none() {
            *offset += read.len() as u64;
        }
        Ok([&(read.len() as u32).to_le_bytes(), read].concat())
    }

    /// The kind and the rights that seeking needs.
    pub(crate) fn seekable(&self, fd: u32, delta: i64, whence: u32) -> Result<(), Errno> {
        let description = self.get(fd)?;
        let tells = !self.lacks(fd, FD_TELL)? && whence == 1 && delta == 0;
        match description.what {
            What::Stream(_) => Err(Errno::Spipe),
            What::File { .. } if !self.lacks(fd, FD_SEEK)? || tells => Ok(()),
            _ => Err(Errno::Notcapable),
        }
    }

    pub(crate) fn seek(&mut self, fd: u32, delta: i64, whence: u32) -> Result<Vec<u8>, Errno> {
        if whence > 2 {
            return Err(Errno::Inval);
        }
        self.seekable(fd, delta, whence)?;
        let Some(Description { what: What::File { bytes, offset, .. }, .. }) = self.open.get_mut(&fd) else {
            unreachable!("files alone are seekable")
        };
        let to = [0, i128::from(*offset), bytes.len() as i128][whence as usize] + i128::from(delta);
        if to < 0 || to > i128::from(i64::MAX) {
            return Err(Errno::Inval);
        }
        *offset = to as u64;
        Ok(words(&[*offset]))
    }

    pub(crate) fn tell(&self, fd: u32) -> Result<Vec<u8>, Errno> {
        let description = self.get(fd)?;
        match description.what {
            What::Stream(_) => Err(Errno::Spipe),
            What::File { offset, .. } if !self.lacks(fd, FD_TELL | FD_SEEK)? => Ok(words(&[offset])),
            _ => Err(Errno::Notcapable),
        }
    }

    fn list(&self, fd: u32, len: u32, cookie: u64) -> Result<Vec<u8>, Errno> {
        let description = self.get(fd)?;
        match &description.what {
            What::Directory { .. } if self.lacks(fd, FD_READDIR)? => Err(Errno::Notcapable),
            What::Directory { path, .. } => {
                let page = self.files.listing(path).into_iter().skip(cookie.min(1 << 20) as usize).flatten();
                let page: Vec<u8> = page.take(len as usize).collect();
                Ok([&(page.len() as u32).to_le_bytes(), &page[..]].concat())
            }
            _ => Err(Errno::Notdir),
        }
    }

    fn filestat(&self, fd: u32) -> Result<Vec<u8>, Errno> {
        let description = self.get(fd)?;
        if self.lacks(fd, FD_FILESTAT_GET)? {
            return Err(Errno::Notcapable);
        }
        Ok(self.dated(match &description.what {
            What::Stream(_) => words(&[0, 0, 0, 1, 0, 0, 0, 0]),
            What::Directory { path, .. } | What::File { path: Some(path), .. } => self.files.stat(path),
            What::File { path: None, bytes, .. } => words(&[0, 0, 4, 1, bytes.len() as u64, 0, 0, 0]),
        }))
    }
}
