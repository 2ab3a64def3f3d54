//! The read-only file tree: built once, then shared between sub-VMs.
//!
//! Source: `docs/spec/wasi.md`, *The file tree*, *Paths*.

mod build;
mod tree;
mod walk;

pub use build::{MapError, MapErrorKind, TreeBuilder};
pub use tree::Tree;
pub(crate) use tree::{Node, NodeId};
pub(crate) use walk::{Missing, check_path};
