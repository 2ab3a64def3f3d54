//! Bytes made to be expensive, and every refusal at its offset.

use std::time::{Duration, Instant};
use subvm_calldata::{DecodeErrorKind as Kind, DecodeLimits, Value, ValueRef, validate};

#[track_caller]
fn refused(bytes: &[u8], kind: Kind, offset: usize) {
    let error = Value::decode(bytes).unwrap_err();
    assert_eq!((error.kind, error.offset), (kind, offset), "{bytes:02x?}");
    assert_eq!(ValueRef::decode(bytes).unwrap_err(), error);
    assert_eq!(validate(bytes, &DecodeLimits::DEFAULT), Err(error));
    assert!(error.to_string().contains(kind.code()));
}

/// `uleb(payload << 3 | kind)` with needless groups of zero up to `len` bytes.
fn padded(kind: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0x80; len];
    bytes[0] |= kind;
    bytes[len - 1] = 0;
    bytes
}

#[test]
fn ends_too_early() {
    refused(b"", Kind::UnexpectedEnd, 0);
    refused(b"\x81", Kind::UnexpectedEnd, 1);
    refused(b"\x83\x80", Kind::UnexpectedEnd, 2);
    refused(&[0x18; 20], Kind::UnexpectedEnd, 20);
    refused(b"\x15\x09", Kind::LengthExceedsInput, 0);
    refused(b"\x0e\x01a", Kind::UnexpectedEnd, 3);
    refused(b"\x0d\x85", Kind::UnexpectedEnd, 2);
}

#[test]
fn numbers_that_are_not_the_shortest() {
    for kind in 0..7 {
        for len in 2..=9 {
            refused(&padded(kind, len), Kind::UlebNotShortest, 0);
        }
    }
    refused(&padded(1, 100), Kind::UlebNotShortest, 0);
    refused(b"\x0e\x81\x00a\x09", Kind::UlebNotShortest, 1);
}

#[test]
fn types_and_atoms_that_do_not_exist() {
    for payload in 0..16 {
        refused(&[payload << 3 | 7], Kind::ReservedType, 0);
    }
    for payload in 4..16 {
        refused(&[payload << 3], Kind::UnknownAtom, 0);
    }
    refused(b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", Kind::UnknownAtom, 0);
    refused(b"\x15\x00\x0f\x00", Kind::ReservedType, 2);
}

#[test]
fn lengths_beyond_the_input() {
    for kind in 3..=6 {
        refused(&[1 << 3 | kind], Kind::LengthExceedsInput, 0);
        refused(&[0xf8 | kind, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Kind::LengthExceedsInput, 0);
        refused(&[0xf8 | kind, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], Kind::LengthExceedsInput, 0);
        refused(&padded(kind, 1000), Kind::LengthExceedsInput, 0);
    }
    refused(b"\x0e\x05a\x09", Kind::LengthExceedsInput, 1);
}

#[test]
fn text_that_is_not_utf8() {
    refused(b"\x1ca\xffb", Kind::InvalidUtf8, 2);
    refused(b"\x1c\xed\xa0\x80", Kind::InvalidUtf8, 1);
    refused(b"\x14\xc0\x80", Kind::InvalidUtf8, 1);
    refused(b"\x0e\x02a\xc3\x09", Kind::InvalidUtf8, 3);
    // A key as long as the prefix by which keys are told apart, all of it high bits.
    refused(b"\x0e\x08\x80\x80\x80\x80\x80\x80\x80\x80\x00", Kind::InvalidUtf8, 2);
}

#[test]
fn keys_out_of_order() {
    refused(b"\x16\x01b\x00\x01a\x00", Kind::KeyOrder, 4);
    refused(b"\x16\x02aa\x00\x01a\x00", Kind::KeyOrder, 5);
    refused(b"\x16\x01a\x00\x01a\x00", Kind::DuplicateKey, 4);
    refused(b"\x16\x00\x00\x00\x00", Kind::DuplicateKey, 3);
    // By bytes, not by UTF-16: U+FF5E is below U+1F600.
    assert!(Value::decode("\x16\x03～\0\x04😀\0".as_bytes()).is_ok());
}

#[test]
fn more_than_a_value() {
    refused(b"\x00\x00", Kind::TrailingBytes, 1);
    refused(b"\x05\x0f", Kind::TrailingBytes, 1);
}

/// A mebibyte for one integer is refused by the limit before it is read.
#[test]
fn an_integer_of_a_mebibyte_is_refused_by_the_limit() {
    let mut bytes = vec![0xff; 1 << 20];
    bytes[0] = 0xf9;
    refused(&bytes, Kind::IntTooLarge, 0);
    *bytes.last_mut().unwrap() = 0x7f;
    refused(&bytes, Kind::IntTooLarge, 0);
}

fn time(body: impl Fn()) -> Duration {
    let once = || {
        let start = Instant::now();
        body();
        start.elapsed()
    };
    (0..3).map(|_| once()).min().unwrap_or_default()
}

/// 16 times the input takes about 16 times as long: 256 times would be quadratic. What else the machine does can
/// spoil a comparison, but not all of them.
#[track_caller]
fn linear(len: usize, input: impl Fn(usize) -> Vec<u8>) {
    let (small, large) = (input(len), input(16 * len));
    let decode = |bytes: &[u8]| time(|| drop(Value::decode_with(bytes, &DecodeLimits::UNLIMITED)));
    let linear = (0..20).any(|_| decode(&large) < decode(&small) * 64);
    assert!(linear, "{:?} -> {:?}", decode(&small), decode(&large));
}

#[test]
fn an_integer_of_a_mebibyte_is_decoded_in_linear_time_where_the_limit_is_raised() {
    linear(1 << 16, |len| {
        let mut bytes = vec![0xff; len];
        bytes[0] = 0xf9;
        bytes[len - 1] = 0x7f;
        bytes
    });
}

/// Of no more than some thousand levels: beyond, it is the memory they take, and whether it is fresh, that takes the
/// time. That the memory is linear is for `calldata_allocations` to show.
#[test]
fn decoding_takes_linear_time_whatever_the_input() {
    linear(1 << 9, |len| vec![0x0d; len]);
    linear(1 << 9, |len| [0x0e, 0x00].repeat(len / 2));
    linear(1 << 9, |len| {
        let mut bytes = vec![0x0d; len];
        bytes[len - 1] = 0x01;
        bytes
    });
    linear(1 << 11, |len| [0x1d, 0x00, 0x00].repeat(len / 3));
    linear(1 << 11, |len| Value::array(vec![1; len]).encode().unwrap());
}
