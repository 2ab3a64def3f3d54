//! A guest without a module: memory, and what its calls see.

use std::sync::Arc;

use subvm_core::costs::Limits;
use subvm_core::host::{Node, Patience};
use subvm_core::vfs::Tree;
use subvm_core::wasi::{Args, Config, Env, Refused, State, entry};
use subvm_core::{Cx, Mode, Personality, Ram};
use subvm_host_mock::MemoryHost;

/// fd_read, fd_seek, fd_tell, fd_filestat_get.
const FILE_RIGHTS: u64 = 0x20_0026;
/// fd_readdir.
const DIRECTORY_RIGHTS: u64 = 0x4000;
/// Bytes of the file: more than all calls of a case read.
const FILE: usize = 1 << 20;

/// Descriptor 4 is a file, descriptor 5 a directory of 100 entries.
pub(crate) struct Guest {
    mem: Vec<u8>,
    ticks: i64,
    state: State,
    ram: Ram,
    limits: Limits,
    node: Node,
    patience: Patience,
}

impl Guest {
    pub(crate) fn new() -> Self {
        let mut tree = Tree::builder();
        tree.map("/a/b/c/file.txt", vec![7; FILE].into()).expect("a path");
        for number in 0..100 {
            tree.map(&format!("/dir100/entry_{number:03}.txt"), Arc::default()).expect("a path");
        }
        let config = Config {
            mode: Mode::Deterministic,
            stdin: Vec::new(),
            files: Arc::new(tree.build()),
            args: Arc::new(Args::new(["prog", "--flag", "value"]).expect("arguments")),
            env: Arc::new(Env::new([("HOME", "/"), ("USER", "vm")], &Refused::default()).expect("an environment")),
            personality: Personality::Program,
            now: 1_700_000_000_000_000_000,
            schedule: &subvm_core::costs::instructions::Schedule::V1,
        };
        let mut ram = Ram::new(1 << 30);
        let state = State::new(config, &mut ram).expect("there is room");
        let (mem, node) = (vec![0; 1 << 16], MemoryHost::new().node());
        let mut guest =
            Self { mem, ticks: i64::MAX, state, ram, limits: Limits::default(), node, patience: Patience::default() };
        guest.mem[16..24].copy_from_slice(&[0, 0x10, 0, 0, 64, 0, 0, 0]);
        guest.mem[32..40].copy_from_slice(&[0, 0x20, 0, 0, 0, 0x10, 0, 0]);
        guest.mem[64..78].copy_from_slice(b"a/b/c/file.txt");
        guest.mem[96..102].copy_from_slice(b"dir100");
        guest.call(|cx| entry::path_open(cx, 3, 0, 64, 14, 0, FILE_RIGHTS, 0, 0, 1024));
        guest.call(|cx| entry::path_open(cx, 3, 0, 96, 6, 2, DIRECTORY_RIGHTS, 0, 0, 1024));
        guest
    }

    /// Makes a call, which succeeds.
    #[inline]
    pub(crate) fn call(&mut self, call: impl FnOnce(&mut Cx<'_>) -> Result<u32, subvm_core::End>) {
        let mut cx = Cx {
            mem: &mut self.mem,
            ticks: &mut self.ticks,
            wasi: &mut self.state,
            ram: &mut self.ram,
            limits: &self.limits,
            node: &mut self.node,
            patience: &self.patience,
        };
        assert!(matches!(call(&mut cx), Ok(0)), "the call failed");
    }

    /// Opens the file and closes it again.
    pub(crate) fn open_and_close(&mut self) {
        self.call(|cx| entry::path_open(cx, 3, 0, 64, 14, 0, FILE_RIGHTS, 0, 0, 1024));
        self.call(|cx| entry::fd_close(cx, 6));
    }
}
