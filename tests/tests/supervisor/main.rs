//! Transactions on the scripted engine.

mod ballots;
mod budgets;
mod clocks;
mod faults;
mod permissions;
mod receipts;
mod requests;
mod roles;
mod simulation;
mod strategies;
mod support;
mod trees;
mod vms;
mod work;
