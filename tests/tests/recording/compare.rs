//! Two recordings side by side: what differs first is found, and where.

use std::io::Cursor;
use std::sync::atomic::Ordering;

use subvm_core::host::Node;
use subvm_replay::compare::{Comparison, What, recordings};
use subvm_replay::{Ask, Asked, Record};
use subvm_tests::lying::{Told, lying_at, told};

use crate::support::{World, with_code};

fn compared(a: &[u8], b: &[u8]) -> Comparison {
    recordings(Cursor::new(a.to_vec()), Cursor::new(b.to_vec())).unwrap()
}

/// Numbers without a pattern, the same in every run.
fn scattered(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    })
}

#[test]
fn a_thousand_faults_in_a_node_s_answers_are_each_found_at_their_call() {
    let world = World::new();
    let (count, answers) = {
        let (node, answers) = lying_at(world.node(), u64::MAX, 0);
        (world.record(node, with_code()).0.bytes(), answers)
    };
    let answers = answers.load(Ordering::Relaxed);
    assert!(answers > 300, "{answers}");
    let (mut deterministic, mut beside, mut chosen) = (0, 0, scattered(7));
    for _ in 0..1_000 {
        let (nth, bit) = (chosen.next().unwrap() % answers, chosen.next().unwrap() as usize);
        // A world of its own, whose generator begins anew.
        let world = World::new();
        let (node, _) = lying_at(world.node(), nth, bit);
        let lied = record(&world, node);
        let Told { steps, is_step, call, path, record } = told(&count, nth).expect("there are so many answers");
        let found = compared(&count, &lied);
        let divergence = if is_step {
            deterministic += 1;
            assert!(found.beside.is_none(), "answer {nth}: {:?}", found.beside);
            found.divergence
        } else {
            // What follows from it differs, too.
            beside += 1;
            found.beside
        };
        let divergence = divergence.unwrap_or_else(|| panic!("answer {nth}, bit {bit}: nothing is found"));
        assert!(matches!(divergence.what, What::Answer(_)), "answer {nth}: {divergence:?}");
        assert_eq!((divergence.step, divergence.a.call, divergence.a.path), (steps, call, path), "answer {nth}");
        assert_eq!(divergence.a.record, Some(record), "answer {nth}");
        assert_ne!(divergence.b.record, divergence.a.record);
    }
    assert!(deterministic > 500 && beside > 0, "{deterministic} and {beside}");
}

fn record(world: &World, node: Node) -> Vec<u8> {
    let recording = subvm_replay::Buffer::default();
    let (node, recorder) = subvm_replay::Recorder::wrap(node, recording.clone(), with_code());
    let (node, _) = world.run(node);
    let _ = recorder.finish(node);
    recording.bytes()
}

#[test]
fn two_recordings_of_one_run_are_the_same() {
    let [a, b] = [World::new(), World::new()].map(|world| record(&world, world.node()));
    let found = compared(&a, &b);
    assert!(found.divergence.is_none() && found.beside.is_none(), "{found:?}");
    assert_eq!(found.whole, [true, true]);
}

#[test]
fn most_blocks_are_passed_over() {
    let world = World::new();
    let honest = record(&world, world.node());
    let (node, _) = lying_at(world.node(), 290, 3);
    let found = compared(&honest, &record(&world, node));
    let divergence = found.divergence.expect("one answer is a lie");
    assert!(divergence.step > 1_024, "{divergence:?}");
    assert_eq!(found.blocks_read, 2, "one of each");
}

#[test]
fn a_cut_recording_is_compared_as_far_as_it_goes() {
    let world = World::new();
    let whole = record(&world, world.node());
    for len in (600..whole.len()).step_by(101) {
        let found = compared(&whole, &whole[..len]);
        assert_eq!(found.whole, [true, false], "the first {len} bytes");
        // In the last bytes there may be nothing but the end of the run.
        let Some(divergence) = found.divergence else {
            assert!(len > whole.len() - 60, "the first {len} bytes");
            continue;
        };
        assert_eq!(divergence.what, What::End, "the first {len} bytes");
        assert!(divergence.b.record.is_none() && divergence.a.record.is_some());
    }
    let found = compared(&whole[..whole.len() - 1], &whole);
    assert_eq!(found.whole, [false, true]);
}

#[test]
fn a_damaged_recording_is_named() {
    let world = World::new();
    let whole = record(&world, world.node());
    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    let (side, error) = recordings(Cursor::new(whole.clone()), Cursor::new(damaged.clone())).unwrap_err();
    assert_eq!((side, error.to_string().contains("damaged")), (subvm_replay::compare::Side::B, true), "{error}");
    let (side, _) = recordings(Cursor::new(damaged), Cursor::new(whole)).unwrap_err();
    assert_eq!(side, subvm_replay::compare::Side::A);
}

/// What the question was is not what differs, but what was said.
#[test]
fn who_answered_is_named() {
    let world = World::new();
    let honest = record(&world, world.node());
    let (node, _) = lying_at(world.node(), 0, 3);
    let divergence = compared(&honest, &record(&world, node)).divergence.unwrap();
    let Some(Record::Asked(Asked { ask: Ask::Storage { .. }, .. })) = divergence.a.record else {
        panic!("{divergence:?}")
    };
    assert_eq!(divergence.what, What::Answer("storage"));
    assert_eq!(divergence.a.within.unwrap().name(), "storage_read");
    assert_eq!(divergence.a.began.unwrap().function.name(), "storage_read");
}
