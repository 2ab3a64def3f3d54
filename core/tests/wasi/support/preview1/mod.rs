//! The reference model of all 46 functions: from a guest's memory, a call and what the calls before came to, what it must come to, to the byte and to
//! the tick. Written from `docs/spec/wasi.md` and `docs/spec/gas.md`, to be read beside them; descriptors and files are those of [`Model`].
//!
//! A call goes through the checks in the order of the specification and does what it does at the end: one that fails on the way cannot have an effect.

mod guest;
mod paths;
mod poll;
mod prices;
mod transfer;

use std::ops::Range;

use subvm_core::host::Stream;
use subvm_core::wasi::Errno;
use subvm_core::{Outcome, Resource, Trap, VmError};

use self::guest::Generator;
use super::model::{Model, What};

/// A sub-VM, and what its last call printed.
pub(crate) struct Reference {
    pub(crate) mem: Vec<u8>,
    /// What is left; negative where a call ended for want of it.
    pub(crate) ticks: i64,
    pub(crate) descriptors: Model,
    pub(crate) printed: Option<(Stream, Vec<u8>)>,
    /// Whether `fd_prestat_get` ever answered `Notsup`.
    pub(crate) prestat_refused: bool,
    pub(crate) settings: Settings,
    /// What all clocks show.
    pub(crate) clock: u64,
    generator: Option<Generator>,
}

/// What does not change.
pub(crate) struct Settings {
    pub(crate) deterministic: bool,
    /// The personality: `program`, or `seed`.
    pub(crate) program: bool,
    pub(crate) args: Vec<String>,
    /// As `NAME=value`, in order.
    pub(crate) env: Vec<String>,
    pub(crate) now: u64,
    /// The most bytes that the host's generator gives; it fails where more are asked for. They are 1, 2, 3 .. 255, 1 ..
    pub(crate) host_random: u32,
}

/// Why a call does not succeed.
pub(crate) enum Stop {
    Errno(Errno),
    End(Outcome),
}

type Done<T = ()> = Result<T, Stop>;

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<VmError> for Stop {
    fn from(error: VmError) -> Self {
        Self::End(Outcome::VmError(error))
    }
}

impl Reference {
    pub(crate) fn new(settings: Settings, mem: Vec<u8>, descriptors: Model) -> Self {
        let clock = settings.now;
        Self {
            mem,
            ticks: i64::MAX,
            descriptors,
            printed: None,
            prestat_refused: false,
            settings,
            clock,
            generator: None,
        }
    }

    /// What the call comes to.
    pub(crate) fn call(&mut self, name: &str, args: &[u64]) -> Result<Errno, Outcome> {
        self.printed = None;
        match self.charge(prices::base(name)).and_then(|()| self.body(name, args)) {
            Ok(()) => Ok(Errno::Success),
            Err(Stop::Errno(errno)) => Ok(errno),
            Err(Stop::End(outcome)) => Err(outcome),
        }
    }

    /// A call that is paid for. Of an i32 the upper half of what is passed does not count.
    fn body(&mut self, name: &str, args: &[u64]) -> Done {
        let int = |place: usize| args[place] as u32;
        let long = |place: usize| args[place];
        match name {
            "args_get" => self.strings(self.settings.args.clone(), int(0), int(1)),
            "args_sizes_get" => self.sizes(&self.settings.args.clone(), int(0), int(1)),
            "environ_get" => self.strings(self.settings.env.clone(), int(0), int(1)),
            "environ_sizes_get" => self.sizes(&self.settings.env.clone(), int(0), int(1)),
            "clock_res_get" => self.clock(int(0), 1, int(1)),
            "clock_time_get" => self.clock(int(0), self.clock, int(2)),
            "random_get" => self.random(int(0), int(1)),
            "proc_exit" => Err(Stop::End(match int(0).cast_signed() {
                0 => Outcome::Return(vec![0]),
                code => Outcome::VmError(VmError::ExitCode(code)),
            })),
            "fd_read" => self.read(int(0), (int(1), int(2)), None, int(3)),
            "fd_pread" => self.read(int(0), (int(1), int(2)), Some(long(3)), int(4)),
            "fd_write" => self.write(int(0), (int(1), int(2)), int(3)),
            "fd_seek" => self.seek(int(0), long(1).cast_signed(), int(2), int(3)),
            "fd_tell" => self.tell(int(0), int(1)),
            "fd_close" => self.close(int(0)),
            "fd_renumber" => self.renumber(int(0), int(1)),
            "fd_fdstat_get" => self.fdstat(int(0), int(1)),
            "fd_filestat_get" => self.filestat(int(0), int(1)),
            "fd_prestat_get" => self.prestat(int(0), int(1)),
            "fd_prestat_dir_name" => self.prestat_name(int(0), int(1), int(2)),
            "fd_readdir" => self.readdir(int(0), (int(1), int(2)), long(3), int(4)),
            "path_filestat_get" => self.path_filestat(int(0), int(1), (int(2), int(3)), int(4)),
            "path_open" => {
                let flags = paths::Flags { lookup: int(1), open: int(4), descriptor: int(7) };
                self.path_open(int(0), &flags, (int(2), int(3)), (long(5), long(6)), int(8))
            }
            "fd_fdstat_set_flags" if self.settings.program => self.set_flags(int(0), int(1)),
            "path_readlink" if self.settings.program => {
                self.readlink(int(0), (int(1), int(2)), (int(3), int(4)), int(5))
            }
            "path_remove_directory" | "path_unlink_file" if self.settings.program => {
                self.remove(int(0), (int(1), int(2)))
            }
            "path_rename" if self.settings.program => self.rename(int(0), (int(1), int(2)), int(3), (int(4), int(5))),
            "poll_oneoff" if self.settings.program => self.poll(int(0), int(1), int(2), int(3)),
            "sched_yield" if self.settings.program => Ok(()),
            _ => match always(name) {
                Errno::Success => Ok(()),
                errno => Err(errno.into()),
            },
        }
    }

    fn charge(&mut self, ticks: u64) -> Done {
        self.ticks -= ticks.cast_signed();
        if self.ticks < 0 { Err(VmError::OutOf(Resource::GasTime).into()) } else { Ok(()) }
    }

    /// Where `len` bytes from `at` are, for a witx type of this alignment.
    fn range(&self, at: u32, len: u64, align: u32) -> Done<Range<usize>> {
        let end = u64::from(at) + len;
        if end > self.mem.len() as u64 {
            return Err(VmError::Trap(Trap::MemoryOutOfBounds).into());
        }
        if !at.is_multiple_of(align) {
            return Err(VmError::Trap(Trap::HeapMisaligned).into());
        }
        Ok(at as usize..end as usize)
    }

    /// Writes as much as there is.
    fn put(&mut self, at: u32, bytes: &[u8]) {
        self.mem[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn what(&self, fd: u32) -> Done<&What> {
        Ok(&self.descriptors.get(fd)?.what)
    }
}

/// The answer of the functions that have but one, under this personality or under all.
fn always(name: &str) -> Errno {
    match name {
        "sock_accept" | "sock_recv" | "sock_send" | "sock_shutdown" => Errno::Acces,
        "path_readlink" => Errno::Badf,
        "poll_oneoff" | "proc_raise" | "sched_yield" | "fd_pwrite" => Errno::Notsup,
        "fd_advise" | "fd_sync" | "fd_datasync" => Errno::Success,
        "fd_allocate" | "fd_fdstat_set_flags" | "fd_fdstat_set_rights" => Errno::Rofs,
        "fd_filestat_set_size" | "fd_filestat_set_times" | "path_filestat_set_times" => Errno::Rofs,
        "path_create_directory" | "path_remove_directory" | "path_unlink_file" => Errno::Rofs,
        "path_link" | "path_rename" | "path_symlink" => Errno::Rofs,
        _ => panic!("{name} is no function of WASI Preview 1"),
    }
}
