//! A guest without a module: memory, and the calls that it makes.

pub(crate) mod calls;
pub(crate) mod files;
pub(crate) mod model;
mod node;
pub(crate) mod ops;
mod preview1;

use std::sync::Arc;

pub(crate) use node::{Script, node};
pub(crate) use ops::Op;
use subvm_core::costs::Limits;
use subvm_core::costs::instructions::Schedule;
use subvm_core::host::{Node, Patience, Stream};
use subvm_core::vfs::{Tree, TreeBuilder};
use subvm_core::wasi::{Args, Config, Env, Errno, State, dispatch};
use subvm_core::{Cx, Mode, Outcome, Personality, Ram, Trap, VmError};

/// What memory holds before any call, so that a zero written shows.
pub(crate) const FILL: u8 = 0xAA;
/// Nanoseconds since the epoch.
pub(crate) const NOW: u64 = 1_700_000_000_123_456_789;
/// 1980-01-01T00:00:00Z, in nanoseconds since the epoch.
pub(crate) const IN_1980: u64 = 315_532_800_000_000_000;
/// What descriptor 0 reads.
pub(crate) const MESSAGE: &[u8] = b"the message";

/// A sub-VM as its calls see it.
pub(crate) struct Guest {
    pub(crate) mem: Vec<u8>,
    pub(crate) ticks: i64,
    pub(crate) state: State,
    pub(crate) ram: Ram,
    pub(crate) limits: Limits,
    pub(crate) node: Node,
    pub(crate) patience: Patience,
    pub(crate) script: Script,
}

/// What can be seen of a descriptor: its attributes, and its offset.
pub(crate) type Seen = (Vec<u8>, Result<u64, Errno>);

/// What a call that fails must leave as it was.
#[derive(Debug, PartialEq)]
struct Snapshot {
    mem: Vec<u8>,
    ram: u64,
    descriptors: Vec<Option<Seen>>,
    output: Vec<(Stream, Vec<u8>)>,
}

/// The tree of these tests.
pub(crate) const FILES: [(&str, &str); 6] = [
    ("/a.txt", "hello, world"),
    ("/empty", ""),
    ("/dir/two", "22"),
    ("/dir/one", "1"),
    ("/dir/sub/deep", "deep"),
    ("/ünï", "named beyond ASCII"),
];

pub(crate) fn files() -> Tree {
    tree_of_files().build()
}

pub(crate) fn tree_of_files() -> TreeBuilder {
    let mut tree = Tree::builder();
    for (path, bytes) in FILES {
        tree.map(path, bytes.as_bytes().into()).unwrap();
    }
    tree
}

/// The configuration of these tests.
pub(crate) fn config() -> Config {
    Config {
        mode: Mode::Deterministic,
        stdin: MESSAGE.into(),
        files: Arc::new(files()),
        args: Arc::new(Args::default()),
        env: Arc::new(Env::default()),
        personality: Personality::Seed,
        now: NOW,
        schedule: &Schedule::V1,
    }
}

impl Guest {
    /// With two pages of memory.
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    /// A program of a stock libc, likewise.
    pub(crate) fn program() -> Self {
        Self::with(Config { personality: Personality::Program, ..config() })
    }

    pub(crate) fn with(config: Config) -> Self {
        let mut ram = Ram::new(1 << 30);
        let state = State::new(config, &mut ram).unwrap();
        let (node, script) = node();
        let mem = vec![FILL; 2 << 16];
        let patience = Patience::default();
        Self { mem, ticks: i64::MAX, state, ram, limits: Limits::default(), node, patience, script }
    }

    /// Makes a call, whatever it comes to.
    pub(crate) fn call(&mut self, name: &str, args: &[u64]) -> Result<Errno, Outcome> {
        let mut cx = Cx {
            mem: &mut self.mem,
            ticks: &mut self.ticks,
            wasi: &mut self.state,
            ram: &mut self.ram,
            limits: &self.limits,
            node: &mut self.node,
            patience: &self.patience,
        };
        match dispatch(&mut cx, name, args) {
            Ok(number) => Ok(Errno::from_number(number).unwrap()),
            Err(end) => Err(end.into_result().unwrap()),
        }
    }

    /// Makes a call that succeeds.
    #[track_caller]
    pub(crate) fn ok(&mut self, name: &str, args: &[u64]) {
        assert_eq!(self.call(name, args), Ok(Errno::Success), "{name}({args:?})");
    }

    /// Makes a call that succeeds, writes these bytes, and nothing else.
    #[track_caller]
    pub(crate) fn writes(&mut self, name: &str, args: &[u64], written: &[(u32, &[u8])]) {
        let mut expected = self.mem.clone();
        for (at, bytes) in written {
            expected[*at as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        self.ok(name, args);
        if let Some(at) = (0..expected.len()).find(|&at| expected[at] != self.mem[at]) {
            panic!("{name}({args:?}): byte {at} is {:#x}, not {:#x}", self.mem[at], expected[at]);
        }
    }

    /// Makes a call that fails with `errno` and has no effect.
    #[track_caller]
    pub(crate) fn fails(&mut self, errno: Errno, name: &str, args: &[u64]) {
        let before = self.snapshot();
        assert_eq!(self.call(name, args), Ok(errno), "{name}({args:?})");
        assert!(before == self.snapshot(), "{name}({args:?}) fails and has an effect");
    }

    /// Makes a call that ends the sub-VM with `error` and has no effect.
    #[track_caller]
    pub(crate) fn ends(&mut self, error: VmError, name: &str, args: &[u64]) {
        let before = self.snapshot();
        assert_eq!(self.call(name, args), Err(Outcome::VmError(error)), "{name}({args:?})");
        assert!(before == self.snapshot(), "{name}({args:?}) ends the sub-VM and has an effect");
    }

    /// Makes a call that traps and has no effect.
    #[track_caller]
    pub(crate) fn traps(&mut self, trap: Trap, name: &str, args: &[u64]) {
        self.ends(VmError::Trap(trap), name, args);
    }

    /// Puts bytes into memory.
    pub(crate) fn put(&mut self, at: u32, bytes: &[u8]) {
        self.mem[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Puts iovecs into memory at `at`.
    pub(crate) fn put_iovecs(&mut self, at: u32, iovecs: &[(u32, u32)]) {
        for (index, (ptr, len)) in iovecs.iter().enumerate() {
            self.put(at + 8 * index as u32, &[ptr.to_le_bytes(), len.to_le_bytes()].concat());
        }
    }

    pub(crate) fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.mem[at as usize..][..4].try_into().unwrap())
    }

    pub(crate) fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.mem[at as usize..][..8].try_into().unwrap())
    }

    pub(crate) fn bytes(&self, at: u32, len: u32) -> &[u8] {
        &self.mem[at as usize..][..len as usize]
    }

    /// Opens `path` below descriptor 3 with all rights that can be had; uses memory from 0x1000 on.
    #[track_caller]
    pub(crate) fn open(&mut self, path: &str) -> u32 {
        self.open_with(3, path, READABLE, READABLE)
    }

    /// Opens `path` below a descriptor with these rights; uses memory from 0x1000 on.
    #[track_caller]
    pub(crate) fn open_with(&mut self, dir: u32, path: &str, base: u64, inheriting: u64) -> u32 {
        self.put(0x1004, path.as_bytes());
        self.ok("path_open", &[dir.into(), 0, 0x1004, path.len() as u64, 0, base, inheriting, 0, 0x1000]);
        self.u32(0x1000)
    }

    /// Calls `path_open` below descriptor 3 with these oflags and base rights; uses memory from 0x1000 on.
    pub(crate) fn path_open(&mut self, path: &str, oflags: u64, base: u64) -> [u64; 9] {
        self.put(0x1004, path.as_bytes());
        [3, 0, 0x1004, path.len() as u64, oflags, base, 0, 0, 0x1000]
    }

    /// What was printed since the start.
    pub(crate) fn output(&self) -> Vec<(Stream, Vec<u8>)> {
        self.script.output.lock().unwrap().clone()
    }

    /// Runs `f` with other memory, and time gas that does not count.
    pub(crate) fn aside<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let (mem, ticks) = (std::mem::replace(&mut self.mem, vec![FILL; 256]), self.ticks);
        let result = f(self);
        (self.mem, self.ticks) = (mem, ticks);
        result
    }

    /// The attributes and the offset of a descriptor, if it is open.
    pub(crate) fn descriptor(&mut self, fd: u32) -> Option<Seen> {
        self.aside(|guest| {
            if guest.call("fd_fdstat_get", &[fd.into(), 0]).unwrap() != Errno::Success {
                return None;
            }
            let stat = guest.bytes(0, 24).to_vec();
            let offset = match guest.call("fd_tell", &[fd.into(), 0]).unwrap() {
                Errno::Success => Ok(guest.u64(0)),
                errno => Err(errno),
            };
            Some((stat, offset))
        })
    }

    fn snapshot(&mut self) -> Snapshot {
        let descriptors = if self.ticks < 1 << 40 { vec![] } else { (0..32).map(|fd| self.descriptor(fd)).collect() };
        Snapshot { mem: self.mem.clone(), ram: self.ram.used(), descriptors, output: self.output() }
    }
}

/// The rights that a reader asks for: those of a directory, and to read, seek and tell.
pub(crate) const READABLE: u64 = DIRECTORY | FD_READ | FD_SEEK | FD_TELL;
/// What a directory supports.
pub(crate) const DIRECTORY: u64 = PATH_OPEN | FD_READDIR | PATH_FILESTAT_GET | FD_FILESTAT_GET;

// Bits of `rights` in typenames.witx, written down again.
pub(crate) const FD_DATASYNC: u64 = 0x1;
pub(crate) const FD_READ: u64 = 0x2;
pub(crate) const FD_SEEK: u64 = 0x4;
pub(crate) const FD_SYNC: u64 = 0x10;
pub(crate) const FD_TELL: u64 = 0x20;
pub(crate) const FD_WRITE: u64 = 0x40;
pub(crate) const FD_ADVISE: u64 = 0x80;
pub(crate) const PATH_OPEN: u64 = 0x2000;
pub(crate) const FD_READDIR: u64 = 0x4000;
pub(crate) const PATH_READLINK: u64 = 0x8000;
/// Of the old path, and of the new one.
pub(crate) const PATH_RENAME: u64 = 0x3_0000;
pub(crate) const PATH_FILESTAT_GET: u64 = 0x4_0000;
pub(crate) const FD_FILESTAT_GET: u64 = 0x20_0000;
/// Of directories, and of files.
pub(crate) const PATH_REMOVE: u64 = 0x600_0000;
/// All 30 that there are.
pub(crate) const ALL_RIGHTS: u64 = (1 << 30) - 1;
