//! Error fingerprints: what proves that a sub-VM was executed up to its failure. `docs/spec/fingerprint.md`.

mod memory;
mod touched;
mod zeros;

pub use memory::{LEAF_LEN, hash_memory};
pub use touched::Touched;
pub use zeros::ZeroTree;
