//! Blocks, by the executor of blocks and one after the other: where no transaction conflicts with another, where a tenth does with the one just
//! before it, where one of ten, here and there, reads and writes what all of these do, and where all conflict. What they come to is compared in each
//! round. Two kinds of transactions: token transfers on the engine that nodes run, and arithmetic of some 30 µs, which shows what the scheduler takes
//! and nothing else.
//!
//! `cargo bench -p subvm-benches --bench blocks`; the number of rounds may follow `--`. In each round all ways take turns. Times are medians over
//! rounds; behind a ratio stand the quartiles of the ratios that were formed within each round. *Chains* are as many as there are processors, side by
//! side, each one after the other: what engine and machine give at most.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use subvm_core::Engine;
use subvm_host_std::WasmtimeEngine;

mod arithmetic;
mod snapshot;
mod token;

/// Transactions of a block.
const BLOCK: usize = 400;
const ROUNDS: usize = 15;

/// Whose account a transaction of a number reads and writes.
type Conflict = fn(usize) -> usize;
const CONFLICTS: [(&str, Conflict); 4] = [
    ("none", |number| number),
    ("a tenth, neighbours", |number| if number % 10 == 9 { number - 1 } else { number }),
    ("a tenth, one account", |number| if (number * 7) % 10 == 3 { BLOCK } else { number }),
    ("all", |_| BLOCK),
];

/// A kind of transactions.
trait Kind: Sync {
    /// What a block comes to.
    type Result: PartialEq;

    fn serially(&self, accounts: &[usize]) -> (Duration, Self::Result);

    /// And how many runs it took.
    fn together(&self, threads: usize, accounts: &[usize]) -> (Duration, Self::Result, usize);
}

/// How long each of as many chains as there are processors takes, in comparison with one alone.
fn chains(kind: &impl Kind, threads: usize, accounts: &[usize]) -> Duration {
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| kind.serially(accounts).0);
        }
    });
    began.elapsed() / u32::try_from(threads).expect("few")
}

/// The lower quartile, the median, the upper quartile.
fn quartiles(mut all: Vec<f64>) -> [f64; 3] {
    all.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| all[all.len() * quarter / 4])
}

fn table(name: &str, kind: &impl Kind, rounds: usize, processors: usize) {
    println!("\n{name}: microseconds a transaction, and how many times as fast as one after the other");
    println!(
        "| conflict | serial | executor, 1 thread | executor | runs a transaction | chains |\n|---|--:|--:|--:|--:|--:|"
    );
    for (conflict, of) in CONFLICTS {
        let accounts: Vec<_> = (0..BLOCK).map(of).collect();
        let [mut times, mut ratios]: [[Vec<f64>; 4]; 2] = Default::default();
        let mut runs = 0;
        for _ in 0..rounds {
            let (serial, result) = kind.serially(&accounts);
            let (one, alone, _) = kind.together(1, &accounts);
            let (many, executed, count) = kind.together(processors, &accounts);
            assert!(
                alone == result && executed == result,
                "a block does not come to what it comes to one after the other"
            );
            let side = chains(kind, processors, &accounts);
            for (at, time) in [serial, one, many, side].into_iter().enumerate() {
                times[at].push(time.as_secs_f64() * 1e6 / BLOCK as f64);
                ratios[at].push(serial.as_secs_f64() / time.as_secs_f64());
            }
            runs += count;
        }
        let [serial, one, many, side] = times.map(|all| quartiles(all)[1]);
        let [_, [_, alone, _], [low, ratio, high], [_, most, _]] = ratios.map(quartiles);
        let runs = runs as f64 / (rounds * BLOCK) as f64;
        println!(
            "| {conflict} | {serial:.1} | {one:.1}: {alone:.2} | {many:.1}: {ratio:.2} ({low:.2} to {high:.2}) | {runs:.2} | {side:.1}: {most:.2} |"
        );
    }
}

fn main() {
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS).max(1);
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let engine: Arc<dyn Engine> = Arc::new(WasmtimeEngine::new().expect("an engine"));
    println!("{BLOCK} transactions a block, {rounds} rounds, {processors} processors");
    table("token transfers", &token::Chain::new(engine), rounds, processors);
    table("arithmetic", &arithmetic::Sums, rounds, processors);
}
