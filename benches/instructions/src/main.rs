//! Counts the instructions of hot calls under callgrind, and compares them with `benches/instructions.json`.
//!
//! ```text
//! cargo run --release -p subvm-instructions              fails where one changed by more than 5%
//! cargo run --release -p subvm-instructions -- --record  writes down what is counted now
//! ```
//!
//! Counts do not depend on what else the machine does. callgrind starts this program anew for each case, and counts inside [`measured`] alone.

mod cases;
mod guest;
mod record;

use std::env;
use std::process::{Command, ExitCode};

use cases::{CASES, Case};
use record::Record;
use subvm_host_mock::{Machine, MemoryHost, play};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Times that each case is done: what a first time costs more hardly shows.
const TIMES: u32 = 100;
/// Per cent by which a count may change unnoticed.
const TOLERANCE: f64 = 5.0;

fn main() -> ExitCode {
    let argument = env::args().nth(1);
    let outcome = match argument.as_deref() {
        Some("--run") => run(env::args().nth(2).as_deref()),
        Some("--record") => count_all().and_then(|counts| counts.write()).map(|()| true),
        None if !there_is_valgrind() => {
            eprintln!("SKIPPED: valgrind is not to be had here, so that instructions were not counted");
            Ok(true)
        }
        None => check(),
        Some(other) => Err(format!("unknown argument {other}: there is --record").into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn there_is_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Does one case, inside callgrind.
fn run(name: Option<&str>) -> Result<bool> {
    let (_, case) = CASES.iter().find(|(case, _)| Some(*case) == name).ok_or("there is no such case")?;
    match case {
        Case::Alone(prepare) => measured(&mut prepare()),
        Case::Within(call) => {
            let script = |machine: &mut Machine<'_>| {
                measured(&mut || call(machine));
                Ok(())
            };
            play(&MemoryHost::new(), script);
        }
    }
    Ok(true)
}

/// What is counted.
#[inline(never)]
fn measured(action: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        action();
    }
}

fn count_all() -> Result<Record> {
    CASES.iter().map(|(name, _)| Ok(((*name).to_owned(), count(name)?))).collect::<Result<_>>().map(Record)
}

/// Instructions for one time.
fn count(name: &str) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=subvm_instructions::measured*"])
        .arg(env::current_exe()?)
        .args(["--run", name])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let counted = text.lines().find_map(|line| line.split_once("Collected :")).map(|(_, number)| number.trim());
    let counted: u64 = counted.and_then(|number| number.parse().ok()).ok_or_else(|| format!("{name}: {text}"))?;
    if counted == 0 { Err(format!("{name}: callgrind counted nothing").into()) } else { Ok(counted / u64::from(TIMES)) }
}

/// Prints what changed, and tells whether nothing did.
fn check() -> Result<bool> {
    let (now, before) = (count_all()?, Record::read()?);
    let mut same = now.0.len() == before.0.len();
    for (name, count) in &now.0 {
        let Some(old) = before.0.get(name) else {
            println!("{name:26} {count:9} instructions, and none written down");
            same = false;
            continue;
        };
        let change = (*count as f64 / *old as f64 - 1.0) * 100.0;
        let mark = if change.abs() > TOLERANCE { "  CHANGED" } else { "" };
        same &= mark.is_empty();
        println!("{name:26} {count:9} instructions, {change:+.1}%{mark}");
    }
    if !same {
        println!("If that is as it should be: cargo run --release -p subvm-instructions -- --record");
    }
    Ok(same)
}
