//! Programs that cost a node more than they pay: those that are known, and a search for worse ones (`docs/benchmarks.md#attacks`).
//!
//! ```console
//! $ attack replay            # every case, each in a process of its own; fails where one is beyond its bar
//! $ attack replay --whole    # those too that take minutes to compile
//! $ attack replay NAME..     # those whose names contain one of these
//! $ attack search 600        # looks for worse ones for so many seconds, and writes the worst down; a second number is the seed
//! $ attack text 7            # prints the first program that this seed makes
//! ```

mod clock;
mod genes;
mod kept;
mod known;
mod measure;
mod node;
mod random;
mod replay;
mod search;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["replay", ref rest @ ..] => replay::all(rest),
        ["one", name] => replay::one(name),
        ["search", seconds] => searched(seconds, "1"),
        ["search", seconds, seed] => searched(seconds, seed),
        ["text", seed] => {
            let mut random = random::Random(seed.parse().unwrap_or(1));
            println!("{}", genes::Genome::random(&mut random).text());
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!(
                "usage: attack replay [--whole] [--table] [--slack=FACTOR] [NAME..] | search SECONDS [SEED] | text SEED"
            );
            ExitCode::from(2)
        }
    }
}

fn searched(seconds: &str, seed: &str) -> ExitCode {
    let (Ok(seconds), Ok(seed)) = (seconds.parse(), seed.parse()) else {
        eprintln!("seconds and seed are numbers, not {seconds} and {seed}");
        return ExitCode::from(2);
    };
    search::search(seconds, seed)
}
