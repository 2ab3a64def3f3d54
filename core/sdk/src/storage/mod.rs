//! What a contract keeps: values by name, by key and by position, read when they are asked for.
//!
//! ```
//! use subvm_sdk::prelude::*;
//!
//! #[storage]
//! pub struct Market {
//!     owner: Item<Address>,
//!     /// What an account staked on an outcome.
//!     stakes: Map<(u32, Address), Item<u128>>,
//!     prices: Map<String, storage::Vec<u64>>,
//! }
//! # fn main() {}
//! ```
//!
//! Nothing is read before it is asked for, and nothing is kept in memory: each `get` is a host call, each `set` another. What belongs
//! together is one [`Item`] of a struct, or a run of a [`Vec`], and then one host call.
//!
//! # Layout
//! It is part of a contract: what is written here never changes, and other tools may read it.
//!
//! A place has a slot, 32 bytes. The contract's own struct has 32 zero bytes. What is in a place has the BLAKE3 of these bytes, of which,
//! while they are more than 1,024, the first 1,024 are replaced by their BLAKE3 and 32 bytes `ff`:
//!
//! | in | bytes |
//! |---|---|
//! | a struct: its field | the struct's slot, `00`, the field's name |
//! | a [`Map`]: the place of a key | the map's slot, `01`, the canonical calldata of the key |
//!
//! The slot has a fixed length and the name or key is what is left, so that two ways give the same bytes only where they are the same way:
//! no two places have one slot, unless BLAKE3 collides.
//!
//! | place | bytes in its slot |
//! |---|---|
//! | [`Item`] | from 0: the length of the encoding as `uleb` of `docs/spec/calldata.md`, then the value's canonical calldata. Length 0: nothing is kept. What is beyond the length means nothing |
//! | [`Vec`] | from 0: the number of items, u32, little-endian; from 32: the items one after another, each of the bytes that [`Packed`] says |
//! | [`Map`], struct | nothing |
//!
//! # Failures
//! `try_` functions give an error. The others end the call with it as a user error: storage that another layout wrote, or that is locked
//! or closed to this sub-VM, is nothing that a method could go on with. A view can write nothing.

mod item;
mod map;
mod packed;
mod vec;

pub use item::Item;
pub use map::{Map, View};
pub use packed::Packed;
pub use vec::Vec;

use crate::{Error, ErrorKind, Problem, Result, hash, rt};

/// A kind of place, at any slot.
///
/// ```
/// use subvm_sdk::storage::{Item, Place, Storage};
/// let _elsewhere = Item::<u64>::at(Place::of([7; 32]));
/// ```
pub trait Storage {
    /// What is at a place. Nothing is read.
    fn at(place: Place) -> Self;
}

/// Where something is kept: a slot, or a field in one, whose slot is worked out when it is used.
///
/// ```
/// use subvm_sdk::storage::Place;
/// let root = Place::of([0; 32]);
/// assert_eq!(root.field("owner").slot(), *blake3::hash(&[&[0; 33][..], b"owner"].concat()).as_bytes());
/// assert_ne!(root.key(&1_u8).slot(), root.key(&2_u8).slot());
/// ```
#[derive(Clone, Copy)]
pub struct Place {
    slot: [u8; 32],
    /// For messages: the field, where it has one.
    name: &'static str,
    /// How the field's slot is made of the struct's, where it is not yet: a contract without nested structs has no code for it.
    pending: Option<fn(&Self) -> [u8; 32]>,
}

const FIELD: u8 = 0;
const KEY: u8 = 1;

impl Place {
    /// The place of a slot.
    #[must_use]
    pub const fn of(slot: [u8; 32]) -> Self {
        Self { slot, name: "", pending: None }
    }

    /// The place of a field whose slot was worked out by the macro.
    #[doc(hidden)]
    #[must_use]
    pub const fn known(slot: [u8; 32], name: &'static str) -> Self {
        Self { slot, name, pending: None }
    }

    /// A field of the struct at this place.
    ///
    /// # Cost
    /// BLAKE3 of some 40 bytes, when the slot is used.
    #[must_use]
    pub fn field(&self, name: &'static str) -> Self {
        Self { slot: self.slot(), name, pending: Some(|place| derived(&place.slot, FIELD, place.name.as_bytes())) }
    }

    /// The place of a key of the map at this place.
    ///
    /// # Cost
    /// BLAKE3 of the key's encoding and 33 bytes.
    #[must_use]
    pub fn key<K: crate::data::Encode + ?Sized>(&self, key: &K) -> Self {
        let key = crate::data::to_bytes(key);
        Self { slot: derived(&self.slot(), KEY, &key), name: self.name, pending: None }
    }

    /// The slot.
    #[must_use]
    pub fn slot(&self) -> [u8; 32] {
        self.pending.map_or(self.slot, |derive| derive(self))
    }

    /// An error about what is kept here.
    fn wrong(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Calldata(path, problem) => {
                Error::from(ErrorKind::Storage(path.clone(), *problem)).within(self.name)
            }
            _ => error,
        }
    }

    #[inline(never)]
    fn malformed(&self, code: &'static str) -> Error {
        ErrorKind::Storage(self.name.into(), Problem::Malformed(code)).into()
    }

    fn read(&self, index: u32, into: &mut [u8]) -> Result<()> {
        crate::host::storage_read(&self.slot(), index, into)
    }

    fn write(&self, index: u32, bytes: &[u8]) -> Result<()> {
        rt::may_change("write storage")?;
        crate::host::storage_write(&self.slot(), index, bytes)
    }
}

fn derived(slot: &[u8; 32], kind: u8, rest: &[u8]) -> [u8; 32] {
    let mut bytes = alloc::vec::Vec::with_capacity(33 + rest.len());
    bytes.extend_from_slice(slot);
    bytes.push(kind);
    bytes.extend_from_slice(rest);
    hash::of(&bytes)
}
