//! Digests of contracts' storage and of the whole state, and proofs of a page under them. Source: `docs/spec/state.md`.
//!
//! A light client holds a root that it trusts, is handed a [`Proof`], and needs nothing else. A ledger keeps the tree that the digests are
//! of (`subvm_ledger`); what every implementation of one computes stands here.
//!
//! ```
//! use subvm_core::state::{EMPTY, Proof, ProofError, leaf, contract_key, page_key};
//! use subvm_core::{Address, SlotId};
//!
//! // A state in which one page was written: each digest is of one leaf.
//! let (contract, slot) = (Address([7; 20]), SlotId([0; 32]));
//! let storage = leaf(&page_key(&contract, &slot, 3), &[9; 32]);
//! let root = leaf(&contract_key(&contract), &storage);
//!
//! let bytes = [&[1, 0, 1][..], &storage, &[0, 1], &[9; 32]].concat();
//! let proof = Proof::from_bytes(&bytes)?;
//! assert_eq!(proof.page(&root, &contract, &slot, 3), Ok([9; 32]));
//! assert_eq!(proof.page(&EMPTY, &contract, &slot, 3), Err(ProofError::Root));
//! # Ok::<(), ProofError>(())
//! ```

mod proof;

pub use proof::{Branch, End, MOST_BYTES, MOST_SIBLINGS, Proof, ProofError};

use crate::ids::{Address, SlotId};

/// A digest, a key in a tree, or the bytes of a page: 32 bytes.
pub type Digest = [u8; 32];

/// What stands where there is nothing: the digest of a tree without leaves, and a page of zeros, which is one that was never written.
pub const EMPTY: Digest = [0; 32];

const CONTRACT_KEY: &Digest = b"subvm state: key of a contract..";
const PAGE_KEY: &Digest = b"subvm state: key of a page......";
const LEAF: &Digest = b"subvm state: leaf...............";
const NODE: &Digest = b"subvm state: node of two halves.";

/// Where a contract stands in the tree of the whole state.
///
/// ```
/// use subvm_core::{Address, state::contract_key};
/// assert_ne!(contract_key(&Address([1; 20])), contract_key(&Address([2; 20])));
/// ```
#[must_use]
pub fn contract_key(contract: &Address) -> Digest {
    *blake3::keyed_hash(CONTRACT_KEY, &contract.0).as_bytes()
}

/// Where a page stands in the tree of its contract's storage.
///
/// ```
/// use subvm_core::{Address, SlotId, state::page_key};
/// let key = |contract, page| page_key(&Address([contract; 20]), &SlotId([0; 32]), page);
/// assert!(key(1, 0) != key(1, 1) && key(1, 0) != key(2, 0));
/// ```
#[must_use]
pub fn page_key(contract: &Address, slot: &SlotId, page: u32) -> Digest {
    let mut input = [0; 56];
    input[..20].copy_from_slice(&contract.0);
    input[20..52].copy_from_slice(&slot.0);
    input[52..].copy_from_slice(&page.to_be_bytes());
    *blake3::keyed_hash(PAGE_KEY, &input).as_bytes()
}

/// The digest of a tree that holds this key alone.
///
/// ```
/// use subvm_core::state::leaf;
/// assert_ne!(leaf(&[1; 32], &[2; 32]), leaf(&[2; 32], &[1; 32]));
/// ```
#[must_use]
pub fn leaf(key: &Digest, value: &Digest) -> Digest {
    pair(LEAF, key, value)
}

/// The digest of a tree that holds two keys or more: of those whose next bit is 0, and of those whose next bit is 1.
///
/// ```
/// use subvm_core::state::{EMPTY, node};
/// assert_ne!(node(&[1; 32], &EMPTY), node(&EMPTY, &[1; 32]));
/// ```
#[must_use]
pub fn node(zero: &Digest, one: &Digest) -> Digest {
    pair(NODE, zero, one)
}

/// One compression of BLAKE3.
fn pair(domain: &Digest, left: &Digest, right: &Digest) -> Digest {
    let mut input = [0; 64];
    input[..32].copy_from_slice(left);
    input[32..].copy_from_slice(right);
    *blake3::keyed_hash(domain, &input).as_bytes()
}

/// Bit number `at` of a key, the highest of the first byte being number 0; `at` is below 256.
fn bit(key: &Digest, at: usize) -> bool {
    key.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}
