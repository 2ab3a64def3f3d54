//! subvm-tests

pub mod fuzz;
