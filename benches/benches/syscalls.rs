//! What each system call costs, beside an empty function of the host with the same parameters on the same engine.
//!
//! `cargo bench --workspace --bench syscalls`; compare the times within a group. The bars, and wasmtime-wasi, are in
//! `docs/benchmarks.md`.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use subvm_tables::syscalls::{CASES, Case, Empty, Peer, Subvm, per_call};

/// Calls that a guest makes in a run: so many that starting it hardly shows, and whole turns through the file that is read.
const CALLS: u32 = 16_384;

fn syscall(criterion: &mut Criterion, case: &Case, peers: &[&dyn Peer]) {
    let mut group = criterion.benchmark_group(case.name);
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    for peer in peers {
        let mut run = peer.prepare(case, CALLS).expect("both have every call");
        group.bench_function(peer.name(), |bencher| {
            bencher.iter_custom(|calls| {
                let runs = calls.div_ceil(CALLS.into());
                let nanoseconds: f64 = (0..runs).map(|_| per_call(&mut run, CALLS)).sum();
                Duration::from_secs_f64(nanoseconds / runs as f64 * calls as f64 / 1e9)
            });
        });
    }
    group.finish();
}

fn syscalls(criterion: &mut Criterion) {
    let (subvm, empty) = (Subvm::default(), Empty::default());
    for case in CASES {
        syscall(criterion, case, &[&subvm, &empty]);
    }
}

criterion_group!(benches, syscalls);
criterion_main!(benches);
