//! What an end means, and what is kept from one end for the next.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;

use spin::Mutex;
use subvm_core::fingerprint::ZeroTree;
use subvm_core::{InternalError, InternalErrorKind, Resource, Trap, VmError};
use subvm_lower::TrapKind;

/// Whose `unreachable` it was: lowering's have left a mark in [`TRAP_GLOBAL`](subvm_lower::TRAP_GLOBAL).
///
/// ```
/// use subvm_core::{Trap, VmError};
/// assert_eq!(subvm_link::unreachable(0), VmError::Trap(Trap::Unreachable), "the guest's");
/// ```
#[must_use]
pub fn unreachable(marker: i32) -> VmError {
    VmError::Trap(match TrapKind::from_marker(marker) {
        None => Trap::Unreachable,
        Some(TrapKind::OutOfGas) => return VmError::OutOf(Resource::GasTime),
        Some(TrapKind::StackOverflow) => Trap::StackOverflow,
        Some(TrapKind::NondetInstruction) => Trap::NondetInstruction,
        Some(TrapKind::IntegerOverflow) => Trap::IntegerOverflow,
        Some(TrapKind::BadConversionToInteger) => Trap::BadConversionToInteger,
    })
}

/// What a panic that was caught is: an internal error.
///
/// ```
/// assert!(subvm_link::panicked(&"no room").to_string().contains("no room"));
/// ```
#[must_use]
pub fn panicked(panic: &(dyn Any + Send)) -> InternalError {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let what = format!("a part of the node or of this library panicked: {}", text.unwrap_or("without a message"));
    InternalError::new(InternalErrorKind::Bug, what)
}

/// What subtrees of zeros hash to, as far as fingerprints have learned it: a tree for each that is being taken.
///
/// ```
/// let trees = subvm_link::ZeroTrees::default();
/// assert_eq!(trees.lend(|_tree| 7), 7);
/// ```
#[derive(Debug, Default)]
pub struct ZeroTrees(Mutex<Vec<ZeroTree>>);

impl ZeroTrees {
    /// Trees that are kept, of 4.4 MB at most.
    const KEPT: usize = 16;

    /// Lends a tree that nobody else has meanwhile.
    pub fn lend<T>(&self, borrow: impl FnOnce(&mut ZeroTree) -> T) -> T {
        // The lock is held for as long as it takes to move one.
        let mut tree = self.0.lock().pop().unwrap_or_default();
        let result = borrow(&mut tree);
        let mut trees = self.0.lock();
        if trees.len() < Self::KEPT {
            trees.push(tree);
        }
        result
    }
}
