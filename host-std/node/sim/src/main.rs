//! `subvm-sim`: runs from one seed to another, on so many threads, and says which broke what must hold.
//!
//! ```text
//! cargo run --release -p subvm-sim -- --seeds 10000
//! cargo run --release -p subvm-sim -- --from 4711 --seeds 1 --verbose
//! ```

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use subvm_sim::{Figures, Scenario, run};

struct Options {
    from: u64,
    seeds: u64,
    threads: u64,
    /// No seed begins after so long.
    most: Option<Duration>,
    verbose: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options { from: 0, seeds: 100, threads: 1, most: None, verbose: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or(format!("{word} takes a number"))?;
            value.parse().map_err(|_| format!("{word} takes a number, and not {value}"))
        };
        match word.as_str() {
            "--from" => options.from = number()?,
            "--seeds" => options.seeds = number()?,
            "--threads" => options.threads = number()?,
            "--seconds" => options.most = Some(Duration::from_secs(number()?)),
            "--verbose" => options.verbose = true,
            _ => return Err(format!("{word} is none of --from, --seeds, --threads, --seconds, --verbose")),
        }
    }
    Ok(options)
}

#[derive(Default)]
struct Sum {
    seeds: u64,
    broken: Vec<u64>,
    heights: u64,
    events: u64,
    sent: [u64; 3],
    rounds: u64,
    crashes: u64,
    results: [u64; 3],
    digest: [u8; 32],
}

impl Sum {
    fn add(&mut self, seed: u64, figures: &Figures) {
        self.seeds += 1;
        self.heights += figures.heights;
        self.events += figures.events;
        self.rounds += figures.rounds;
        self.crashes += figures.crashes;
        self.sent.iter_mut().zip(figures.sent).for_each(|(sum, one)| *sum += one);
        self.results.iter_mut().zip(figures.results).for_each(|(sum, one)| *sum += one);
        // Whatever the threads' order was.
        self.digest.iter_mut().zip(figures.digest).for_each(|(sum, one)| *sum ^= one);
        if !figures.violations.is_empty() {
            self.broken.push(seed);
        }
    }
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("subvm-sim: {why}");
            return ExitCode::from(2);
        }
    };
    let (began, next, sum) = (Instant::now(), AtomicU64::new(options.from), Mutex::new(Sum::default()));
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let late = options.most.is_some_and(|most| began.elapsed() > most);
                    if seed - options.from >= options.seeds || late {
                        return;
                    }
                    let scenario = Scenario::of(seed);
                    let figures = run(&scenario);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.add(seed, &figures);
                    if options.verbose || !figures.violations.is_empty() {
                        println!("seed {seed}: {}", said(&figures));
                        figures.violations.iter().take(5).for_each(|what| println!("  BROKEN {what}"));
                        println!("  {scenario:?}");
                    }
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let seconds = began.elapsed().as_secs_f64();
    let digest: String = sum.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let [sent, lost, repeated] = sum.sent;
    let [accepted, undetermined, turned] = sum.results;
    println!(
        "{} seeds, {} heights in {seconds:.1} s: {:.0} a second; {} events; {sent} messages, {lost} lost, {repeated} repeated; {} later rounds, \
         {} crashes; {accepted} results accepted, {undetermined} undetermined, {turned} turned; digest {digest}",
        sum.seeds,
        sum.heights,
        sum.heights as f64 / seconds,
        sum.events,
        sum.rounds,
        sum.crashes,
    );
    if sum.broken.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("BROKEN by {} seeds: {:?}", sum.broken.len(), sum.broken);
    ExitCode::FAILURE
}

fn said(figures: &Figures) -> String {
    let digest: String = figures.digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let Figures { heights, events, rounds, crashes, results, .. } = figures;
    let seconds = figures.time as f64 / 1e6;
    format!(
        "{heights} heights in {seconds:.1} s, {events} events, {rounds} later rounds, {crashes} crashes, results {results:?}, digest {digest}"
    )
}
