//! Transactions on the scripted engine.

mod budgets;
mod faults;
mod permissions;
mod requests;
mod roles;
mod simulation;
mod strategies;
mod support;
mod trees;
