//! Which parameters are in force at which height.

use subvm_core::RuleSets;

use crate::border::{array, guard, slice, written};
use crate::buffer::subvm_buffer_t;
use crate::error::subvm_error_t;
use crate::params::decoded;
use crate::subvm_bytes_t;

/// Parameters, and from where on they are in force.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_rule_t {
    /// The height of the first block.
    pub height: u64,
    /// The canonical bytes of the parameters: subvm_params_encode.
    pub params: subvm_bytes_t,
}

/// The canonical bytes of rules by height: `len` of them, by ascending height, at least one. What the nodes of a chain have in common, and what a
/// ledger keeps.
///
/// SUBVM_ERROR_RELEASE where this release cannot hold a run to one of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_rules_encode(
    sets: *const subvm_rule_t,
    len: usize,
    rules: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let sets = unsafe { array(sets, len, "sets")? }.iter().map(|set| {
            // SAFETY: by the rules for pointers.
            Ok((set.height, decoded(unsafe { slice(set.params, "params of a set")? })?))
        });
        let encoded = RuleSets::new(sets.collect::<Result<Vec<_>, subvm_error_t>>()?)?.to_bytes();
        // SAFETY: by the rules for pointers; what was borrowed before may be the buffer's own bytes, and is not used any more.
        unsafe { written(rules, "rules")? }.set(encoded);
        Ok(())
    })
}

/// The canonical bytes of the parameters that are in force for the block of a height: those of subvm_run_t, for a block of that height.
///
/// SUBVM_ERROR_HEIGHT where none are yet, SUBVM_ERROR_FORMAT where the bytes are no rules.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_rules_at(
    rules: subvm_bytes_t,
    height: u64,
    params: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let found = RuleSets::from_bytes(unsafe { slice(rules, "rules")? })?.at(height)?.to_bytes();
        // SAFETY: as in `subvm_rules_encode`.
        unsafe { written(params, "params")? }.set(found);
        Ok(())
    })
}
