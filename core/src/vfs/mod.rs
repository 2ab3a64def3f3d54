//! The read-only file tree: built once, then shared between sub-VMs.
//!
//! Source: `docs/spec/wasi.md`, *The file tree*, *Paths*.
//!
//! ```
//! use std::sync::Arc;
//! use subvm_core::{Parts, vfs::Tree, wasi::Refused};
//!
//! let mut files = Tree::builder();
//! files.map("/lib/a.py", b"pass"[..].into())?;
//! let mut package = Parts::default().check(&Refused::default()).unwrap();
//! package.files = Arc::new(files.build());
//! # Ok::<(), subvm_core::vfs::MapError>(())
//! ```

mod build;
mod id;
mod tree;
mod walk;
mod whole;

pub use build::{MapError, MapErrorKind, TreeBuilder};
pub(crate) use id::NodeId;
pub(crate) use tree::Node;
pub use tree::Tree;
pub(crate) use walk::{Missing, check_form, check_path};
