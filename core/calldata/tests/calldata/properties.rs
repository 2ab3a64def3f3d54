//! What holds of every value and of all bytes.

use super::{int, value};
use proptest::prelude::*;
use std::hash::{BuildHasher, RandomState};
use subvm_calldata::{DecodeLimits, Encoder, EventRef, Events, Map, Value, ValueRef, count, validate};

/// Bytes that are often almost an encoding: one, changed in a few places and perhaps cut.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let damaged = (
        value(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        any::<Option<prop::sample::Index>>(),
    )
        .prop_map(|(value, changes, cut)| {
            let mut bytes = value.encode().unwrap();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.map_or(usize::MAX, |cut| cut.index(bytes.len() + 1)));
            bytes
        });
    prop_oneof![damaged, prop::collection::vec(any::<u8>(), 0..60)]
}

fn encode_by_pieces<'e>(value: &Value, encoder: &'e mut Encoder) -> &'e mut Encoder {
    match value {
        Value::Null => encoder.null(),
        Value::Bool(b) => encoder.bool(*b),
        Value::Int(int) => encoder.int(int),
        Value::Address(address) => encoder.address(*address),
        Value::Bytes(bytes) => encoder.bytes(bytes),
        Value::Str(text) => encoder.str(text),
        Value::Array(items) => items.iter().fold(encoder.array(items.len()), |e, item| encode_by_pieces(item, e)),
        Value::Map(map) => {
            map.iter().fold(encoder.map(map.len()), |e, (key, value)| encode_by_pieces(value, e.key(key)))
        }
    }
}

/// Reads a borrowed value by going through it, rather than by `to_owned`.
fn rebuild(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Array(items) => items.iter().map(rebuild).collect::<Vec<_>>().into(),
        ValueRef::Map(map) => map.iter().map(|(key, value)| (key, rebuild(value))).collect::<Map>().into(),
        leaf => leaf.to_owned(),
    }
}

/// The next value of a row of events.
fn gathered(events: &mut Events<'_>) -> Value {
    match events.next() {
        Some(EventRef::Leaf(leaf)) => leaf.to_owned(),
        Some(EventRef::Array(len)) => (0..len).map(|_| gathered(events)).collect::<Vec<_>>().into(),
        Some(EventRef::Map(len)) => {
            let entry = |_| match events.next() {
                Some(EventRef::Key(key)) => (key, gathered(events)),
                other => panic!("{other:?}, where a key is due"),
            };
            (0..len).map(entry).collect::<Map>().into()
        }
        other => panic!("{other:?}, where a value is due"),
    }
}

proptest! {
    #[test]
    fn events_are_all_that_is_in_a_value(value in value(), other in value()) {
        let (bytes, others) = (value.encode().unwrap(), other.encode().unwrap());
        let (borrowed, others) = (ValueRef::decode(&bytes).unwrap(), ValueRef::decode(&others).unwrap());
        let mut events = borrowed.events();
        prop_assert_eq!(&gathered(&mut events), &value);
        prop_assert_eq!(events.next(), None);
        prop_assert_eq!(borrowed.events().count() as u64, count(&bytes).unwrap());
        prop_assert_eq!(borrowed.events().eq(others.events()), value == other);
    }

    #[test]
    fn what_is_encoded_decodes_to_itself(value in value()) {
        let bytes = value.encode().unwrap();
        prop_assert_eq!(&Value::decode(&bytes).unwrap(), &value);
        prop_assert!(validate(&bytes, &DecodeLimits::DEFAULT).is_ok());
        let borrowed = ValueRef::decode(&bytes).unwrap();
        prop_assert_eq!(&borrowed.to_owned(), &value);
        prop_assert_eq!(&rebuild(borrowed), &value);
        let mut again = Vec::new();
        borrowed.encode_into(&mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn what_decodes_is_encoded_to_itself(bytes in bytes()) {
        match Value::decode(&bytes) {
            Ok(value) => prop_assert_eq!(value.encode().unwrap(), bytes),
            Err(error) => prop_assert!(error.offset <= bytes.len()),
        }
    }

    #[test]
    fn every_decoder_says_the_same(bytes in bytes()) {
        let owned = Value::decode(&bytes);
        prop_assert_eq!(validate(&bytes, &DecodeLimits::DEFAULT), owned.clone().map(|_| ()));
        prop_assert_eq!(ValueRef::decode(&bytes).map(ValueRef::to_owned), owned);
    }

    #[test]
    fn every_start_of_an_encoding_is_refused(value in value(), cut in any::<prop::sample::Index>()) {
        let bytes = value.encode().unwrap();
        prop_assert!(Value::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn the_text_form_is_parsed_to_the_value(value in value()) {
        prop_assert_eq!(&value.to_string().parse::<Value>().unwrap(), &value);
        prop_assert_eq!(&format!("{value:#}").parse::<Value>().unwrap(), &value);
    }

    #[test]
    fn parsing_never_panics_and_what_is_parsed_prints_the_same(text in "[\\[\\]{}:,\"\\\\ub#0-9a-f .-]{0,30}|.{0,30}") {
        if let Ok(value) = text.parse::<Value>() {
            prop_assert_eq!(value.to_string().parse(), Ok(value));
        }
    }

    #[test]
    fn pieces_and_values_encode_alike(value in value()) {
        let mut encoder = Encoder::new();
        encode_by_pieces(&value, &mut encoder);
        prop_assert_eq!(encoder.finish(), value.encode());
    }

    #[test]
    fn insertion_order_does_not_count(
        (entries, order) in prop::collection::btree_map(".{0,3}", int(), 0..20)
            .prop_flat_map(|entries| (Just(entries.clone()), Just(Vec::from_iter(entries)).prop_shuffle())),
    ) {
        let mut inserted = Map::new();
        for (key, value) in order.clone() {
            prop_assert_eq!(inserted.insert(key, value), None);
        }
        let sorted: Map = entries.into_iter().collect();
        let collected: Map = order.into_iter().collect();
        prop_assert_eq!(&inserted, &sorted);
        prop_assert_eq!(&collected, &sorted);
        prop_assert_eq!(Value::from(inserted).encode(), Value::from(sorted).encode());
    }

    #[test]
    fn a_map_is_what_a_tree_map_is(steps in prop::collection::vec(("[a-e]{0,2}", any::<Option<u8>>()), 0..60)) {
        let (mut map, mut model) = (Map::new(), std::collections::BTreeMap::new());
        for (key, value) in steps {
            match value {
                Some(value) => prop_assert_eq!(map.insert(key.clone(), value), model.insert(key.clone(), Value::from(value))),
                None => prop_assert_eq!(map.remove(&key), model.remove(&key)),
            }
            prop_assert_eq!(map.get(&key), model.get(&key));
            prop_assert!(map.iter().eq(model.iter().map(|(key, value)| (key.as_str(), value))));
        }
    }

    #[test]
    fn equal_means_equal_encoding_and_hash(a in value(), b in value()) {
        prop_assert_eq!(a == b, a.encode() == b.encode());
        let state = RandomState::new();
        prop_assert_eq!(state.hash_one(&a), state.hash_one(a.clone()));
    }
}
