//! What Malachite's consensus is told about this chain: its [`Context`](arc_malachitebft_core_types::Context) and the types in it
//! ([`types`]), what validators sign ([`sign`]), and what they say again ([`again`]). There is no I/O here and no clock, so that the network and the simulation share it.
//!
//! The value of consensus is the [identifier](Id) of a block; the block itself goes as [parts](Part).

pub mod again;
pub mod sign;
pub mod types;

pub use again::{Again, SignedVote};
pub use sign::{Check, Keys};
pub use types::{Addr, Ctx, H, Id, Part, Proposal, Scheme, Set, Sig, Validator, Vote};
