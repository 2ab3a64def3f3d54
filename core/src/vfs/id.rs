//! How nodes of a tree are named.

/// The place of a node in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(super) usize);

impl NodeId {
    /// The directory `/`.
    pub(crate) const ROOT: Self = Self(0);
}
