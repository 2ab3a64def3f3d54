//! The chain's own state machine ([`subvm_chain::Chain`], unchanged) under [stateright](https://docs.rs/stateright): from one call that asks the
//! web, every choice is tried of which ballots a proposer leaves out, which liar keeps silent, who is late with its own answer, which leader
//! proposes a lie, and who appeals; in every state, what must hold of votes is asked. `cargo test --manifest-path host-std/node/model/Cargo.toml`
//! takes some 45 seconds on two cores.
//!
//! Four validators have one vote each. [`network`] is a network of them, which takes one block after the other; [`model`] names the choices, and
//! what must hold; [`checks`] runs it, and plants bugs that it has to find.

#![cfg(test)]

mod checks;
mod model;
mod network;
