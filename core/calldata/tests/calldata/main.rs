//! Calldata: what holds of every value and of all bytes, and what must not take the stack or the
//! machine down.

#![allow(clippy::disallowed_types, reason = "tests may look at the clock")]

mod deep;
mod edges;
mod hostile;
mod ints;
mod properties;
mod streaming;
mod texts;
mod values;

use proptest::prelude::*;
use subvm_calldata::Address;
use subvm_calldata::{Int, Map, Value};

/// Integers of all sizes, those at the edges of representations more often.
pub fn int() -> impl Strategy<Value = Int> {
    let edge =
        (prop::sample::select(vec![0_u32, 3, 4, 7, 11, 60, 61, 63, 64, 124, 127, 128, 192, 255, 256]), -2_i8..=2)
            .prop_map(|(bits, off)| (0..bits).fold(Int::from(1), |n, _| n * 2) + off);
    let wide = prop::collection::vec(any::<u8>(), 0..100)
        .prop_map(|bytes| Int::from(num_bigint::BigInt::from_signed_bytes_le(&bytes)));
    prop_oneof![
        any::<i8>().prop_map(Int::from),
        any::<i128>().prop_map(Int::from),
        edge.clone(),
        edge.prop_map(|n| -n),
        wide
    ]
}

/// Values of all types, to a few levels of depth.
pub fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        int().prop_map(Value::from),
        any::<[u8; 20]>().prop_map(|bytes| Address(bytes).into()),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..8)
                .prop_map(|entries| entries.into_iter().collect::<Map>().into()),
        ]
    })
}
