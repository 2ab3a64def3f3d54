//! Fuzz bodies: what a fuzzer calls with octets, and what tests replay the corpora with. They panic where something is wrong.

pub mod wasi;
