//! subvm-host-std

pub mod lower;
