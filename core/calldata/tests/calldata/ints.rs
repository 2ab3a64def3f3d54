//! Integers, against `num-bigint` and against native ones.

use super::int;
use num_bigint::{BigInt, Sign};
use proptest::prelude::*;
use subvm_calldata::{DecodeErrorKind, DecodeLimits, Int, Value, ValueRef};

/// The encoding by the letter of the specification, on `num-bigint` alone.
fn encode_by_bigint(n: &BigInt) -> Vec<u8> {
    let (kind, payload) = if n.sign() == Sign::Minus { (2, !n) } else { (1, n.clone()) };
    let mut x: BigInt = (payload << 3) + kind;
    let mut bytes = Vec::new();
    loop {
        let group = u8::try_from(&x % 128_u8).unwrap();
        x >>= 7;
        if x == BigInt::ZERO {
            bytes.push(group);
            return bytes;
        }
        bytes.push(group | 0x80);
    }
}

proptest! {
    #[test]
    fn conversions_agree_with_bigint(int in int()) {
        let big = BigInt::from(&int);
        prop_assert_eq!(&Int::from(&big), &int);
        prop_assert_eq!(int.to_string(), big.to_string());
        prop_assert_eq!(&big.to_string().parse::<Int>().unwrap(), &int);
        prop_assert_eq!(int.is_negative(), big.sign() == Sign::Minus);
        prop_assert_eq!(int.is_zero(), big == BigInt::ZERO);
        prop_assert_eq!(u64::try_from(&int).ok(), u64::try_from(&big).ok());
        prop_assert_eq!(i64::try_from(&int).ok(), i64::try_from(&big).ok());
        prop_assert_eq!(u128::try_from(&int).ok(), u128::try_from(&big).ok());
        prop_assert_eq!(i128::try_from(&int).ok(), i128::try_from(&big).ok());
        let payload = if int.is_negative() { !&big } else { big.clone() };
        prop_assert_eq!(int.payload_bits(), payload.bits());
    }

    #[test]
    fn encodings_agree_with_bigint(int in int()) {
        let bytes = encode_by_bigint(&BigInt::from(&int));
        prop_assert_eq!(Value::from(&int).encode().unwrap(), &bytes[..]);
        prop_assert_eq!(Value::decode(&bytes).unwrap(), Value::from(&int));
        prop_assert_eq!(ValueRef::decode(&bytes).unwrap().as_int(), Some(int));
    }

    #[test]
    fn arithmetic_and_order_agree_with_bigint(a in int(), b in int()) {
        let (x, y) = (BigInt::from(&a), BigInt::from(&b));
        prop_assert_eq!(BigInt::from(&a + &b), &x + &y);
        prop_assert_eq!(BigInt::from(&a - &b), &x - &y);
        prop_assert_eq!(BigInt::from(&a * &b), &x * &y);
        prop_assert_eq!(BigInt::from(-a.clone()), -&x);
        prop_assert_eq!(BigInt::from(a.abs_diff(&b)), BigInt::from((&x - &y).magnitude().clone()));
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        prop_assert_eq!(a == b, x == y);
    }

    #[test]
    fn words_of_256_bits_convert_both_ways(word in any::<[u8; 32]>(), high in 0_usize..=32) {
        let mut word = word;
        word[high..].fill(0);
        let int = Int::from_u256_le(&word);
        prop_assert_eq!(BigInt::from(&int), BigInt::from_bytes_le(Sign::Plus, &word));
        prop_assert_eq!(int.to_u256_le(), Some(word));
        prop_assert_eq!((Int::from(-1) - int).to_u256_le(), None);
    }
}

#[test]
fn native_edges_convert_and_their_neighbours_do_not() {
    let above = Int::from(u128::MAX) + 1;
    assert_eq!(u128::try_from(&(above.clone() - 1)), Ok(u128::MAX));
    assert!(u128::try_from(&above).is_err());
    assert!(u128::try_from(&Int::from(-1)).is_err());
    assert_eq!(i128::try_from(Int::from(i128::MIN)), Ok(i128::MIN));
    assert!(i128::try_from(Int::from(i128::MIN) - 1).is_err());
    assert_eq!(u8::try_from(Int::from(255)), Ok(255));
    assert!(u8::try_from(Int::from(256)).is_err());
    let largest = Int::from_u256_le(&[0xff; 32]);
    assert_eq!((largest + 1).to_u256_le(), None);
}

#[test]
fn the_limit_is_in_bits_of_the_payload() {
    for bits in [0_u32, 1, 3, 4, 5, 59, 60, 61, 64, 127, 128, 129, 65_535] {
        let limits = DecodeLimits { max_int_bits: bits, ..DecodeLimits::DEFAULT };
        let largest = Int::from(BigInt::from(1) << bits) - 1;
        for (within, beyond) in
            [(largest.clone(), largest.clone() + 1), (Int::from(-1) - largest.clone(), -largest.clone() - 2)]
        {
            let bytes = Value::from(&within).encode_with(&limits).unwrap();
            assert_eq!(Value::decode_with(&bytes, &limits), Ok(within.into()), "{bits}");
            assert_eq!(Value::from(&beyond).encode_with(&limits).unwrap_err().kind.code(), "int_too_large");
            let bytes = Value::from(&beyond).encode_with(&DecodeLimits::UNLIMITED).unwrap();
            assert_eq!(Value::decode_with(&bytes, &limits).unwrap_err().kind, DecodeErrorKind::IntTooLarge, "{bits}");
            assert_eq!(beyond.to_string().parse::<Value>().is_ok(), bits < 65_536);
        }
    }
}

#[test]
fn no_integer_text_is_anything_else() {
    for text in ["", "-", "+1", "1_000", "0x10", " 1", "1 ", "--1", "１"] {
        assert!(text.parse::<Int>().is_err(), "{text:?}");
    }
    assert_eq!("-0".parse(), Ok(Int::ZERO));
    assert_eq!("007".parse(), Ok(Int::from(7)));
}

/// Of every length around whole words of bytes and limbs, and of a mebibyte.
#[test]
fn large_integers_are_those_of_bigint_where_the_limit_is_raised() {
    let noise = (0..1 << 20).scan(1_u32, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8)
    });
    let noise: Vec<u8> = noise.collect();
    for len in (1..200).chain([1 << 12, (1 << 20) - 1, 1 << 20]) {
        for big in [BigInt::from_signed_bytes_le(&noise[..len]), !BigInt::from_bytes_le(Sign::Plus, &noise[..len])] {
            let bytes = Value::from(Int::from(&big)).encode_with(&DecodeLimits::UNLIMITED).unwrap();
            let payload = if big.sign() == Sign::Minus { !&big } else { big.clone() };
            assert_eq!(bytes.len() as u64, (payload.bits() + 3).div_ceil(7).max(1), "{len}");
            if len < 200 {
                assert_eq!(bytes, encode_by_bigint(&big));
            }
            let value = Value::decode_with(&bytes, &DecodeLimits::UNLIMITED).unwrap();
            assert!(BigInt::from(value.as_int().unwrap()) == big, "{len}");
        }
    }
}
