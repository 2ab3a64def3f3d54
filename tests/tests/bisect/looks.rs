//! What is seen of a machine at a point is what was there, on both engines; and looking changes no run.

use std::sync::Arc;

use subvm_core::run;
use subvm_host_std::look::{Seen, Watch};
use subvm_host_std::lower::Global;
use subvm_host_std::replay::{Point, Verdict};
use subvm_tests::engines::parts;
use subvm_tests::transaction::{deployed, transaction};

use crate::support::{ENGINES, recorded, replay, sandboxed, seen};

/// Counts to a hundred in a local, a global and in memory.
const COUNTS: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (memory 1) (global $counted (mut i64) (i64.const 0))
    (func $count (param $to i32) (local $i i32) (local $half f64)
        (loop
            (local.set $half (f64.div (f64.convert_i32_u (local.get $i)) (f64.const 2)))
            (global.set $counted (i64.extend_i32_u (local.get $i)))
            (i32.store (i32.const 16) (local.get $i))
            (drop (call $yield))
            (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $to)))))
    (func (export "_start") (call $count (i32.const 100))))"#;

fn counted(seen: &Seen) -> [u64; 2] {
    let instance = &seen.instances[0];
    let in_memory = instance.memories[0].read(16, 4).unwrap();
    let Global::I64(in_global) = instance.globals[0].1 else { panic!("{:?}", instance.globals) };
    [u32::from_le_bytes(in_memory.try_into().unwrap()).into(), in_global]
}

#[test]
fn each_tick_shows_what_was_there_on_both_engines() {
    let (recording, report) = recorded(parts(COUNTS));
    let used = report.receipt.gas.time;
    let mut last = 0;
    for tick in (0..=used + 10).step_by(used as usize / 20) {
        let [ours, theirs] = ENGINES.map(|(_, makes)| seen(&recording, makes, Watch::new(), &Point::main(tick)));
        let (ours, theirs) = (&ours[0], &theirs[0]);
        assert_eq!(
            (ours.ticks, &ours.frames, &ours.instances),
            (theirs.ticks, &theirs.frames, &theirs.instances),
            "at {tick}"
        );
        assert_eq!(ours.is_stopped(), tick < used, "at {tick} of {used}");
        if ours.instances.is_empty() {
            continue;
        }
        let [in_memory, in_global] = counted(ours);
        assert!(
            in_memory >= last && in_global.abs_diff(in_memory) <= 1,
            "at {tick}: {in_memory}, {in_global}, after {last}"
        );
        last = in_memory;
    }
    assert_eq!(last, 99);
}

#[test]
fn the_locals_of_a_function_that_stops_are_kept() {
    let (recording, report) = recorded(parts(COUNTS));
    // 32,768 ticks are spent before the first instruction.
    let middle = Point::main((32_768 + report.receipt.gas.time) / 2);
    for (name, makes) in ENGINES {
        let stopped = &seen(&recording, makes, Watch::locals(1), &middle)[0];
        assert_eq!(stopped.frames[0].func, 1, "{name}");
        let locals = &stopped.instances[0].locals;
        let [(0, Global::I32(100)), (1, Global::I32(i)), (2, Global::F64(half))] = locals[..] else {
            panic!("{name}: {locals:?}")
        };
        let [in_memory, _] = counted(stopped);
        assert!((40..60).contains(&i) && u64::from(i).abs_diff(in_memory) <= 1, "{name}: {i}, {in_memory}");
        assert!((f64::from_bits(half) * 2.0 - f64::from(i)).abs() <= 1.0, "{name}");
    }
}

#[test]
fn sub_vms_that_execute_are_seen_from_the_innermost_with_descriptors_and_writes() {
    let (recording, report) = recorded(parts(&sandboxed()));
    let used = report.receipt.gas.time;
    for (name, makes) in ENGINES {
        let mut depths = Vec::new();
        for tick in (0..used).step_by((used / 60).max(1) as usize) {
            let stack = seen(&recording, makes, Watch::new(), &Point::main(tick));
            let paths: Vec<Vec<u64>> = stack.iter().map(|seen| seen.path.clone()).collect();
            assert!(paths == [vec![0]] || paths == [vec![0, 0], vec![0]], "{name}: {paths:?}");
            if paths.len() == 2 {
                assert_eq!(stack[0].written.len(), 1, "written by its parent before it");
                assert_eq!(stack[0].descriptors.last(), Some(&(3, "directory /".to_owned())));
            }
            depths.push(paths.len());
        }
        assert!(depths.contains(&1), "{name}");
        let inner = seen(&recording, makes, Watch::new(), &Point { path: vec![0, 0], ticks: 1 << 40 });
        assert_eq!((inner.len(), &inner[0].path[..]), (2, &[0, 0][..]), "{name}");
        assert_eq!(inner[0].instances[0].memories[0].read(128, 8).unwrap(), 6i64.to_le_bytes());
    }
}

/// Notes and locals cost no gas, no RAM, and no result.
#[test]
fn a_run_that_is_looked_into_is_the_same() {
    for text in [COUNTS.to_owned(), sandboxed()] {
        let (recording, plain) = recorded(parts(&text));
        for (name, makes) in ENGINES {
            for watch in [Watch::new(), Watch::locals(1), Watch::locals(3)] {
                let engine = makes(Arc::new(watch));
                let (_, report) = run(engine.clone(), deployed(parts(&text)).node(), transaction());
                let report = report.unwrap();
                assert_eq!((&report.receipt, report.ram_peak), (&plain.receipt, plain.ram_peak), "{name}");
                let replayed = replay(&recording).on(engine).unwrap();
                assert!(matches!(replayed.verdict, Verdict::Same), "{name}: {:?}", replayed.verdict);
            }
        }
    }
}
