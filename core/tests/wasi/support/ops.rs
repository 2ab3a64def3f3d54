//! Calls made from bytes, and the comparison of what they come to with the model: one body for property tests and for fuzzing.

use std::sync::Arc;

use subvm_core::fd::Content;
use subvm_core::vfs::{MapErrorKind, Tree};
use subvm_core::wasi::{Config, Errno};
use subvm_core::{Outcome, Ram, VmError};

use super::files::Files;
use super::model::{Answer, Model};
use super::*;

/// A call of the model's.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Open { dir: u32, path: Vec<u8>, oflags: u64, base: u64, inheriting: u64 },
    Attach(u8),
    Close(u32),
    Renumber(u32, u32),
    Stat { dir: u32, path: Vec<u8> },
    Read { fd: u32, len: u32 },
    Pread { fd: u32, len: u32, offset: u64 },
    Seek { fd: u32, offset: i64, whence: u32 },
    Tell(u32),
    List { fd: u32, len: u32, cookie: u64 },
    Fdstat(u32),
    Filestat(u32),
    Prestat(u32),
}

/// Bytes to be made into something; zeros follow the last.
pub(crate) struct Source<'a>(pub(crate) &'a [u8]);

impl Source<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    fn fd(&mut self) -> u32 {
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 3, 3, 4, 5, u32::MAX][usize::from(self.below(16))]
    }

    fn rights(&mut self) -> u64 {
        match self.below(4) {
            0 => READABLE,
            1 => ALL_RIGHTS & !FD_WRITE,
            2 => ALL_RIGHTS,
            _ => {
                let bits =
                    [PATH_OPEN, FD_READ, FD_SEEK, FD_TELL, FD_READDIR, PATH_FILESTAT_GET, FD_FILESTAT_GET, FD_SYNC];
                let chosen = self.byte();
                bits.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 != 0).map(|(_, right)| right).sum()
            }
        }
    }

    fn number(&mut self) -> u64 {
        let small = u64::from(self.byte());
        [small, small, small.wrapping_neg(), i64::MAX as u64 - small, 1 << (small % 64)][usize::from(self.below(5))]
    }

    pub(crate) fn path(&mut self) -> Vec<u8> {
        let count = self.below(6);
        let components: Vec<Vec<u8>> = (0..count).map(|_| self.component()).collect();
        components.join(&b'/')
    }

    fn component(&mut self) -> Vec<u8> {
        let names: [&[u8]; 15] = [
            b"",
            b".",
            b"..",
            b"dir",
            b"sub",
            b"deep",
            b"one",
            b"a.txt",
            b"empty",
            b"no",
            "ünï".as_bytes(),
            b"..",
            b"dir",
            b"\0",
            b"\xFF",
        ];
        match self.below(17) {
            15 => vec![b'x'; 255 + usize::from(self.below(2))],
            16 => vec![self.byte()],
            name => names[usize::from(name)].to_vec(),
        }
    }

    fn op(&mut self) -> Op {
        match self.below(16) {
            0..=2 => Op::Open {
                dir: self.fd(),
                path: self.path(),
                oflags: if self.below(2) == 0 { 0 } else { self.below(16).into() },
                base: self.rights(),
                inheriting: self.rights(),
            },
            3 => Op::Attach(self.byte()),
            4 | 5 => Op::Close(self.fd()),
            6 => Op::Renumber(self.fd(), self.fd()),
            7 => Op::Stat { dir: self.fd(), path: self.path() },
            8 => Op::Read { fd: self.fd(), len: self.byte().into() },
            9 => Op::Pread { fd: self.fd(), len: self.byte().into(), offset: self.number() },
            10 => Op::Seek { fd: self.fd(), offset: self.number().cast_signed(), whence: self.below(4).into() },
            11 => Op::Tell(self.fd()),
            12 => Op::List { fd: self.fd(), len: self.byte().into(), cookie: self.number() },
            13 => Op::Fdstat(self.fd()),
            14 => Op::Filestat(self.fd()),
            _ => Op::Prestat(self.fd()),
        }
    }
}

/// Roots beside `/`: one of them below another.
pub(crate) const ROOTS: [&str; 2] = ["/dir/sub", "/dir"];

/// Drives the model and the implementation with the calls that `bytes` make, under each personality, with roots beside `/` and without.
pub(crate) fn descriptors(bytes: &[u8]) {
    for personality in [Personality::Seed, Personality::Program] {
        for roots in [&[][..], &ROOTS] {
            descriptors_of(personality, roots, Source(bytes));
        }
    }
}

fn descriptors_of(personality: Personality, roots: &[&str], mut source: Source<'_>) {
    let mut pair = Pair::of_some_files(personality, roots, 9);
    while !source.0.is_empty() {
        pair.step(&source.op());
    }
}

/// Drives the model and the implementation, which has these roots beside `/` and allows `open_fds` descriptors, with these calls.
pub(crate) fn sequence<'a>(personality: Personality, roots: &[&str], open_fds: u32, ops: impl Iterator<Item = &'a Op>) {
    let mut pair = Pair::of_some_files(personality, roots, open_fds);
    ops.for_each(|op| pair.step(op));
}

/// Builds a tree and the model of it from `bytes`, then compares what walks, attributes and listings tell of them.
pub(crate) fn tree(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (mut tree, mut files) = (Tree::builder(), Files::default());
    for _ in 0..source.below(24) {
        let names = ["a", "b", "c", "a-", "ab"];
        let path: String = (0..=source.below(5)).map(|_| format!("/{}", names[usize::from(source.below(5))])).collect();
        let bytes = vec![7; source.below(4).into()];
        let mapped = tree.map(&path, bytes.as_slice().into());
        assert_eq!(mapped.map_err(|error| error.kind), files.map(&path, &bytes), "{path}");
    }
    let roots = announce(&mut tree, &files, bytes);
    let tree = tree.build();
    assert!(tree.roots().eq(roots.iter().map(String::as_str)));
    assert_eq!(tree.ram(), files.0.keys().map(|path| 256 + path.len() as u64).sum::<u64>());
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    let first = 4 + roots.len() as u32;
    let mut pair = Pair::new(Personality::Program, tree, files.clone(), &roots, 1 << 20, 20);
    for path in files.0.keys() {
        let relative = &path.as_bytes()[1..];
        pair.step(&Op::Stat { dir: 3, path: relative.to_vec() });
        let directory = path[1..].rsplit_once('/').map_or(".", |(directory, _)| directory);
        let open = Op::Open { dir: 3, path: directory.into(), oflags: 2, base: READABLE, inheriting: READABLE };
        pair.step(&open);
        for cookie in 0..4 {
            pair.step(&Op::List { fd: first, len: source.byte().into(), cookie });
        }
        pair.step(&Op::Close(first));
    }
    for _ in 0..32 {
        let names = ["a", "b", "c", "a-", "ab", "..", ".", ""];
        let path: Vec<&str> = (0..source.below(6)).map(|_| names[usize::from(source.below(8))]).collect();
        for dir in 3..first {
            pair.step(&Op::Stat { dir, path: path.join("/").into() });
        }
    }
}

/// Announces what `bytes`, the last first, name: directories, files, what is not there, and some of them twice.
fn announce(tree: &mut subvm_core::vfs::TreeBuilder, files: &Files, bytes: &[u8]) -> Vec<String> {
    let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
    let mut source = Source(&reversed);
    let mut roots: Vec<String> = Vec::new();
    for _ in 0..source.below(8) {
        let names = ["a", "b", "c", "a-", "ab"];
        let path: String = (0..source.below(4)).map(|_| format!("/{}", names[usize::from(source.below(5))])).collect();
        let path = if path.is_empty() { "/".to_owned() } else { path };
        let announced = tree.announce(&path).map_err(|error| error.kind);
        let through_file = files.0.keys().any(|file| path.starts_with(&format!("{file}/")));
        let expected = match () {
            () if path == "/" || roots.contains(&path) => Err(MapErrorKind::Announced),
            () if files.is_directory(&path) => {
                roots.push(path.clone());
                Ok(())
            }
            () if through_file => Err(MapErrorKind::ThroughFile),
            () => Err(MapErrorKind::NoDirectory),
        };
        assert_eq!(announced, expected, "{path}");
    }
    roots
}

/// The model and the implementation, side by side.
struct Pair {
    model: Model,
    guest: Guest,
}

impl Pair {
    fn of_some_files(personality: Personality, roots: &[&str], open_fds: u32) -> Self {
        let (mut tree, mut files) = (Tree::builder(), Files::default());
        for (path, bytes) in
            [("/a.txt", "hello"), ("/empty", ""), ("/dir/one", "1"), ("/dir/sub/deep", "deep"), ("/ünï", "ü")]
        {
            tree.map(path, bytes.as_bytes().into()).unwrap();
            files.map(path, bytes.as_bytes()).unwrap();
        }
        roots.iter().for_each(|path| tree.announce(path).unwrap());
        Self::new(personality, tree.build(), files, roots, 1000, open_fds)
    }

    fn new(personality: Personality, tree: Tree, files: Files, roots: &[&str], ram: u64, open_fds: u32) -> Self {
        let announced = if personality == Personality::Program { roots.len() as u64 } else { 0 };
        let mapped = tree.ram() + 96 * announced;
        let mut guest = Guest::with(Config { files: Arc::new(tree), personality, ..config() });
        assert_eq!(guest.ram.used(), mapped);
        guest.ram = Ram::new(ram);
        guest.limits.open_fds = open_fds;
        guest.mem.truncate(0x2000);
        Self { model: Model::new(personality == Personality::Program, files, roots, ram, open_fds as usize), guest }
    }

    fn step(&mut self, op: &Op) {
        let expected = match op {
            Op::Open { dir, path, oflags, base, inheriting } => {
                self.model.path_open(*dir, path, *oflags, *base, *inheriting)
            }
            Op::Attach(len) => self.model.attach(&vec![7; (*len).into()]),
            op => Ok(self.model.call(op).map_or_else(|errno| (errno, vec![]), |bytes| (Errno::Success, bytes))),
        };
        assert_eq!(perform(&mut self.guest, op), expected, "{op:?}");
        self.check();
    }

    /// The seed's three invariants, and that all that can be seen of the descriptors is what the model says.
    fn check(&mut self) {
        let model = &self.model;
        assert!(model.free_pool.iter().all(|fd| !model.open.contains_key(fd)));
        assert!(model.free_pool.iter().chain(model.open.keys()).all(|fd| *fd <= model.next_id));
        assert_eq!(model.open.len() + model.free_pool.len(), model.next_id as usize + 1);
        assert_eq!(self.guest.ram.used(), model.ram);
        for fd in 0..12 {
            let seen = self.guest.descriptor(fd).map(|(_, offset)| offset);
            let expected = model
                .open
                .contains_key(&fd)
                .then(|| model.tell(fd).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())));
            assert_eq!(seen, expected, "descriptor {fd}");
        }
    }
}

/// Makes the call, and gathers what it wrote.
fn perform(guest: &mut Guest, op: &Op) -> Answer {
    const OUT: u32 = 0x1800;
    let out = u64::from(OUT);
    guest.mem.fill(FILL);
    let call = |guest: &mut Guest, name: &str, args: &[u64], written: u32| match guest.call(name, args) {
        Ok(Errno::Success) => Ok((Errno::Success, guest.bytes(OUT, written).to_vec())),
        Ok(errno) => {
            assert!(guest.bytes(OUT, 64).iter().all(|byte| *byte == FILL), "{name} fails and writes");
            Ok((errno, vec![]))
        }
        Err(Outcome::VmError(VmError::OutOf(resource))) => Err(resource),
        Err(other) => panic!("{name}({args:?}) ends in {other:?}"),
    };
    match op {
        Op::Open { dir, path, oflags, base, inheriting } => {
            guest.put(0x10, path);
            let args = [u64::from(*dir), 0, 0x10, path.len() as u64, *oflags, *base, *inheriting, 0, out];
            call(guest, "path_open", &args, 4)
        }
        Op::Attach(len) => {
            let content = Content::Bytes(vec![7; (*len).into()]);
            let fd = guest.state.attach(content, &mut guest.ram, &guest.limits);
            fd.map(|fd| (Errno::Success, fd.0.to_le_bytes().into()))
        }
        Op::Stat { dir, path } => {
            guest.put(0x10, path);
            call(guest, "path_filestat_get", &[u64::from(*dir), 0, 0x10, path.len() as u64, out], 64)
        }
        Op::Close(fd) => call(guest, "fd_close", &[u64::from(*fd)], 0),
        Op::Renumber(fd, to) => call(guest, "fd_renumber", &[u64::from(*fd), u64::from(*to)], 0),
        Op::Read { fd, len } => {
            guest.put_iovecs(0x10, &[(OUT + 4, *len / 2), (OUT + 4 + *len / 2, len - len / 2)]);
            call(guest, "fd_read", &[u64::from(*fd), 0x10, 2, out], 4).map(|answer| with_bytes(guest, answer))
        }
        Op::Pread { fd, len, offset } => {
            guest.put_iovecs(0x10, &[(OUT + 4, *len)]);
            let args = [u64::from(*fd), 0x10, 1, *offset, out];
            call(guest, "fd_pread", &args, 4).map(|answer| with_bytes(guest, answer))
        }
        Op::Seek { fd, offset, whence } => {
            call(guest, "fd_seek", &[u64::from(*fd), offset.cast_unsigned(), u64::from(*whence), out], 8)
        }
        Op::Tell(fd) => call(guest, "fd_tell", &[u64::from(*fd), out], 8),
        Op::List { fd, len, cookie } => {
            let args = [u64::from(*fd), out + 4, u64::from(*len), *cookie, out];
            call(guest, "fd_readdir", &args, 4).map(|answer| with_bytes(guest, answer))
        }
        Op::Fdstat(fd) => call(guest, "fd_fdstat_get", &[u64::from(*fd), out], 24),
        Op::Filestat(fd) => call(guest, "fd_filestat_get", &[u64::from(*fd), out], 64),
        Op::Prestat(fd) => call(guest, "fd_prestat_get", &[u64::from(*fd), out], 8),
    }
}

/// Appends as many bytes as the number before them says.
fn with_bytes(guest: &Guest, (errno, mut bytes): (Errno, Vec<u8>)) -> (Errno, Vec<u8>) {
    const OUT: u32 = 0x1800;
    if errno == Errno::Success {
        bytes.extend(guest.bytes(OUT + 4, guest.u32(OUT)));
    }
    (errno, bytes)
}
