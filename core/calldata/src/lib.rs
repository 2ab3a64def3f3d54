//! Calldata: the one wire format of the system.
//!
//! Messages, results, `gl_call` requests, fingerprints and receipts are all calldata: dynamically
//! typed like JSON, binary, *canonical* (one value, one encoding) and safe to decode from anybody.
//! The format is `docs/spec/calldata.md`; why it is implemented as it is, `docs/RATIONALE.md`.
//!
//! ```
//! use subvm_calldata::{Map, Value, ValueRef};
//!
//! let value = Value::from(Map::from([("amount", Value::from(7)), ("to", Value::from("eve"))]));
//! let bytes = value.encode().unwrap();
//! assert_eq!(Value::decode(&bytes).unwrap(), value);
//!
//! // Without copying or allocating anything:
//! let borrowed = ValueRef::decode(&bytes).unwrap();
//! assert_eq!(borrowed.get("to").unwrap().as_str(), Some("eve"));
//!
//! // As text, a superset of JSON:
//! assert_eq!(value.to_string(), r#"{"amount":7,"to":"eve"}"#);
//! assert_eq!(r#"{"to": "eve", "amount": 7}"#.parse::<Value>().unwrap(), value);
//! ```
//!
//! | to | use |
//! |---|---|
//! | build or change a value | [`Value`], [`Map`], [`Array`], [`Int`] |
//! | read bytes that somebody sent | [`ValueRef::decode`]; [`validate`] where only the answer counts |
//! | compare them, or look through them | [`ValueRef::events`] |
//! | write bytes without building a value | [`Encoder`] |
//! | read and write your own structs | `to_bytes` and `from_slice` (feature `serde`) |
//!
//! Nothing here recurses on the native stack, whatever the depth of a value: not decoding, encoding,
//! comparing, cloning, printing or dropping. The exceptions are the serde traits, which recurse by
//! design and refuse what is deeper than [`DecodeLimits::max_depth`].

#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic, clippy::disallowed_types)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod address;
mod array;
mod borrowed;
mod build;
mod convert;
mod decode;
mod encode;
mod encoder;
mod error;
mod events;
mod int;
mod int_ref;
mod key;
mod limits;
mod map;
mod out;
mod raw_key;
mod read;
mod text;
#[cfg(feature = "serde")]
mod typed;
mod validate;
mod value;
mod walk;
mod wire;
mod write;

pub use address::Address;
pub use array::Array;
pub use borrowed::{ArrayRef, Entries, Items, MapRef, ValueRef};
pub use convert::WrongType;
pub use decode::{Undecoded, decode_while};
pub use encoder::Encoder;
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use events::{EventRef, Events};
pub use int::{Int, IntRangeError, ParseIntError};
pub use int_ref::IntRef;
pub use limits::DecodeLimits;
pub use map::{IntoEntries, Map};
pub use text::{TextError, TextErrorKind};
#[cfg(feature = "serde")]
pub use typed::{Bytes, SerdeError, from_slice, from_value, to_bytes, to_value};
pub use validate::{count, validate};
pub use value::Value;
