//! subvm-host-mock

pub mod conformance;
