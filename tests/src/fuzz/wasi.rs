//! WASI Preview 1. The bodies are those of the core's own property tests.

#[allow(dead_code, unreachable_pub, reason = "what only the core's own tests use is here as well")]
#[path = "../../../core/tests/wasi/support/mod.rs"]
mod support;

/// Any calls with any arguments, against the reference model: to the byte, and to the tick.
pub fn preview1(bytes: &[u8]) {
    support::calls::any(bytes);
}

/// Sequences of calls on descriptors and paths, against the reference model.
pub fn descriptors(bytes: &[u8]) {
    support::ops::descriptors(bytes);
}

/// File trees, against the reference model.
pub fn tree(bytes: &[u8]) {
    support::ops::tree(bytes);
}
