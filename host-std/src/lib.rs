//! subvm-host-std

pub mod clock;
pub mod ledger;
pub mod random;
