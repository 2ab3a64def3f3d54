//! What `docs/benchmarks.md` shows, measured: system calls beside their peers, how things grow, and what a tick of gas is worth.
//!
//! The benchmark `tables` of this package measures without wasmtime-wasi. `benches/peers`, a workspace of its own, adds it as a
//! [`syscalls::Peer`] and writes the document.

pub mod calibration;
pub mod chart;
pub mod document;
pub mod growth;
pub mod machine;
pub mod measure;
pub mod node;
pub mod plain;
pub mod program;
pub mod report;
pub mod syscalls;
