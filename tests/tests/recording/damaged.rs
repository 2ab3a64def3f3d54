//! Recordings that were cut, and recordings of which a byte was changed.

use std::io::Cursor;

use proptest::prelude::*;

use subvm_replay::{ReadError, Reader, Record, Replay, ReplayError, Verdict};

use crate::support::{World, with_code};

fn recording() -> (World, Vec<u8>) {
    let world = World::new();
    let (recording, recorded, _) = world.record(world.node(), with_code());
    assert!(recorded.incomplete.is_none());
    (world, recording.bytes())
}

/// Every record that can be had, and whether the end is among them.
fn records(bytes: &[u8]) -> Result<(Vec<Record>, bool), ReadError> {
    let mut reader = Reader::new(bytes)?;
    let records = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok((records, reader.is_whole()))
}

#[test]
fn a_recording_cut_at_any_byte_is_read_up_to_its_last_whole_record() {
    let (_, bytes) = recording();
    let (all, whole) = records(&bytes).unwrap();
    assert!(whole && all.len() > 1_000, "{}", all.len());
    let mut before = 0;
    for len in 0..bytes.len() {
        match records(&bytes[..len]) {
            Ok((some, whole)) => {
                assert!(!whole && all.starts_with(&some), "the first {len} bytes");
                assert!(some.len() >= before, "{} of the first {len} bytes, {before} before", some.len());
                before = some.len();
            }
            Err(ReadError::NotARecording) => assert!(len < 9),
            Err(error) => panic!("the first {len} bytes: {error}"),
        }
    }
    assert!(before >= all.len() - 20, "the last block is read as far as it goes: {before} of {}", all.len());
}

#[test]
fn a_cut_recording_is_replayed_as_far_as_it_goes() {
    let (world, bytes) = recording();
    for len in (0..bytes.len()).step_by(61) {
        match Replay::open(Cursor::new(bytes[..len].to_vec())).and_then(|replay| replay.on(world.engine.clone())) {
            Ok(replayed) => {
                let fits = matches!(replayed.verdict, Verdict::Ends | Verdict::NoPackage(_));
                assert!(fits, "the first {len} bytes: {}", replayed.verdict);
            }
            Err(ReplayError::NoRun | ReplayError::Read(ReadError::NotARecording)) => assert!(len < 600, "{len}"),
            Err(error) => panic!("the first {len} bytes: {error}"),
        }
    }
}

#[test]
fn a_recording_with_any_byte_changed_is_refused() {
    let (world, bytes) = recording();
    for at in 0..bytes.len() {
        for bit in [0, 7] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let error = records(&changed).expect_err("it was changed");
            let fits = match error {
                ReadError::NotARecording => at < 8,
                ReadError::Version(_) => at == 8,
                ReadError::Damaged { .. } => at > 8,
                _ => false,
            };
            assert!(fits, "byte {at}: {error}");
            // What comes before it may be played: what comes of that is no verdict.
            if at.is_multiple_of(97) {
                let replayed = Replay::open(Cursor::new(changed)).and_then(|replay| replay.on(world.engine.clone()));
                assert!(replayed.is_err(), "byte {at}");
            }
        }
    }
}

#[test]
fn what_follows_a_recording_is_refused() {
    let (_, mut bytes) = recording();
    bytes.push(0);
    assert!(matches!(records(&bytes), Err(ReadError::Damaged { .. })));
    bytes.extend([0; 100]);
    assert!(matches!(records(&bytes), Err(ReadError::Damaged { .. })));
}

/// What the fuzz target looks at: bytes with heads that fit them.
fn forged() -> impl Strategy<Value = Vec<u8>> {
    let edits =
        proptest::collection::vec(any::<[u8; 5]>(), 1..6).prop_map(|edits| [&[2], edits.concat().as_slice()].concat());
    let block = proptest::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| [&[1], bytes.as_slice()].concat());
    prop_oneof![4 => edits, 1 => block]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_somebody_made_up_is_refused_or_comes_to_a_verdict(data in forged()) {
        subvm_tests::fuzz::check("recording", &data);
    }
}
