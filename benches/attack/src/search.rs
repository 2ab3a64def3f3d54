//! The search: programs that are made at random, changed and crossed, and the worst of them kept (Perez and Livshits, *Broken Metre*,
//! NDSS 2020).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::clock::process_seconds;
use crate::genes::Genome;
use crate::kept;
use crate::measure::{Bench, Measured, Setting, package};
use crate::random::Random;

/// Programs that are kept for each objective, and how many of them may have the same kinds of genes.
const KEPT: usize = 48;
const ALIKE: usize = 2;
/// How many programs that are found are written down for each objective.
const WRITTEN: usize = 6;
/// Ticks of a run that is only looked at, and of one that counts.
const QUICK: u64 = 3_000_000;
const LONG: u64 = 20_000_000;

/// What is looked for.
const OBJECTIVES: [&str; 3] = ["time", "memory", "compile"];

/// How bad a program is by each objective, as a multiple of what is allowed.
type Score = [f64; 3];

#[derive(Clone)]
struct Found {
    genome: Genome,
    score: Score,
}

struct Search {
    bench: Bench,
    random: Random,
    /// For each objective, the worst first.
    pools: [Vec<Found>; 3],
    tried: u64,
    lost: u64,
}

pub(crate) fn search(seconds: u64, seed: u64) -> ExitCode {
    let mut search = Search { bench: Bench::new(), random: Random(seed), pools: Default::default(), tried: 0, lost: 0 };
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut told = Instant::now();
    while Instant::now() < end {
        let genome = search.next();
        search.consider(genome);
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            search.tell();
        }
    }
    search.tell();
    search.write(seed);
    ExitCode::SUCCESS
}

fn libraries(genome: &Genome) -> usize {
    if genome.declared[3] % 8 == 7 { 8 } else { 0 }
}

impl Search {
    /// A program to try.
    fn next(&mut self) -> Genome {
        let pool = &self.pools[self.random.below(3)];
        if pool.len() < 8 || self.random.below(10) == 0 {
            return Genome::random(&mut self.random);
        }
        // The better of three, twice.
        let mut pick = || (0..3).map(|_| self.random.below(pool.len())).min().expect("three");
        let (one, other) = (pick(), pick());
        let mut genome = match self.random.below(2) {
            0 => pool[one].genome.clone(),
            _ => pool[one].genome.crossed(&pool[other].genome, &mut self.random),
        };
        genome.mutate(&mut self.random);
        genome
    }

    fn consider(&mut self, genome: Genome) {
        self.tried += 1;
        let Some(mut score) = self.score(&genome, QUICK, 1) else { return };
        let worse = |pool: &Vec<Found>, score: &Score, by: usize| {
            score[by] > pool.get(KEPT - 1).map_or(0.0, |last| last.score[by])
        };
        // What looks bad may have been a moment of the machine.
        if (0..3).any(|by| worse(&self.pools[by], &score, by) && score[by] > 0.4) {
            let Some(again) = self.score(&genome, QUICK, 3) else { return };
            score = std::array::from_fn(|by| score[by].min(again[by]));
        }
        for by in 0..3 {
            if worse(&self.pools[by], &score, by) {
                place(&mut self.pools[by], Found { genome: genome.clone(), score }, by);
            }
        }
    }

    fn score(&mut self, genome: &Genome, ticks: u64, rounds: u32) -> Option<Score> {
        let measured = self.measured(genome, ticks, rounds)?;
        Some([measured.ratio / crate::known::BAR, measured.excess(), measured.compile_ratio / crate::known::BAR])
    }

    fn measured(&mut self, genome: &Genome, ticks: u64, rounds: u32) -> Option<Measured> {
        let text = genome.text();
        let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let package = package(kept::parts(wasm, libraries(genome)));
        // A page that is declared is paid for before anything runs.
        let setting = Setting { ticks: ticks + genome.declared_ticks(), ..Setting::default() };
        let measured = catch_unwind(AssertUnwindSafe(|| self.bench.measure(&package, &setting, rounds)));
        match measured {
            Ok(Ok(measured)) => Some(measured),
            Ok(Err(refused)) if refused.starts_with("not prepared") => None,
            failed => {
                let why = failed.map_or_else(|_| "a panic".to_owned(), |error| error.err().unwrap_or_default());
                self.lost += 1;
                println!("lost: {why}");
                if let Err(error) = kept::keep(&format!("lost_{}", self.tried), &why, libraries(genome), &text) {
                    println!("not written: {error}");
                }
                None
            }
        }
    }

    fn tell(&self) {
        let worst = |by: usize| self.pools[by].first().map_or(0.0, |found| found.score[by]);
        println!(
            "{} tried, {} lost, in {:.0} s of the processor; of what is allowed: time {:.2}, memory {:.2}, compile {:.2}",
            self.tried,
            self.lost,
            process_seconds(),
            worst(0),
            worst(1),
            worst(2)
        );
    }

    /// Measures the worst at length, makes them small, and writes them down.
    fn write(&mut self, seed: u64) {
        for (by, objective) in OBJECTIVES.iter().enumerate() {
            let mut worst = std::mem::take(&mut self.pools[by]);
            worst.truncate(WRITTEN);
            for (number, found) in worst.into_iter().enumerate() {
                let small = self.smaller(found, by);
                let Some(measured) = self.measured(&small, LONG, 3) else { continue };
                let name = format!("{objective}_{seed:x}_{number}");
                println!("{name}: {}", measured.line());
                if let Err(error) = kept::keep(&name, &measured.line(), libraries(&small), &small.text()) {
                    println!("not written: {error}");
                }
            }
        }
    }

    /// The program without what makes it no worse.
    fn smaller(&mut self, found: Found, by: usize) -> Genome {
        let Found { mut genome, score } = found;
        for list in (0..genome.lists.len()).rev() {
            for at in (0..genome.lists[list].len()).rev() {
                let Some(without) = genome.without(list, at) else { continue };
                if self.score(&without, QUICK, 2).is_some_and(|smaller| smaller[by] > score[by] * 0.9) {
                    genome = without;
                }
            }
        }
        genome
    }
}

/// Puts a program where it belongs. Of those with the same kinds of genes only the worst stay.
fn place(pool: &mut Vec<Found>, found: Found, by: usize) {
    let shape = found.genome.shape();
    pool.push(found);
    pool.sort_by(|a, b| b.score[by].total_cmp(&a.score[by]));
    let mut alike = 0;
    pool.retain(|other| {
        alike += usize::from(other.genome.shape() == shape);
        other.genome.shape() != shape || alike <= ALIKE
    });
    pool.truncate(KEPT);
}
