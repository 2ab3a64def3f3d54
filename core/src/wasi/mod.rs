//! WASI Preview 1.

/// A sub-VM's descriptors, file tree, arguments, environment and random state.
#[derive(Debug)]
pub struct State {}

/// Checked arguments.
#[derive(Debug, Default)]
pub struct Args {}

/// A checked environment.
#[derive(Debug, Default)]
pub struct Env {}
