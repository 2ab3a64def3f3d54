//! What is under a root, as whoever holds the root alone can check.

use alloc::vec::Vec;
use core::fmt;

use super::{Digest, EMPTY, bit, contract_key, leaf, node, page_key};
use crate::ids::{Address, SlotId};
use crate::wire::{Read, Source, Wrong, put_uint};

/// The version of the encoding.
const VERSION: u8 = 1;

/// The most siblings of one way through a tree: one for each bit of a key.
pub const MOST_SIBLINGS: usize = 256;

/// The most bytes of a proof.
pub const MOST_BYTES: usize = 1 + 2 * (2 + MOST_SIBLINGS / 8 + MOST_SIBLINGS * 32 + 1 + 64);

/// What a tree holds where a key belongs.
///
/// ```
/// use subvm_core::state::End;
/// assert_ne!(End::Nothing, End::Own([1; 32]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing: the key is not there.
    Nothing,
    /// The key, with this value.
    Own(Digest),
    /// Another key, alone: so the one in question is not there.
    Other {
        /// The key that is there.
        key: Digest,
        /// Its value.
        value: Digest,
    },
}

/// A way from a root to where a key belongs.
///
/// ```
/// use subvm_core::state::{Branch, End, leaf, node};
/// // Two keys, which differ in their first bit.
/// let (low, high) = ([0; 32], [0xff; 32]);
/// let root = node(&leaf(&low, &[1; 32]), &leaf(&high, &[2; 32]));
/// let branch = Branch { siblings: vec![leaf(&high, &[2; 32])], end: End::Own([1; 32]) };
/// assert_eq!(branch.value(&root, &low), Ok(Some([1; 32])));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The digests beside the way, from the root on; [`EMPTY`] where there is nothing.
    pub siblings: Vec<Digest>,
    /// What stands at its end.
    pub end: End,
}

/// A proof of what one page of one contract holds, and of what the contract's storage comes to.
///
/// ```
/// use subvm_core::state::{Branch, EMPTY, End, Proof};
/// use subvm_core::{Address, SlotId};
/// // In the state before the first block every page is zero.
/// let proof = Proof { contract: Branch { siblings: vec![], end: End::Nothing }, page: None };
/// assert_eq!(proof.page(&EMPTY, &Address([1; 20]), &SlotId([2; 32]), 3), Ok([0; 32]));
/// assert_eq!(Proof::from_bytes(&proof.to_bytes()), Ok(proof));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The way to the contract; its value is the digest of its storage.
    pub contract: Branch,
    /// The way from there to the page; nothing where the contract stored nothing.
    pub page: Option<Branch>,
}

/// Why a proof proves nothing.
///
/// ```
/// use subvm_core::state::{Proof, ProofError};
/// use subvm_core::wire::Wrong;
/// assert_eq!(Proof::from_bytes(&[]), Err(ProofError::Malformed(Wrong::Ends)));
/// assert!(ProofError::Root.to_string().contains("another root"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The bytes are no proof.
    Malformed(Wrong),
    /// It leads to another root than the one that is trusted.
    Root,
    /// What stands at its end does not belong on the way to the key that was asked for.
    Key,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(Wrong::Ends) => f.write_str("not a proof: it ends too early; ask for it again"),
            Self::Malformed(Wrong::Malformed(what)) => {
                write!(f, "not a proof of version {VERSION}: {what}; ask for it again")
            }
            Self::Root => {
                f.write_str("a proof of another root, contract or page: compare the height that it was made for")
            }
            Self::Key => f.write_str("a proof of another contract or page: ask for the one that you mean"),
        }
    }
}

impl core::error::Error for ProofError {}

impl Proof {
    /// What the page holds in the state with this root: zeros where it was never written.
    ///
    /// # Errors
    /// [`ProofError::Root`] or [`ProofError::Key`] where the proof does not say it.
    ///
    /// # Cost
    /// A compression of BLAKE3 for each sibling, at most 512, and a few more.
    pub fn page(&self, root: &Digest, contract: &Address, slot: &SlotId, page: u32) -> Result<[u8; 32], ProofError> {
        let storage = self.storage(root, contract)?;
        match &self.page {
            None => Ok(EMPTY),
            Some(branch) => Ok(branch.value(&storage, &page_key(contract, slot, page))?.unwrap_or(EMPTY)),
        }
    }

    /// The digest of the contract's storage in the state with this root: [`EMPTY`] where it stored nothing.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub fn storage(&self, root: &Digest, contract: &Address) -> Result<Digest, ProofError> {
        let storage = self.contract.value(root, &contract_key(contract))?;
        // One that stored something has a way to each page, and one that did not has none.
        match (storage, &self.page) {
            (Some(storage), Some(_)) => Ok(storage),
            (None, None) => Ok(EMPTY),
            _ => Err(ProofError::Key),
        }
    }

    /// The encoding: `docs/spec/state.md`, *Proofs*.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::from([VERSION]);
        self.contract.put(&mut out);
        if let Some(page) = &self.page {
            page.put(&mut out);
        }
        out
    }

    /// Reads what somebody says is a proof. It holds no more memory than [`MOST_BYTES`], whatever the bytes are.
    ///
    /// # Errors
    /// [`ProofError::Malformed`] where they are not the encoding of one, or more than [`MOST_BYTES`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > MOST_BYTES {
            return Err(ProofError::Malformed(Wrong::Malformed("it is longer than a proof can be")));
        }
        read(&mut Source(bytes)).map_err(ProofError::Malformed)
    }
}

fn read(source: &mut Source<'_>) -> Read<Proof> {
    if source.byte()? != VERSION {
        return Err(Wrong::Malformed("it is of another version"));
    }
    let contract = Branch::read(source)?;
    let page = match contract.end {
        End::Own(_) => Some(Branch::read(source)?),
        End::Nothing | End::Other { .. } => None,
    };
    if source.0.is_empty() { Ok(Proof { contract, page }) } else { Err(Wrong::Malformed("something follows it")) }
}

impl Branch {
    /// What the tree with this root holds for `key`; nothing where it has it not.
    ///
    /// # Errors
    /// [`ProofError::Root`] or [`ProofError::Key`].
    pub fn value(&self, root: &Digest, key: &Digest) -> Result<Option<Digest>, ProofError> {
        let depth = self.siblings.len();
        let (digest, value) = match &self.end {
            End::Nothing => (EMPTY, None),
            End::Own(value) => (leaf(key, value), Some(*value)),
            End::Other { key: other, .. } if other == key || (0..depth).any(|at| bit(key, at) != bit(other, at)) => {
                return Err(ProofError::Key);
            }
            End::Other { key: other, value } => (leaf(other, value), None),
        };
        let found = self.siblings.iter().enumerate().rev().fold(digest, |digest, (at, sibling)| {
            if bit(key, at) { node(sibling, &digest) } else { node(&digest, sibling) }
        });
        if found == *root && depth <= MOST_SIBLINGS { Ok(value) } else { Err(ProofError::Root) }
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_uint(out, self.siblings.len() as u64);
        for eight in self.siblings.chunks(8) {
            let bits = eight.iter().enumerate().filter(|(_, sibling)| **sibling != EMPTY);
            out.push(bits.fold(0, |bits, (at, _)| bits | 1 << at));
        }
        self.siblings.iter().filter(|sibling| **sibling != EMPTY).for_each(|sibling| out.extend_from_slice(sibling));
        match &self.end {
            End::Nothing => out.push(0),
            End::Own(value) => {
                out.push(1);
                out.extend_from_slice(value);
            }
            End::Other { key, value } => {
                out.push(2);
                out.extend_from_slice(key);
                out.extend_from_slice(value);
            }
        }
    }

    fn read(source: &mut Source<'_>) -> Read<Self> {
        let depth = source.small::<u16>().map(usize::from)?;
        if depth > MOST_SIBLINGS {
            return Err(Wrong::Malformed("a way is longer than a key"));
        }
        let bits = source.take(depth.div_ceil(8))?;
        let there = |at: usize| bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        if (depth..bits.len() * 8).any(there) {
            return Err(Wrong::Malformed("a bit stands for no sibling"));
        }
        // Where nothing stands beside its end, the way would have ended before.
        if depth > 0 && !there(depth - 1) {
            return Err(Wrong::Malformed("a way goes on beside nothing"));
        }
        let sibling = |at| if there(at) { some(source) } else { Ok(EMPTY) };
        let siblings = (0..depth).map(sibling).collect::<Read<Vec<_>>>()?;
        let end = match source.byte()? {
            0 => End::Nothing,
            1 => End::Own(some(source)?),
            2 => End::Other { key: source.array()?, value: some(source)? },
            _ => return Err(Wrong::Malformed("an end is of no kind")),
        };
        Ok(Self { siblings, end })
    }
}

/// A digest that is not that of nothing.
fn some(source: &mut Source<'_>) -> Read<Digest> {
    let digest = source.array()?;
    if digest == EMPTY { Err(Wrong::Malformed("nothing is written as something")) } else { Ok(digest) }
}
