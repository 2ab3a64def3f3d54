//! What a system call costs: subvm, an empty host function on the same engine, and whoever else is given.

mod cases;
mod guest;
mod peers;

use std::fmt::Write;

pub use cases::{Bar, CASES, Case, Comparison, ENTRIES};
pub use guest::{MarkBy, text};
pub use peers::{ARGS, Copy, ENV, Empty, Peer, Runner, Subvm, contract, files};

use crate::chart::{Bars, Group};
use crate::measure::{Spread, interleaved, nanoseconds};

/// Samples of one case: for each peer nanoseconds for a call, round by round; nothing where it has no such call.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The case.
    pub case: Case,
    /// As many as there were peers, in their order.
    pub peers: Vec<Option<Vec<f64>>>,
}

/// Nanoseconds that a loop should take: less than the turn of another process, so that most samples are undisturbed.
const TARGET: f64 = 3e5;

/// Measures `case` with all peers in turns.
#[must_use]
pub fn measure(case: &Case, peers: &[&dyn Peer], rounds: usize) -> Measured {
    let prepared = peers.iter().map(|peer| calibrated(case, *peer));
    let mut runners: Vec<_> = prepared.collect();
    let samples = interleaved(&mut runners, rounds, |runner| match runner {
        Some((run, times)) => per_call(run, *times),
        None => 0.0,
    });
    let peers = samples.into_iter().zip(&runners).map(|(samples, runner)| runner.as_ref().map(|_| samples));
    Measured { case: *case, peers: peers.collect() }
}

/// A guest that makes as many calls as take a while, warmed up.
fn calibrated(case: &Case, peer: &dyn Peer) -> Option<(Runner, u32)> {
    let first = 1024;
    let mut probe = peer.prepare(case, first)?;
    per_call(&mut probe, first);
    let nanoseconds = per_call(&mut probe, first).max(1.0);
    // Whole turns through the file that is read.
    let times = ((TARGET / nanoseconds) as u32).clamp(256, 1 << 20).next_multiple_of(256);
    let mut run = peer.prepare(case, times)?;
    per_call(&mut run, times);
    Some((run, times))
}

/// Runs a guest that makes a call so many times: nanoseconds for one, without the loop around it.
///
/// # Panics
/// Where the guest does not make its three marks.
pub fn per_call(run: &mut Runner, times: u32) -> f64 {
    let marks = run();
    let [start, between, end] = marks[..] else { panic!("a guest makes three marks, not {}", marks.len()) };
    let (empty, full) = (between - start, end - between);
    (full.as_nanos() as f64 - empty.as_nanos() as f64).max(0.0) / f64::from(times)
}

/// Measures every case: subvm, the empty function and the copy first, then `others`.
#[must_use]
pub fn measure_all(others: &[&dyn Peer], rounds: usize, only: Option<&str>) -> Vec<Measured> {
    let (subvm, empty) = (Subvm::default(), Empty::default());
    let mut peers: Vec<&dyn Peer> = vec![&subvm, &empty, &Copy];
    peers.extend_from_slice(others);
    let wanted = CASES.iter().filter(|case| only.is_none_or(|only| case.name.contains(only)));
    wanted.map(|case| measure(case, &peers, rounds)).collect()
}

impl Measured {
    fn median(&self, peer: usize) -> Option<f64> {
        Some(Spread::of(self.peers.get(peer)?.clone()?).median)
    }

    /// subvm's samples and those of another.
    fn both(&self, peer: usize) -> Option<(&[f64], &[f64])> {
        Some((self.peers[0].as_deref()?, self.peers.get(peer)?.as_deref()?))
    }

    /// As a multiple of the empty function.
    fn ratio(&self) -> Option<Spread> {
        self.both(1).map(|(subvm, empty)| Spread::of_ratios(subvm, empty))
    }

    /// How many times as fast as the first of the others.
    fn faster(&self) -> Option<Spread> {
        self.both(3).map(|(subvm, other)| Spread::of_ratios(other, subvm))
    }

    /// What the bar allows, what was measured against it, and whether it is met.
    fn verdict(&self) -> Option<(String, bool)> {
        let subvm = self.median(0)?;
        Some(match self.case.bar? {
            Bar::Times(bar) => (format!("{bar}x"), self.ratio()?.median <= bar),
            Bar::CopyAnd(bar) => {
                let beyond = (subvm - self.median(2)?) / self.median(1)?;
                (format!("the copy and {bar}x: {beyond:.2}x"), beyond <= bar)
            }
            Bar::PerEntry(bar) => {
                let each = subvm / ENTRIES as f64;
                (format!("{bar} ns an entry: {each:.1}"), each <= bar)
            }
        })
    }
}

fn judged((text, met): (String, bool)) -> String {
    if met { format!("{text}, met") } else { format!("{text}, **missed**") }
}

/// The table for people.
#[must_use]
pub fn table(measured: &[Measured]) -> String {
    let mut text = String::from(
        "| call | subvm, ns | empty function, ns | ratio | bar | wasmtime-wasi, ns | times as fast | bar |\n|---|--:|--:|--:|---|--:|--:|---|\n",
    );
    let number = |value: Option<f64>| value.map_or_else(String::new, nanoseconds);
    for row in measured {
        let faster = row.faster();
        let alike = row.case.peer.bar().zip(faster).map(|(bar, faster)| (format!("{bar}x"), faster.median >= bar));
        let note = if row.case.peer == Comparison::RealWork { " ¹" } else { "" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {}{} | {} | {} |",
            row.case.name,
            number(row.median(0)),
            number(row.median(1)),
            row.ratio().map(|ratio| ratio.to_string()).unwrap_or_default(),
            row.verdict().map(judged).unwrap_or_default(),
            number(row.median(3)),
            if faster.is_some() { note } else { "" },
            faster.map(|faster| faster.to_string()).unwrap_or_default(),
            alike.map(judged).unwrap_or_default(),
        );
    }
    text
}

/// The picture: nanoseconds for a call, on a logarithmic scale.
#[must_use]
pub fn picture(measured: &[Measured]) -> String {
    let series = [(0, "subvm"), (1, "empty function"), (3, "wasmtime-wasi")];
    let groups = measured.iter().map(|row| Group {
        name: row.case.name.to_owned(),
        values: series.iter().map(|(peer, _)| row.median(*peer)).collect(),
    });
    let bars = Bars {
        title: "Nanoseconds for a system call (logarithmic)".to_owned(),
        series: series.iter().map(|(_, name)| (*name).to_owned()).collect(),
        groups: groups.collect(),
    };
    bars.svg()
}
