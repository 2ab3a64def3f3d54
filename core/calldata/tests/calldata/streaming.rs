//! The encoder refuses what would not be canonical.

use subvm_calldata::Address;
use subvm_calldata::{DecodeLimits, EncodeErrorKind as Kind, Encoder, Int, Value};

#[track_caller]
fn refused(kind: Kind, write: impl FnOnce(&mut Encoder)) {
    let mut encoder = Encoder::new();
    write(&mut encoder);
    assert_eq!(encoder.finish().unwrap_err().kind, kind);
}

#[test]
fn keys_ascend_in_every_map() {
    refused(Kind::KeyOrder, |e| {
        e.map(2).key("b").null().key("a").null();
    });
    refused(Kind::DuplicateKey, |e| {
        e.map(2).key("a").null().key("a").null();
    });
    refused(Kind::DuplicateKey, |e| {
        e.map(2).key("").null().key("").null();
    });
    refused(Kind::KeyOrder, |e| {
        e.map(2).key("b").map(1).key("z").null().key("a").null();
    });
    let mut encoder = Encoder::new();
    encoder.map(2).key("a").map(1).key("z").null().key("b").null();
    assert!(encoder.finish().is_ok());
}

#[test]
fn keys_stand_in_maps_only_and_before_values() {
    refused(Kind::KeyExpected, |e| {
        e.map(1).null();
    });
    refused(Kind::KeyExpected, |e| {
        e.map(1).key("a").key("b");
    });
    refused(Kind::KeyExpected, |e| {
        e.array(1).key("a");
    });
    refused(Kind::KeyExpected, |e| {
        e.key("a");
    });
}

#[test]
fn counts_are_kept() {
    refused(Kind::Count, |_| {});
    refused(Kind::Count, |e| {
        e.array(2).null();
    });
    refused(Kind::Count, |e| {
        e.map(1).key("a");
    });
    refused(Kind::Count, |e| {
        e.null().null();
    });
    refused(Kind::Count, |e| {
        e.array(1).null().null();
    });
    refused(Kind::Count, |e| {
        e.array(0).null();
    });
    refused(Kind::KeyExpected, |e| {
        e.map(0).key("a");
    });
}

#[test]
fn limits_hold() {
    let mut encoder = Encoder::new();
    (0..128).for_each(|_| {
        encoder.array(1);
    });
    encoder.array(0);
    assert_eq!(encoder.finish().unwrap_err().kind, Kind::TooDeep);

    for inner in [Value::array([0; 0]), Value::Null] {
        let bytes = inner.encode().unwrap();
        let write: [&dyn Fn(&mut Encoder); 2] = [
            &|e| {
                e.value(&inner);
            },
            &|e| {
                e.encoded(&bytes);
            },
        ];
        for write in write {
            let mut encoder = Encoder::new();
            (0..128).for_each(|_| {
                encoder.array(1);
            });
            write(&mut encoder);
            let finished = encoder.finish();
            assert_eq!(finished.is_ok(), inner.is_null());
            assert!(finished.is_err() || Value::decode(&finished.unwrap()).is_ok());
        }
    }

    let mut encoder = Encoder::with_limits(DecodeLimits { max_int_bits: 8, ..DecodeLimits::DEFAULT });
    encoder.array(2).int(255).int(-256);
    assert!(encoder.finish().is_ok());
    let mut encoder = Encoder::with_limits(DecodeLimits { max_int_bits: 8, ..DecodeLimits::DEFAULT });
    encoder.int(256);
    assert_eq!(encoder.finish().unwrap_err().kind, Kind::IntTooLarge);
}

#[test]
fn bytes_given_as_encoded_must_be() {
    refused(Kind::NotEncoded, |e| {
        e.encoded(&[0x0f]);
    });
    refused(Kind::NotEncoded, |e| {
        e.encoded(&[0, 0]);
    });
    refused(Kind::NotEncoded, |e| {
        e.encoded(&[]);
    });
    let mut encoder = Encoder::new();
    encoder.array(2).encoded(&[0x15, 0x09, 0x11]).address(Address([1; 20]));
    let value = Value::decode(&encoder.finish().unwrap()).unwrap();
    assert_eq!(value, [Value::array([1, 2]), Address([1; 20]).into()].into());
}

#[test]
fn the_first_mistake_is_told() {
    refused(Kind::KeyOrder, |e| {
        e.map(2).key("b").null().key("a").int(Int::ZERO).null().null();
    });
}
