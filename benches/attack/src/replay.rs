//! Every case, each in a process of its own, and whether it is within its bars.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{fs, io};

use crate::clock::idle;
use crate::kept;
use crate::known::{self, BAR, Case};
use crate::measure::{Bench, Measured, package};

/// Rounds of which the least counts.
const ROUNDS: u32 = 3;
/// Bytes that a node must do with, whatever it runs.
const NODE: u64 = 2 << 30;
/// How often a case is tried that seems to be beyond its bar: a busy machine makes it seem so.
const TRIES: u32 = 3;

/// Those that are known, and those that were found.
fn cases() -> Vec<Case> {
    known::cases().into_iter().chain(kept::cases()).collect()
}

/// Measures one case in this process, and prints what was measured for [`all`] to read.
pub(crate) fn one(name: &str) -> ExitCode {
    let Some(case) = cases().into_iter().find(|case| case.name == name) else {
        eprintln!("there is no case {name}");
        return ExitCode::from(2);
    };
    let package = package(case.parts());
    match Bench::new().measure(&package, &case.setting, ROUNDS) {
        Ok(measured) => println!("{}", measured.written()),
        Err(why) => println!("{why}"),
    }
    ExitCode::SUCCESS
}

/// What came of a case in a process of its own.
enum Came {
    Measured(Measured),
    /// Why it was not run.
    Refused(String),
    /// How the process ended.
    Died(String),
}

fn apart(case: &Case) -> io::Result<Came> {
    let output = Command::new(std::env::current_exe()?).args(["one", &case.name]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Ok(Came::Died(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())));
    }
    Ok(match Measured::read(text.trim()) {
        Some(measured) => Came::Measured(measured),
        None => Came::Refused(text.trim().to_owned()),
    })
}

/// What is beyond its bar, or for times beyond `slack` of it.
fn beyond(case: &Case, came: &Came, slack: f64) -> Vec<String> {
    let measured = match came {
        Came::Measured(measured) => measured,
        Came::Refused(why) => return vec![why.clone()],
        Came::Died(how) => return vec![format!("the process died: {how}")],
    };
    let mut found = Vec::new();
    // Programs give up with this where a call of theirs is not what they are about.
    if measured.outcome.contains("Unreachable") {
        found.push("it did not get to what it is there for".to_owned());
    }
    let mut check = |what: &str, is: f64, bar: f64| {
        if is > bar {
            found.push(format!("{what}: {is:.2}, where {bar:.2} is allowed"));
        }
    };
    check("time of a tick", measured.ratio, slack * case.bar);
    check("compiling for a tick", measured.compile_ratio, slack * BAR);
    let allowed = case.beyond.unwrap_or(measured.allowed);
    check("MiB beyond what was charged", mebibytes(measured.beyond), mebibytes(allowed));
    check("MiB of the whole process", mebibytes(measured.peak), mebibytes(NODE));
    found
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// How much of a bar for time is allowed on a machine that does nothing else. Bars are what the reference machine is held to (`--slack=1`): on
/// another make a load, a division or a page fault takes another part of what a tick of the kernel does.
const OTHER_MAKE: f64 = 1.25;
/// The same where others use the machine, too: they take caches and memory, of which no clock of a thread knows.
const BUSY: f64 = 1.5;
/// Which part of the processors' time is idle on a machine that others do not use.
const QUIET: f64 = 0.9;

/// What `--slack=1.5` says: how much of a bar for time is allowed.
fn said(words: &[&str]) -> Result<Option<f64>, String> {
    let Some(said) = words.iter().find_map(|word| word.strip_prefix("--slack=")) else { return Ok(None) };
    let slack: f64 = said.parse().map_err(|error| format!("--slack={said}: {error}"))?;
    if slack >= 1.0 { Ok(Some(slack)) } else { Err(format!("--slack={said}: a number from 1 up")) }
}

/// A margin, by the part of the processors' time that is idle. The bars themselves hold only where that is asked for.
fn by_idle(idle: Option<f64>) -> f64 {
    if idle.is_some_and(|idle| idle >= QUIET) { OTHER_MAKE } else { BUSY }
}

/// Runs the cases that are asked for, and says which are beyond their bars.
pub(crate) fn all(words: &[&str]) -> ExitCode {
    let slack = match said(words) {
        Ok(Some(slack)) => slack,
        Ok(None) => {
            let idle = idle();
            let slack = by_idle(idle);
            let percent = idle.map_or("unknown".to_owned(), |idle| format!("{:.0} %", idle * 100.0));
            println!("of the processors' time, idle: {percent}; times may be {slack} of their bars");
            slack
        }
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let (whole, written) = (words.contains(&"--whole"), words.contains(&"--table"));
    let names: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with("--")).collect();
    let asked = |case: &&Case| {
        (whole || !case.whole) && (names.is_empty() || names.iter().any(|name| case.name.contains(name)))
    };
    let (mut failed, mut table) = (0, String::from(HEAD));
    for case in cases().iter().filter(asked) {
        let mut came = apart(case).unwrap_or_else(|error| Came::Died(error.to_string()));
        for _ in 1..TRIES {
            if beyond(case, &came, slack).is_empty() || matches!(came, Came::Died(_)) {
                break;
            }
            came = apart(case).unwrap_or_else(|error| Came::Died(error.to_string()));
        }
        let found = beyond(case, &came, slack);
        let line = match &came {
            Came::Measured(measured) => measured.line(),
            Came::Refused(why) | Came::Died(why) => why.clone(),
        };
        println!("{} {:22} {line}", if found.is_empty() { "ok  " } else { "FAIL" }, case.name);
        found.iter().for_each(|what| println!("     {what}"));
        failed += usize::from(!found.is_empty());
        row(&mut table, case, &came);
    }
    if written && let Err(error) = put(&table) {
        eprintln!("the table is not written: {error}");
        return ExitCode::FAILURE;
    }
    if failed > 0 {
        println!("{failed} cases are beyond their bars (docs/benchmarks.md#attacks)");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

const HEAD: &str = "| case | what | when it was found | a tick, of the kernel's | bar | compiling, of the same | MiB beyond the charge |\n|---|---|---|--:|--:|--:|--:|\n";

fn row(table: &mut String, case: &Case, came: &Came) {
    let Case { name, what, before, bar, .. } = case;
    let cells = match came {
        Came::Measured(measured) => format!(
            "{:.2}x | {bar}x | {:.2}x | {:.1}",
            measured.ratio,
            measured.compile_ratio,
            mebibytes(measured.beyond)
        ),
        Came::Refused(_) => "refused | | |".to_owned(),
        Came::Died(_) => "**died** | | |".to_owned(),
    };
    writeln!(table, "| `{name}` | {what} | {before} | {cells} |").expect("a string takes it");
}

/// Writes the table into the document, between two comments that name it.
fn put(table: &str) -> io::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks.md");
    let text = fs::read_to_string(&file)?;
    let (begin, end) = ("<!-- table attacks -->\n", "<!-- end attacks -->");
    let parts = text.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = parts.ok_or_else(|| io::Error::other("docs/benchmarks.md has no place for the table"))?;
    fs::write(file, format!("{before}{begin}\n{}\n\n{end}{after}", table.trim()))
}

#[cfg(test)]
mod tests {
    use super::{Came, Case, Measured, beyond, by_idle, said};

    #[test]
    fn slack_never_makes_a_bar_stricter() {
        assert_eq!(said(&["--whole", "--slack=1.5"]), Ok(Some(1.5)));
        assert_eq!(said(&["frames"]), Ok(None));
        for refused in ["--slack=0.5", "--slack=", "--slack=much", "--slack=NaN"] {
            assert!(said(&[refused]).unwrap_err().starts_with(refused), "{refused}");
        }
    }

    #[test]
    fn a_machine_is_held_to_the_bars_themselves_only_where_that_is_asked_for() {
        assert_eq!([Some(1.0), Some(0.9), Some(0.5), None].map(by_idle), [1.25, 1.25, 1.5, 1.5]);
        assert_eq!(said(&["--slack=1"]), Ok(Some(1.0)));
    }

    fn measured(ratio: f64) -> Came {
        let line = format!("1000 0.5 {ratio} 0 1 1 1 0.1 0.5 100 returned");
        Came::Measured(Measured::read(&line).expect("a line as it is written"))
    }

    #[test]
    fn a_margin_is_a_part_of_the_bar_and_no_more() {
        let case = Case::new("name", "", "", subvm_core::Parts::default);
        for (ratio, slack, fails) in [(2.9, 1.0, 0), (3.1, 1.0, 1), (3.7, 1.25, 0), (3.8, 1.25, 1), (4.6, 1.5, 1)] {
            assert_eq!(beyond(&case, &measured(ratio), slack).len(), fails, "{ratio} {slack}");
        }
    }

    #[test]
    fn what_was_not_measured_is_beyond_every_bar() {
        let case = Case::new("name", "", "", subvm_core::Parts::default);
        for came in [Came::Refused("not prepared: too large".to_owned()), Came::Died("signal: 9".to_owned())] {
            assert_eq!(beyond(&case, &came, 1.5).len(), 1);
        }
    }
}
