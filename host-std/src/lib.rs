//! subvm-host-std

pub mod clock;
pub mod config;
pub mod ledger;
pub mod model;
pub mod modules;
pub mod random;
pub mod web;
