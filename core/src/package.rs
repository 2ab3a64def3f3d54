//! A contract's code.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::vfs::Tree;
use crate::wasi::{Args, Env};

/// A WebAssembly module under the name by which others import from it.
#[derive(Clone, Debug)]
pub struct Library {
    /// `[A-Za-z0-9_.-]{1,64}`, unique within the package.
    pub name: String,
    /// The module's octets.
    pub wasm: Arc<[u8]>,
}

/// A contract's code: what every node runs for an address. All parts are shared, so that a clone is cheap.
#[derive(Clone, Debug)]
pub struct Package {
    /// The module whose entry export is called.
    pub start: Arc<[u8]>,
    /// Modules linked before it, in this order.
    pub libraries: Vec<Library>,
    /// The files it sees.
    pub files: Arc<Tree>,
    /// Its arguments.
    pub args: Arc<Args>,
    /// Its environment.
    pub env: Arc<Env>,
    /// Whether descriptor 3 is announced as a preopened directory (`docs/spec/wasi.md`, *Announced root*).
    pub announce_root: bool,
}
