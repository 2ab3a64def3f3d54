//! What host calls cost, in ticks of time gas: a base for each call, and a price for the octets it asks for.
//!
//! One tick is about one nanosecond on the reference machine; `benches` measures it. Source: `docs/spec/gas.md`, *Host calls*.

/// Base of a call that has a fixed answer.
pub const ANSWER: u64 = 10;
/// Base of a call that writes a value of the sub-VM, or ends it.
pub const VALUE: u64 = 15;
/// Base of a call that looks at one descriptor or changes it.
pub const DESCRIPTOR: u64 = 20;
/// Base of a call that writes a descriptor's or a file's attributes.
pub const ATTRIBUTES: u64 = 25;
/// Base of a call that moves octets.
pub const TRANSFER: u64 = 30;
/// Base of a call that walks a path.
pub const WALK: u64 = 60;
/// Base of a call that makes random octets.
pub const RANDOM: u64 = 30;

/// Base of a call that asks the node's storage or chain.
pub const NODE: u64 = 1500;
/// A call of a contract on the layer below, beside its base.
pub const ETH_CALL: u64 = 20_000;
/// A page of storage that is read or written.
pub const STORAGE_PAGE: u64 = 150;
/// An octet of a `gl_call` request: it is copied, checked and taken apart.
pub const REQUEST_OCTET: u64 = 4;
/// Starting a sub-VM.
pub const SUB_VM: u64 = 20_000;
/// Octets of a started sub-VM's modules for one tick: they are looked up by their digest, and their data is copied.
pub const MODULE_OCTETS_PER_TICK: u64 = 4;
/// An iovec, whatever its length.
pub const IOVEC: u64 = 8;
/// An octet of a path: two of them may be a component to be looked up in the largest of directories.
pub const PATH_OCTET: u64 = 16;
/// An octet of a directory listing's buffer.
pub const LISTING_OCTET: u64 = 1;
/// An octet of randomness.
pub const RANDOM_OCTET: u64 = 1;
/// Seeding the deterministic generator of a sub-VM.
pub const RANDOM_SEED: u64 = 6000;
/// Octets that are copied for one tick.
pub const COPIED_PER_TICK: u64 = 16;

/// What copying `octets` costs.
#[must_use]
pub const fn copying(octets: u64) -> u64 {
    octets.div_ceil(COPIED_PER_TICK)
}
