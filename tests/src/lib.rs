//! Conformance, determinism and fuzz-replay tests of subvm.

pub mod fuzz;
