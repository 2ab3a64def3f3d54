//! The bodies of the fuzz targets: what a fuzzer calls with octets, and what tests on stable replay the corpora with.
//! They panic where something is wrong.

#[cfg(feature = "engine")]
pub mod cache;
pub mod calldata;
#[cfg(feature = "engine")]
pub mod float_programs;
#[cfg(feature = "engine")]
pub mod lowering;
pub mod wasi;
