//! Calldata and BLAKE3 of `subvm.h`, compiled natively, beside `subvm-calldata` and `blake3`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use subvm_core::calldata::{Address, DecodeLimits, Int, Map, Value, validate};

use super::{C, compile};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i128>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<[u8; 32]>().prop_map(|word| Int::from_u256_le(&word).into()),
        any::<[u8; 20]>().prop_map(|bytes| Address(bytes).into()),
        prop::collection::vec(any::<u8>(), 0..140).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,3}", inner), 0..6)
                .prop_map(|entries| entries.into_iter().collect::<Map>().into()),
        ]
    })
}

/// Values, values in which something was changed, any bytes, and what is at the limits.
fn cases() -> Vec<Vec<u8>> {
    let mut runner = TestRunner::default();
    let mut cases = Vec::new();
    let changed = (value(), any::<prop::sample::Index>(), any::<u8>(), any::<bool>());
    for _ in 0..2_000 {
        cases.push(value().new_tree(&mut runner).unwrap().current().encode().unwrap());
        let (value, at, with, cut) = changed.new_tree(&mut runner).unwrap().current();
        let mut bytes = value.encode().unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at)
        } else {
            bytes[at] = with
        }
        cases.push(bytes);
        cases.push(prop::collection::vec(any::<u8>(), 0..24).new_tree(&mut runner).unwrap().current());
    }
    for bits in [65_535_u32, 65_536, 65_537, 65_550] {
        // 2^bits - 1, a payload of that many bits.
        let groups = (bits - 4).div_ceil(7);
        let top = (bits - 4) - 7 * (groups - 1);
        let last = (1_u16 << top) as u8 - 1;
        cases.push([&[0xff - 6][..], &vec![0xff; groups as usize - 1], &[last]].concat());
    }
    for depth in [1, 127, 128, 129] {
        cases.push([vec![0x0d; depth], vec![0]].concat());
        cases.push([[0x0e, 0].repeat(depth), vec![0]].concat());
    }
    for n in [i128::MIN, i64::MIN.into(), -1, 0, 15, 16, 2047, 2048, u64::MAX.into(), i128::MAX] {
        cases.push(Value::from(n).encode().unwrap());
    }
    cases.push(Value::from(u128::MAX).encode().unwrap());
    cases.extend([0, 1, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025].map(|len| vec![0xa5; len]));
    // Each first byte, each pair.
    cases.extend((0..=u8::MAX).map(|byte| vec![byte]));
    cases.extend((0..=u16::MAX).map(|pair| pair.to_be_bytes().to_vec()));
    cases
}

#[test]
fn calldata_in_c_is_calldata() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("check");
    let source = format!("{C}/check.c");
    let sanitizers = "-fsanitize=address,undefined";
    let arguments =
        ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", sanitizers, "-fno-sanitize-recover=all", "-Icore/sdk/c"];
    let arguments = [&arguments[..], &["-o", program.to_str().unwrap(), &source]].concat();
    if compile("the reader in C", "gcc", &arguments, &[]).is_none() {
        return;
    }
    let (cases, file) = (cases(), dir.path().join("cases"));
    let mut frames = Vec::new();
    for case in &cases {
        frames.extend((case.len() as u32).to_le_bytes());
        frames.extend(case);
    }
    File::create(&file).unwrap().write_all(&frames).unwrap();
    let mut child = Command::new(&program)
        .stdin(File::open(&file).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut answers).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}: {}", ended.status, String::from_utf8_lossy(&ended.stderr));
    let mut answers = &answers[..];
    for case in &cases {
        let [wrong, again, digest] = [(); 3].map(|()| {
            let (len, rest) = answers.split_at(4);
            let (answer, rest) = rest.split_at(u32::from_le_bytes(len.try_into().unwrap()) as usize);
            answers = rest;
            answer
        });
        let theirs = validate(case, &DecodeLimits::DEFAULT);
        assert_eq!(wrong.is_empty(), theirs.is_ok(), "{case:02x?}: {:?}, {theirs:?}", String::from_utf8_lossy(wrong));
        if theirs.is_ok() {
            assert_eq!(again, case);
        }
        let expected = if case.len() <= 1024 { blake3::hash(case).as_bytes().to_vec() } else { Vec::new() };
        assert_eq!(digest, expected, "BLAKE3 of {} bytes", case.len());
    }
    assert!(answers.is_empty());
}
