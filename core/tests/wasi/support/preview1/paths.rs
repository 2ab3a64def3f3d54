//! Directories and paths.

use subvm_core::VmError;
use subvm_core::wasi::Errno;

use super::super::files::form;
use super::super::{ALL_RIGHTS, FD_READDIR, Op, PATH_FILESTAT_GET, PATH_OPEN, PATH_READLINK, PATH_REMOVE, PATH_RENAME};
use super::{Done, Reference, prices};

/// Flags, with the bits that there are.
pub(super) struct Flags {
    /// `symlink_follow`
    pub(super) lookup: u32,
    /// `creat`, `directory`, `excl`, `trunc`
    pub(super) open: u32,
    /// `append`, `dsync`, `nonblock`, `rsync`, `sync`
    pub(super) descriptor: u32,
}

/// Where bytes are, and how many.
type Bytes = (u32, u32);

impl Reference {
    pub(super) fn readdir(&mut self, fd: u32, (at, len): Bytes, cookie: u64, used: u32) -> Done {
        self.descriptors.directory(fd, FD_READDIR)?;
        self.charge(u64::from(len) * prices::LISTING_BYTE)?;
        self.range(at, len.into(), 1)?;
        self.range(used, 4, 4)?;
        let answer = self.descriptors.call(&Op::List { fd, len, cookie })?;
        let (count, page) = answer.split_at(4);
        self.put(at, page);
        self.put(used, count);
        Ok(())
    }

    pub(super) fn path_filestat(&mut self, fd: u32, lookup: u32, path: Bytes, at: u32) -> Done {
        if lookup > 1 {
            return Err(Errno::Inval.into());
        }
        let path = self.path(fd, PATH_FILESTAT_GET, path)?;
        self.range(at, 64, 8)?;
        let stat = self.descriptors.call(&Op::Stat { dir: fd, path })?;
        self.put(at, &stat);
        Ok(())
    }

    pub(super) fn path_open(&mut self, fd: u32, flags: &Flags, path: Bytes, rights: (u64, u64), at: u32) -> Done {
        let (base, inheriting) = rights;
        let unknown = flags.lookup > 1 || flags.open > 15 || flags.descriptor > 31;
        if unknown || (base | inheriting) & !ALL_RIGHTS != 0 {
            return Err(Errno::Inval.into());
        }
        let path = self.path(fd, PATH_OPEN, path)?;
        self.range(at, 4, 4)?;
        let opened = self.descriptors.path_open(fd, &path, flags.open.into(), base, inheriting);
        match opened.map_err(VmError::OutOf)? {
            (Errno::Success, number) => self.put(at, &number),
            (errno, _) => return Err(errno.into()),
        }
        Ok(())
    }

    pub(super) fn readlink(&mut self, fd: u32, path: Bytes, (at, len): Bytes, used: u32) -> Done {
        self.charge(prices::WALK - prices::ANSWER)?;
        let path = self.path(fd, PATH_READLINK, path)?;
        self.range(at, len.into(), 1)?;
        self.range(used, 4, 4)?;
        self.exists(fd, path)?;
        Err(Errno::Inval.into())
    }

    pub(super) fn remove(&mut self, fd: u32, path: Bytes) -> Done {
        self.charge(prices::WALK - prices::ANSWER)?;
        let path = self.path(fd, PATH_REMOVE, path)?;
        self.exists(fd, path)?;
        Err(Errno::Rofs.into())
    }

    pub(super) fn rename(&mut self, fd: u32, path: Bytes, new_fd: u32, new_path: Bytes) -> Done {
        self.charge(prices::WALK - prices::ANSWER)?;
        self.descriptors.directory(fd, PATH_RENAME)?;
        self.descriptors.directory(new_fd, PATH_RENAME)?;
        let path = self.path(fd, PATH_RENAME, path)?;
        self.path(new_fd, PATH_RENAME, new_path)?;
        self.exists(fd, path)?;
        Err(Errno::Rofs.into())
    }

    /// Whether a path leads anywhere.
    fn exists(&mut self, fd: u32, path: Vec<u8>) -> Done {
        self.descriptors.call(&Op::Stat { dir: fd, path })?;
        Ok(())
    }

    /// The bytes of a path below a directory: paid, inside memory, and of the right form.
    fn path(&mut self, fd: u32, right: u64, (at, len): Bytes) -> Done<Vec<u8>> {
        self.descriptors.directory(fd, right)?;
        self.charge(u64::from(len) * prices::PATH_BYTE)?;
        let path = self.range(at, len.into(), 1)?;
        let path = self.mem[path].to_vec();
        form(&path)?;
        Ok(path)
    }
}
