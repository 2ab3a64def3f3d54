//! A call of the table, made of a guest.

use std::sync::Arc;

use subvm_core::vfs::Tree;
use subvm_core::wasi::{Args, Config, Env, Errno, Refused};
use subvm_core::{Outcome, Personality, VmError};

use super::program::Program;
use crate::support::{Guest, config, files::words};

/// Where the parts of a call stand in memory.
const IOVECS: u32 = 0x800;
const PATHS: u32 = 0x1000;
const NUMBERS: u64 = 0x2000;
const SUBSCRIPTIONS: u32 = 0x4000;
const EVENTS: u64 = 0x5000;
const BUFFER: u32 = 0x8000;

/// What the programs find, or would have made before.
const FILES: [(&str, &str); 7] = [
    ("/dir/nested/file", ""),
    ("/empty", ""),
    ("/four", "\0\x01\x02\x03"),
    ("/lseek.txt", "01234567"),
    ("/one/file", ""),
    ("/pair/file-0", ""),
    ("/pair/file-1", ""),
];

/// The words of flags and rights in typenames.witx, with their bits.
const BITS: [(&str, u64); 47] = [
    ("fd_datasync", 1),
    ("fd_read", 1 << 1),
    ("fd_seek", 1 << 2),
    ("fd_fdstat_set_flags", 1 << 3),
    ("fd_sync", 1 << 4),
    ("fd_tell", 1 << 5),
    ("fd_write", 1 << 6),
    ("fd_advise", 1 << 7),
    ("fd_allocate", 1 << 8),
    ("path_create_directory", 1 << 9),
    ("path_create_file", 1 << 10),
    ("path_link_source", 1 << 11),
    ("path_link_target", 1 << 12),
    ("path_open", 1 << 13),
    ("fd_readdir", 1 << 14),
    ("path_readlink", 1 << 15),
    ("path_rename_source", 1 << 16),
    ("path_rename_target", 1 << 17),
    ("path_filestat_get", 1 << 18),
    ("path_filestat_set_size", 1 << 19),
    ("path_filestat_set_times", 1 << 20),
    ("fd_filestat_get", 1 << 21),
    ("fd_filestat_set_size", 1 << 22),
    ("fd_filestat_set_times", 1 << 23),
    ("path_symlink", 1 << 24),
    ("path_remove_directory", 1 << 25),
    ("path_unlink_file", 1 << 26),
    ("poll_fd_readwrite", 1 << 27),
    ("sock_shutdown", 1 << 28),
    ("sock_accept", 1 << 29),
    // Flags of path_open, and of what it looks up.
    ("creat", 1),
    ("directory", 2),
    ("excl", 4),
    ("trunc", 8),
    ("follow", 1),
    // Of descriptors.
    ("append", 1),
    ("dsync", 2),
    ("nonblock", 4),
    ("rsync", 8),
    ("sync", 16),
    // Which times are set.
    ("atim", 1),
    ("atim_now", 2),
    ("mtim", 4),
    ("mtim_now", 8),
    // From where is sought.
    ("set", 0),
    ("cur", 1),
    ("end", 2),
];

/// Functions that write a number of 4 bytes, or of 8, and at which argument.
const NUMBERS_OF_4: [(&str, usize); 9] = [
    ("args_sizes_get", 0),
    ("environ_sizes_get", 0),
    ("fd_pread", 4),
    ("fd_pwrite", 4),
    ("fd_read", 3),
    ("fd_readdir", 4),
    ("fd_write", 3),
    ("path_readlink", 5),
    ("poll_oneoff", 3),
];
const NUMBERS_OF_8: [(&str, usize); 2] = [("fd_seek", 3), ("fd_tell", 1)];

/// A guest, and what it has opened.
pub(crate) struct Calls {
    guest: Guest,
    root: u32,
    opened: Vec<u32>,
    /// Where the next path is put.
    paths: u32,
}

impl Calls {
    pub(crate) fn new(program: &Program, personality: Personality) -> Self {
        let mut tree = Tree::builder();
        for (path, bytes) in FILES {
            tree.map(path, bytes.as_bytes().into()).unwrap();
        }
        tree.map("/file", [0; 100].into()).unwrap();
        tree.make_directory("/void").unwrap();
        let args = std::iter::once("program").chain(program.args.iter().map(String::as_str));
        let env = program.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut guest = Guest::with(Config {
            files: Arc::new(tree.build()),
            personality,
            args: Arc::new(Args::new(args).unwrap()),
            env: Arc::new(Env::new(env, &Refused::default()).unwrap()),
            ..config()
        });
        // As the suite's library opens its directory: with the rights that descriptor 3 has.
        guest.ok("fd_fdstat_get", &[3, NUMBERS]);
        let [base, inheriting] = [8, 16].map(|at| guest.u64(NUMBERS as u32 + at));
        guest.put(PATHS, b".");
        guest.ok("path_open", &[3, 0, PATHS.into(), 1, 2, base, inheriting, 0, NUMBERS]);
        let root = guest.u32(NUMBERS as u32);
        Self { guest, root, opened: vec![], paths: PATHS }
    }

    /// Makes a call, and says what it comes to, as the table does.
    pub(crate) fn make(&mut self, call: &str) -> String {
        self.paths = PATHS;
        let (name, rest) = call.split_once(' ').unwrap_or((call, ""));
        let mut args = vec![];
        let mut rest = rest;
        while !rest.is_empty() {
            // A text may hold spaces.
            let end = if let Some(within) = rest.strip_prefix('"') {
                within.find('"').expect("an end of the text") + 2
            } else {
                rest.find(' ').unwrap_or(rest.len())
            };
            self.argument(&rest[..end], &mut args);
            rest = rest[end..].trim_start();
        }
        match self.guest.call(name, &args) {
            Ok(Errno::Success) => self.succeeded(name, &args),
            Ok(errno) => format!("{errno:?}").to_lowercase(),
            Err(Outcome::Return(_)) => "exit:0".to_owned(),
            Err(Outcome::VmError(VmError::ExitCode(code))) => format!("exit:{code}"),
            Err(end) => panic!("{call}: {end:?}"),
        }
    }

    fn argument(&mut self, token: &str, args: &mut Vec<u64>) {
        if let Some(text) = token.strip_prefix('"') {
            let text = text.trim_end_matches('"').replace("\\0", "\0");
            self.guest.put(self.paths, text.as_bytes());
            args.extend([self.paths.into(), text.len() as u64]);
            self.paths += 0x100;
        } else if let Some(len) = token.strip_prefix('[') {
            let len = len.trim_end_matches(']').parse().unwrap();
            self.guest.put_iovecs(IOVECS, &[(BUFFER, len)]);
            args.extend([IOVECS.into(), 1]);
        } else if let Some(wanted) = token.strip_prefix('<') {
            let wanted: Vec<_> = wanted.trim_end_matches('>').split(',').collect();
            for (index, wanted) in wanted.iter().enumerate() {
                self.guest.put(SUBSCRIPTIONS + 48 * index as u32, &subscription(index as u64, wanted));
            }
            args.extend([SUBSCRIPTIONS.into(), EVENTS, wanted.len() as u64]);
        } else if let Some(back) = token.strip_prefix('$') {
            let back: usize = if back.is_empty() { 0 } else { back.parse().unwrap() };
            args.push(self.opened[self.opened.len() - 1 - back].into());
        } else if let Some(at) = token.strip_prefix('@') {
            let at: u64 = if at.is_empty() { 0 } else { at.parse().unwrap() };
            args.push(NUMBERS + at);
        } else if token == "root" {
            args.push(self.root.into());
        } else {
            args.push(number(token));
        }
    }

    fn succeeded(&mut self, name: &str, args: &[u64]) -> String {
        let at = |table: &[(&str, usize)]| {
            let place = table.iter().find(|(function, _)| *function == name);
            place.map(|&(_, index)| args[index] as u32)
        };
        if name == "path_open" {
            self.opened.push(self.guest.u32(args[8] as u32));
        }
        if let Some(at) = at(&NUMBERS_OF_4) {
            format!("ok:{}", self.guest.u32(at))
        } else if let Some(at) = at(&NUMBERS_OF_8) {
            format!("ok:{}", self.guest.u64(at))
        } else {
            "ok".to_owned()
        }
    }
}

/// A number, or words of [`BITS`] with `+` between.
fn number(token: &str) -> u64 {
    if let Ok(number) = token.parse::<i64>() {
        return number as u64;
    }
    let bit = |word| BITS.iter().find(|(name, _)| *name == word).unwrap_or_else(|| panic!("no such word: {word}")).1;
    token.split('+').map(bit).fold(0, |bits, bit| bits | bit)
}

/// `clock`, a fifth of a second from now; or `read:FD`, `write:FD`.
fn subscription(userdata: u64, wanted: &str) -> Vec<u8> {
    const FIFTH: u64 = 200_000_000;
    let descriptor = |tag: u64, fd: &str| words(&[userdata, tag, fd.parse().unwrap(), 0, 0, 0]);
    match wanted.split_once(':') {
        None => words(&[userdata, 0, 1, FIFTH, 0, 0]),
        Some(("read", fd)) => descriptor(1, fd),
        Some((_, fd)) => descriptor(2, fd),
    }
}
