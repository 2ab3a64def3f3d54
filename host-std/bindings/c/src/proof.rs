//! Proofs of pages, for who trusts a root only.

use subvm_core::SlotId;
use subvm_core::state::{Proof, ProofError};

use crate::border::{borrowed, guard, put, slice};
use crate::error::{SUBVM_ERROR_FORMAT, SUBVM_ERROR_REFUSED, subvm_error_t};
use crate::{subvm_address_t, subvm_bytes_t, subvm_word_t};

/// What page number `page` of a slot holds in the state with this root, by a proof that subvm_snapshot_prove made: zeros where it was never written.
/// Nothing of the proof is believed that does not follow from the root.
///
/// SUBVM_ERROR_FORMAT where the bytes are no proof, SUBVM_ERROR_REFUSED where they prove something else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_proof_page(
    proof: subvm_bytes_t,
    root: *const subvm_word_t,
    contract: *const subvm_address_t,
    slot: *const subvm_word_t,
    page: u32,
    content: *mut subvm_word_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (proof, root, contract, slot) = unsafe {
            let (contract, slot) = (borrowed(contract, "contract")?, borrowed(slot, "slot")?);
            (slice(proof, "proof")?, borrowed(root, "root")?.bytes, (*contract).into(), SlotId(slot.bytes))
        };
        let proven = Proof::from_bytes(proof).and_then(|proof| proof.page(&root, &contract, &slot, page));
        let bytes = proven.map_err(|error| {
            let malformed = matches!(error, ProofError::Malformed(_));
            subvm_error_t::of(if malformed { SUBVM_ERROR_FORMAT } else { SUBVM_ERROR_REFUSED }, &error)
        })?;
        // SAFETY: by the rules for pointers.
        unsafe { put(content, "content", subvm_word_t { bytes }) }
    })
}
