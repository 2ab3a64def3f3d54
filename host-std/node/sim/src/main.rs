//! `subvm-sim`: runs from one seed to another, on so many threads, and says which broke what must hold.
//!
//! ```text
//! cargo run --release -p subvm-sim -- --seeds 10000
//! cargo run --release -p subvm-sim -- --from 4711 --seeds 1 --verbose
//! cargo run --release -p subvm-sim -- --seeds 10000 --record seeds.txt --built COMMIT
//! ```
//!
//! With `--record` pieces of the run are written down as they end; the same command again goes on after them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use subvm_sim::{Figures, Scenario, run};

mod record;

use record::{Piece, Record, hex};

/// Seeds that are written down at once.
const PIECE: u64 = 50;

struct Options {
    from: u64,
    seeds: u64,
    threads: u64,
    /// No seed begins after so long.
    most: Option<Duration>,
    verbose: bool,
    /// Where pieces of the run are kept.
    record: Option<PathBuf>,
    /// What was built, as the record says.
    built: String,
}

fn options() -> Result<Options, String> {
    let mut options =
        Options { from: 0, seeds: 100, threads: 1, most: None, verbose: false, record: None, built: "unsaid".into() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--record" || word == "--built" {
            let text = words.next().filter(|text| !text.contains([' ', '\n'])).ok_or(format!("{word} takes a word"))?;
            if word == "--record" {
                options.record = Some(text.into())
            } else {
                options.built = text
            }
            continue;
        }
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
            _ => {
                return Err(format!(
                    "{word} is none of --from, --seeds, --threads, --seconds, --verbose, --record, --built"
                ));
            }
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

    fn join(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.heights += other.heights;
        self.events += other.events;
        self.rounds += other.rounds;
        self.crashes += other.crashes;
        self.sent.iter_mut().zip(other.sent).for_each(|(sum, one)| *sum += one);
        self.results.iter_mut().zip(other.results).for_each(|(sum, one)| *sum += one);
        self.digest.iter_mut().zip(other.digest).for_each(|(sum, one)| *sum ^= one);
        self.broken.extend(other.broken);
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
    let began = Instant::now();
    let sum = match &options.record {
        None => seeds(&options, options.from..options.from.saturating_add(options.seeds), began),
        Some(path) => match recorded(&options, path, began) {
            Ok(sum) => sum,
            Err(error) => {
                eprintln!("subvm-sim: {}: {error}", path.display());
                return ExitCode::from(2);
            }
        },
    };
    let seconds = began.elapsed().as_secs_f64();
    let [sent, lost, repeated] = sum.sent;
    let [accepted, undetermined, turned] = sum.results;
    println!(
        "{} seeds, {} heights in {seconds:.1} s: {:.0} a second; {} events; {sent} messages, {lost} lost, {repeated} repeated; {} later rounds, \
         {} crashes; {accepted} results accepted, {undetermined} undetermined, {turned} turned; digest {}",
        sum.seeds,
        sum.heights,
        sum.heights as f64 / seconds,
        sum.events,
        sum.rounds,
        sum.crashes,
        hex(&sum.digest),
    );
    if sum.broken.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("BROKEN by {} seeds: {:?}", sum.broken.len(), sum.broken);
    ExitCode::FAILURE
}

/// Runs these seeds, in whatever order.
fn seeds(options: &Options, seeds: Range<u64>, began: Instant) -> Sum {
    let (next, sum) = (AtomicU64::new(seeds.start), Mutex::new(Sum::default()));
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // A piece that is written down is whole.
                    let late = options.record.is_none() && options.is_late(began);
                    if seed >= seeds.end || late {
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
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what the record does not have yet, piece by piece.
fn recorded(options: &Options, path: &Path, began: Instant) -> std::io::Result<Sum> {
    let (mut record, mut whole, end) =
        (Record::open(path)?, Sum::default(), options.from.saturating_add(options.seeds));
    loop {
        let from = record.next(options.from);
        if from >= end || options.is_late(began) {
            println!("{}", record.said());
            return Ok(whole);
        }
        let (to, piece_began) = (end.min(from + PIECE), Instant::now());
        let sum = seeds(options, from..to, began);
        let seconds = piece_began.elapsed().as_secs_f64();
        let (built, digest, broken) = (options.built.clone(), sum.digest, sum.broken.clone());
        record.keep(Piece { from, to, built, heights: sum.heights, seconds, digest, broken })?;
        whole.join(sum);
    }
}

impl Options {
    fn is_late(&self, began: Instant) -> bool {
        self.most.is_some_and(|most| began.elapsed() > most)
    }
}

fn said(figures: &Figures) -> String {
    let Figures { heights, events, rounds, crashes, results, digest, .. } = figures;
    let (seconds, digest) = (figures.time as f64 / 1e6, hex(&digest[..8]));
    format!(
        "{heights} heights in {seconds:.1} s, {events} events, {rounds} later rounds, {crashes} crashes, results {results:?}, digest {digest}"
    )
}
