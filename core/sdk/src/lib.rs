//! Contracts for subvm, in Rust: `no_std` with `alloc`, for `wasm32-unknown-unknown` and `wasm32-wasip1`.
//!
//! ```
//! # #![allow(missing_docs)]
//! use subvm_sdk::prelude::*;
//!
//! #[storage]
//! pub struct Counter {
//!     count: Item<u64>,
//! }
//!
//! #[contract]
//! impl Counter {
//!     pub fn add(&mut self, n: u64) -> Result<u64> {
//!         let count = self.count.get().checked_add(n).ok_or("the count is full")?;
//!         self.count.set(&count);
//!         Ok(count)
//!     }
//!     pub fn count(&self) -> u64 {
//!         self.count.get()
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! | to | see |
//! |---|---|
//! | say what a contract keeps | [`storage`](mod@storage) |
//! | say what it can be asked | [`contract`](macro@contract) |
//! | send and read your own types | [`Calldata`](derive@Calldata) |
//! | ask who calls, and with what | [`message`] |
//! | call other contracts | [`interface`](macro@interface), [`chain`] |
//! | ask the web or a model | [`nondet`], [`web`], [`model`] |
//!
//! The interface beneath is `docs/spec/sdk.md`. Outside WebAssembly a contract compiles, and every host call panics: it is tested on the real
//! engine, with `subvm-testing`.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

/// What the macros' code names, and no contract: it changes without notice.
#[doc(hidden)]
pub mod rt;

pub mod chain;
pub mod data;
pub mod env;
pub mod message;
pub mod model;
pub mod nondet;
pub mod sandbox;
pub mod storage;
pub mod web;

mod block;
mod describe;
mod error;
mod hash;
mod host;
mod uint;
mod wire;

pub use describe::Describe;
pub use error::{Error, ErrorKind, Failure, Problem, Result};
pub use subvm_calldata as calldata;
pub use subvm_calldata::Address;
pub use subvm_sdk_macros::{Calldata, contract, event, interface, storage};
pub use uint::U256;

/// All that a usual contract names.
///
/// ```
/// use subvm_sdk::prelude::*;
/// let nobody: Address = Address::default();
/// # assert_eq!(nobody.0, [0; 20]);
/// ```
pub mod prelude {
    pub use crate::data::{Bytes, Encoded};
    pub use crate::storage::{Item, Map};
    pub use crate::{
        Address, Calldata, Error, Result, U256, chain, contract, ensure, env, event, interface, message, model, nondet,
        sandbox, storage, web,
    };
    pub use alloc::format;
    pub use alloc::string::{String, ToString};
    pub use alloc::vec::Vec;
}

/// Returns an error from the method, unless a condition holds.
///
/// ```
/// use subvm_sdk::{Result, ensure};
/// fn half(n: u64) -> Result<u64> {
///     ensure!(n % 2 == 0, "an odd number has no half");
///     Ok(n / 2)
/// }
/// assert_eq!(half(4), Ok(2));
/// assert_eq!(half(5).unwrap_err().to_string(), "an odd number has no half");
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $error:expr) => {
        if !$condition {
            return ::core::result::Result::Err(::core::convert::From::from($error));
        }
    };
}

// Without `std`, nothing else brings what copies and compares memory there.
#[cfg(target_os = "wasi")]
#[link(name = "c")]
unsafe extern "C" {}
