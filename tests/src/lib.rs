//! subvm-tests

pub mod fuzz;
pub mod lowered;
