//! Where one way to read or write ends and another begins: lengths around a word and around the window that
//! encodings are written through, numbers around so many groups, keys that begin alike, and the end of the input.

use std::cmp::Ordering;
use subvm_calldata::Address;
use subvm_calldata::{DecodeErrorKind, DecodeLimits, Encoder, Int, Map, Value, ValueRef, validate};

/// `uleb(n)` by the letter of the specification.
fn uleb(mut n: u128) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

fn counted(kind: u128, bytes: &[u8]) -> Vec<u8> {
    [uleb((bytes.len() as u128) << 3 | kind), bytes.to_vec()].concat()
}

/// Values that are no containers, each with its encoding.
fn leaves() -> Vec<(Value, Vec<u8>)> {
    let mut leaves = vec![
        (Value::Null, vec![0]),
        (true.into(), vec![0x10]),
        (Address([7; 20]).into(), [&[0x18][..], &[7; 20]].concat()),
    ];
    for bits in [0, 3, 4, 5, 10, 11, 12, 17, 18, 52, 53, 54, 60, 61, 62, 63, 64, 65, 100, 120, 123] {
        for payload in [(1_u128 << bits) - 1, 1 << bits, (1 << bits) + 1] {
            let n = Int::from(payload);
            leaves.push(((Int::from(-1) - n.clone()).into(), uleb(payload << 3 | 2)));
            leaves.push((n.into(), uleb(payload << 3 | 1)));
        }
    }
    for len in [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 39, 40, 41, 470, 511, 512, 513, 2047, 2048] {
        let text: String = ('a'..='z').cycle().take(len).collect();
        leaves.push((text.as_str().into(), counted(4, text.as_bytes())));
        leaves.push((text.clone().into_bytes().into(), counted(3, text.as_bytes())));
    }
    leaves
}

#[track_caller]
fn both_ways(value: &Value, bytes: &[u8]) {
    assert_eq!(value.encode().unwrap(), bytes, "{value}");
    assert_eq!(&Value::decode(bytes).unwrap(), value);
    assert_eq!(&ValueRef::decode(bytes).unwrap().to_owned(), value);
    let mut pieces = Encoder::new();
    pieces.value(value);
    assert_eq!(pieces.finish().unwrap(), bytes);
}

#[test]
fn leaves_are_written_by_the_letter() {
    for (value, bytes) in leaves() {
        both_ways(&value, &bytes);
        let mut pieces = Encoder::new();
        match &value {
            Value::Int(int) => pieces.int(int),
            Value::Str(text) => pieces.str(text),
            Value::Bytes(bytes) => pieces.bytes(bytes),
            other => pieces.value(other),
        };
        assert_eq!(pieces.finish().unwrap(), bytes, "{value}");
    }
}

/// A leaf and another after so many bytes that it stands at any place of a window.
#[test]
fn leaves_are_written_wherever_they_stand() {
    let leaves = leaves();
    for (before, (value, leaf)) in (440..520).flat_map(|len| leaves.iter().map(move |leaf| (len, leaf))) {
        let bytes = vec![0; before];
        let expected = [&[0x1d][..], &counted(3, &bytes), leaf, &[0x29]].concat();
        let array = Value::from([bytes.into(), value.clone(), 5.into()]);
        assert_eq!(array.encode().unwrap(), expected, "{value} after {before}");
    }
}

#[test]
fn keys_of_every_length_are_written_and_read() {
    for len in (0..40).chain([126, 127, 128, 129, 500, 520]) {
        let key: String = ('a'..='z').cycle().take(len).collect();
        let bytes = [&[0x0e][..], &uleb(len as u128), key.as_bytes(), &[0x09]].concat();
        both_ways(&Map::from([(key.as_str(), 1)]).into(), &bytes);
        let mut pieces = Encoder::new();
        pieces.map(1).key(&key).int(1);
        assert_eq!(pieces.finish().unwrap(), bytes);
    }
}

/// All strings of up to two of these pieces after each of these starts.
fn keys() -> Vec<String> {
    let pieces = ["", "\0", "a", "b", "\u{7f}", "é", "\u{ffff}", "😀"];
    let starts = ["", "a", "123456", "1234567", "12345678", "123456789", "key-key-key-key"];
    let all = starts.iter().flat_map(|start| pieces.iter().map(move |a| (start, a)));
    all.flat_map(|(start, a)| pieces.iter().map(move |b| format!("{start}{a}{b}"))).collect()
}

/// Maps of two entries of null, at the end of the input and followed by more of it.
#[test]
fn keys_are_compared_by_all_of_their_bytes() {
    let keys = keys();
    let entry = |key: &str| [&uleb(key.len() as u128), key.as_bytes(), &[0]].concat();
    for (first, second) in keys.iter().flat_map(|first| keys.iter().map(move |second| (first, second))) {
        let expected = match first.as_bytes().cmp(second.as_bytes()) {
            Ordering::Less => None,
            Ordering::Equal => Some(DecodeErrorKind::DuplicateKey),
            Ordering::Greater => Some(DecodeErrorKind::KeyOrder),
        };
        let at = 2 + entry(first).len();
        for followers in [0, 8] {
            let array = [(1 + followers as u8) << 3 | 5, 0x16];
            let bytes = [&array[..], &entry(first), &entry(second), &vec![0; followers]].concat();
            let decoded = Value::decode(&bytes);
            let refusal = decoded.as_ref().err().copied();
            assert_eq!(
                refusal.map(|error| (error.kind, error.offset)),
                expected.map(|kind| (kind, at)),
                "{bytes:02x?}"
            );
            assert_eq!(validate(&bytes, &DecodeLimits::DEFAULT).err(), refusal);
            if let Ok(value) = decoded {
                both_ways(&value, &bytes);
            }
        }
    }
}
