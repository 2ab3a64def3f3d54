//! What the operating system gives a node: [`clock`] and [`random`].

pub mod clock;
pub mod random;
