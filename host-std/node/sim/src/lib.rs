//! Validators in one thread: malachite's consensus without its network, this chain with its contracts, and a world that loses, delays, repeats
//! and reorders what they say, crashes them at any write, and has liars among them. Time is virtual, and the seed decides everything: the same
//! seed is the same run, to the byte, as its digest shows.
//!
//! [`run`] is one run. What must hold in each is in [`invariants`], and nowhere else.
#![forbid(unsafe_code)]

mod clients;
mod contracts;
pub mod invariants;
mod lies;
mod node;
mod queue;
mod rng;
mod scenario;
mod simulation;

pub use lies::Lie;
pub use scenario::Scenario;
pub use simulation::{Figures, run};
pub use subvm_chain::Mutant;
