//! What the tests of subvm share: the bodies of the fuzz targets, the engines, spawn trees, nodes that lie, transactions, vectors, requests, and modules lowered for tests.

#[cfg(feature = "engine")]
pub mod engines;
pub mod fuzz;
#[cfg(feature = "engine")]
pub mod lowered;
pub mod lying;
#[cfg(feature = "engine")]
pub mod matrix;
pub mod requests;
pub mod spawn_tree;
pub mod transaction;
#[cfg(feature = "engine")]
pub mod vectors;

/// The code of the page for integrators, which has to compile.
#[cfg(all(doctest, feature = "engine"))]
#[doc = include_str!("../../docs/integrators.md")]
mod integrators {}
/// The code of the pages for operators.
#[cfg(all(doctest, feature = "engine"))]
#[doc = include_str!("../../docs/ledger.md")]
mod ledgers {}

/// The code of the page on changes of rules.
#[cfg(all(doctest, feature = "engine"))]
#[doc = include_str!("../../docs/upgrades.md")]
mod upgrades {}
