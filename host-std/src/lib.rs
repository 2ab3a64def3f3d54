//! subvm-host-std

pub mod pages;
