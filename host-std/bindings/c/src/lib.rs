//! `libsubvm`: what a node in another language needs of subvm, as a C library. Its header is `include/subvm_host.h`, its guide `README.md`.
//!
//! Every function goes through [`border`]: what is wrong with an argument is an error, a panic is caught and becomes one, and nothing unwinds
//! into C. The rules for pointers are the same for all of them, and stand once, at the head of the header.
#![allow(non_camel_case_types, reason = "the names are those of the header")]
#![allow(clippy::missing_safety_doc, reason = "one set of rules for all pointers, at the head of the header")]

mod border;
mod buffer;
mod calldata;
mod caller;
mod cancel;
mod conformance;
mod engine;
mod error;
mod ledger;
mod log;
mod message;
mod node;
mod observer;
mod package;
mod params;
mod parts;
mod proof;
mod receipt;
mod recording;
mod replay;
mod report;
mod rules;
mod run;
mod snapshot;
mod vote;

pub use buffer::*;
pub use calldata::*;
pub use cancel::*;
pub use conformance::*;
pub use engine::*;
pub use error::*;
pub use ledger::*;
pub use log::*;
pub use message::*;
pub use node::*;
pub use observer::*;
pub use package::*;
pub use params::*;
pub use proof::*;
pub use receipt::*;
pub use recording::*;
pub use replay::*;
pub use report::*;
pub use rules::*;
pub use run::*;
pub use snapshot::*;
pub use vote::*;

use std::ffi::c_char;

/// The version of this interface: what a program was compiled for. It changes where a program that was compiled before would go wrong.
pub const SUBVM_ABI_VERSION: u32 = 2;

/// The version of the interface that the library has. A program compares it with SUBVM_ABI_VERSION before anything else.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_abi_version() -> u32 {
    border::or(0, || SUBVM_ABI_VERSION)
}

/// The release of subvm, as "0.1.0". It lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_version() -> *const c_char {
    border::or(std::ptr::null(), || concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast())
}

/// Some bytes that belong to somebody else. `data` may be NULL where `len` is 0.
///
/// As an argument it is read during the call and not kept. As a result it lives as long as what it was asked of, and until that changes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_bytes_t {
    /// The first of them.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

/// An address: 20 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct subvm_address_t {
    /// The bytes.
    pub bytes: [u8; 20],
}

/// 32 bytes: a digest, a slot, a page, or a 256-bit integer, low byte first.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct subvm_word_t {
    /// The bytes.
    pub bytes: [u8; 32],
}
