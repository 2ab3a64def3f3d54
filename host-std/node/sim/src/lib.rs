//! Validators in one thread: malachite's consensus without its network, this chain with its contracts, and a world that loses, delays, repeats
//! and reorders what they say, crashes them at any write, and has liars among them. Time is virtual, and the seed decides everything: the same
//! seed is the same run, to the byte, as its digest shows.
//!
//! [`run`] is one run. What must hold in each is in [`invariants`], and nowhere else. [`measured`] asks the same validators what they cost.
#![forbid(unsafe_code)]

mod clients;
mod contracts;
pub mod invariants;
mod lies;
pub mod measured;
mod node;
mod queue;
mod rng;
mod scenario;
mod simulation;
mod slip;

pub use lies::Lie;
pub use scenario::Scenario;
pub use simulation::{Figures, run};
pub use slip::Slip;
pub use subvm_chain::Mutant;
