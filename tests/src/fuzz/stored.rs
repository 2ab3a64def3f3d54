//! What contracts keep, in the SDK's own reader: whatever bytes are in a slot, one version of a contract refuses what another wrote, or reads it
//! to a value that it would write the same. The first byte says as which type it is read.

use std::fmt::Debug;

use subvm_core::calldata::{Address, DecodeLimits, validate};
use subvm_sdk::data::{Bytes, Decode, Encode, Encoded, Reader, from_bytes, to_bytes};
use subvm_sdk::storage::Packed;
use subvm_sdk::{Calldata, U256};

/// An account, as the first version of a contract keeps it, and as the next one does.
#[derive(Calldata, Clone, Debug, PartialEq)]
struct First {
    balance: U256,
    name: String,
}

#[derive(Calldata, Clone, Debug, PartialEq)]
struct Second {
    balance: U256,
    frozen: Option<bool>,
    name: String,
}

/// A state with more cases than there were.
#[derive(Calldata, Clone, Debug, PartialEq)]
enum Case {
    Open,
    Until(u64),
    Settled { by: Address, note: Bytes },
}

pub(super) fn stored(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 12 {
        0 => agree(bytes),
        1 => read::<First>(bytes),
        2 => read::<Second>(bytes),
        3 => read::<Case>(bytes),
        4 => read::<Vec<(u64, Option<String>)>>(bytes),
        5 => read::<Encoded>(bytes),
        6 => packed::<(u32, bool)>(bytes),
        7 => packed::<(Address, U256, i64)>(bytes),
        8 => packed::<([u8; 3], u8, i128, bool)>(bytes),
        9 => versions(bytes),
        10 => read::<i128>(bytes),
        _ => read::<String>(bytes),
    }
}

/// It is calldata to the SDK's reader where it is to `subvm-calldata`.
fn agree(bytes: &[u8]) {
    let mut from = Reader::new(bytes);
    let read = from.any().map(<[u8]>::len).and_then(|len| from.end().map(|()| len));
    assert_eq!(read.is_ok(), validate(bytes, &DecodeLimits::DEFAULT).is_ok(), "{read:?}");
    assert!(read.is_err() || read == Ok(bytes.len()));
}

/// What is read is written as calldata that is read to the same, and which is no longer; what is no calldata is never read.
fn read<T: Decode + Encode + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(value) = from_bytes::<T>(bytes) else { return };
    assert!(validate(bytes, &DecodeLimits::DEFAULT).is_ok(), "{value:?} of what is no calldata");
    let written = to_bytes(&value);
    assert!(validate(&written, &DecodeLimits::DEFAULT).is_ok());
    assert_eq!(from_bytes::<T>(&written).as_ref(), Ok(&value));
}

/// A value of a fixed number of bytes has one spelling.
fn packed<T: Packed + Debug>(bytes: &[u8]) {
    match T::unpack(bytes) {
        None => {}
        Some(value) => {
            assert_eq!(bytes.len(), T::BYTES, "{value:?}");
            let mut written = vec![0xa5; T::BYTES];
            value.pack(&mut written);
            assert_eq!(written, bytes, "{value:?}");
        }
    }
    let fits = T::unpack(&vec![0; T::BYTES]).is_some();
    assert!(fits, "zeros, which is what a slot has at first");
}

/// What both versions read is what both have in common.
fn versions(bytes: &[u8]) {
    if let (Ok(first), Ok(second)) = (from_bytes::<First>(bytes), from_bytes::<Second>(bytes)) {
        assert_eq!((&first.balance, &first.name), (&second.balance, &second.name));
    }
    if let Ok(first) = from_bytes::<First>(bytes)
        && let Ok(second) = from_bytes::<Second>(&to_bytes(&first))
    {
        assert_eq!((first.balance, first.name, None), (second.balance, second.name, second.frozen));
    }
}
