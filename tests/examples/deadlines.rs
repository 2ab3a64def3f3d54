//! How long after its deadline a run ends, on each engine: `cargo run --release -p subvm-tests --example deadlines` prints a
//! table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::host::Node;
use subvm_core::{Engine, InternalErrorKind, Params, Run, run};
use subvm_host_std::clock::SystemClock;
use subvm_tests::engines::{engines, parts};
use subvm_tests::transaction::{deployed, transaction};

const DEADLINE: Duration = Duration::from_millis(20);
const RUNS: usize = 50;

fn main() {
    let programs = [
        ("a loop", "(module (func (export \"_start\") (loop (br 0))))".to_owned()),
        (
            "calls",
            "(module (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))
                (call $f (i32.sub (local.get 0) (i32.const 1))))))
            (func (export \"_start\") (call $f (i32.const 60))))"
                .to_owned(),
        ),
        ("fills of 1 MiB", fills(1 << 20)),
        ("fills of 512 MiB", fills(1 << 29)),
    ];
    println!("| program | engine | half of the runs | slowest of {RUNS} |\n|---|---|---|---|");
    for (what, module) in programs {
        for (name, engine) in engines() {
            // The first run makes the module ready.
            let mut late: Vec<Duration> = (0..=RUNS).map(|_| late(&engine, &module)).skip(1).collect();
            late.sort();
            let shown = |late: Duration| format!("{:.1} ms", late.as_secs_f64() * 1e3);
            println!("| {what} | {name} | {} | {} |", shown(late[RUNS / 2]), shown(late[RUNS - 1]));
        }
    }
}

fn fills(bytes: u32) -> String {
    format!(
        "(module (memory 8192) (func (export \"_start\") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const {bytes})) (br 0))))"
    )
}

fn late(engine: &Arc<dyn Engine>, module: &str) -> Duration {
    let node = Node { clock: Box::new(SystemClock::new(0)), ..deployed(parts(module)).node() };
    let mut params = Params::default();
    params.limits.gas_time = i64::MAX as u64;
    let bounded = Run { params: Arc::new(params), deadline: Some(DEADLINE), ..transaction() };
    let begun = Instant::now();
    let error = run(Arc::clone(engine), node, bounded).1.expect_err("it never ends by itself");
    assert_eq!(error.kind(), InternalErrorKind::Deadline, "{error}");
    begun.elapsed().saturating_sub(DEADLINE)
}
