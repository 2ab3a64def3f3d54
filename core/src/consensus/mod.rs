//! What nodes must agree on: what a run is given, and what comes out of it.
//!
//! Given: [`input`], [`message`], [`package`] with its [`config`], [`params`] with their [`profile`], [`permissions`]. Out of it: [`receipt`], [`report`]. Between
//! nodes, before they have agreed: [`proposal`], [`ballot`]. How what is given is handed from one to another: [`bundle`].

pub(crate) mod ballot;
pub(crate) mod bundle;
pub(crate) mod config;
mod fields;
pub(crate) mod input;
pub(crate) mod message;
pub(crate) mod package;
pub mod page;
pub(crate) mod params;
pub(crate) mod permissions;
pub(crate) mod profile;
pub(crate) mod proposal;
pub(crate) mod receipt;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod words;
