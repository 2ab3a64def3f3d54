//! subvm-tests

pub mod lowered;
