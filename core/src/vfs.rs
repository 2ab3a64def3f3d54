//! The read-only file tree.

/// A read-only tree of files, shared between sub-VMs.
#[derive(Debug, Default)]
pub struct Tree {}
