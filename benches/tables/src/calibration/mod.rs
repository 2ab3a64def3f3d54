//! What a tick of gas is worth: nanoseconds for a tick, by class of instruction and by host call. What is dear in time and cheap in gas is a
//! denial of service.

mod kernels;

use std::collections::BTreeMap;
use std::fmt::Write;

pub use kernels::{BEYOND_THE_CACHE, KERNELS, Kernel, SURROUNDINGS};
use subvm_host_std::lower::{Floats, Options};
use wasmtime::Engine;

use crate::measure::{Spread, interleaved};
use crate::node::Marks;
use crate::plain::{self, Plain};
use crate::program::transact;
use crate::syscalls::{Case, Measured, Subvm, contract};

/// How many times the median a class may be.
const WORST: f64 = 3.0;

/// What was measured of one kernel under one policy, or of one host call.
#[derive(Clone, Debug)]
pub struct Priced {
    /// Its class.
    pub class: String,
    /// Which of its instructions.
    pub what: String,
    /// Ticks for one time.
    pub ticks: f64,
    /// Nanoseconds for one time.
    pub nanoseconds: Spread,
}

impl Priced {
    /// Nanoseconds for a tick.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.nanoseconds.median / self.ticks
    }
}

struct Subject {
    kernel: Kernel,
    policy: Option<Floats>,
    plain: Plain,
    marks: Marks,
    times: u32,
    ticks: f64,
}

impl Subject {
    fn new(engine: &Engine, kernel: Kernel, policy: Option<Floats>) -> Self {
        let options = Options { floats: policy.unwrap_or_default(), ..Options::default() };
        let marks = Marks::default();
        let ticks = |times: u32| {
            let mut plain = Plain::new(engine, &kernel.text(times), &options, &marks);
            plain.run();
            plain.ticks()
        };
        // The same module but for one number, so that what surrounds the loop cancels.
        let each = (ticks(3) - ticks(2)) as f64 / kernel.copies as f64;
        let _ = marks.take();
        let plain = Plain::new(engine, &kernel.text(2), &options, &marks);
        let mut subject = Self { kernel, policy, plain, marks, times: 2, ticks: each };
        subject.sample();
        let nanoseconds = subject.sample().max(0.1) * kernel.copies as f64;
        subject.times = ((3e5 / nanoseconds) as u32).clamp(2, 1 << 16);
        subject.plain = Plain::new(engine, &kernel.text(subject.times), &options, &subject.marks);
        subject.sample();
        subject
    }

    /// Nanoseconds for one time through the body.
    fn sample(&mut self) -> f64 {
        self.plain.run();
        let [start, end] = self.marks.take()[..] else { panic!("a kernel makes two marks") };
        (end - start).as_nanos() as f64 / f64::from(self.times) / self.kernel.copies as f64
    }
}

/// Measures every kernel, those of floats under the policies *soft* and *native*.
#[must_use]
pub fn measure(rounds: usize) -> Vec<Priced> {
    let engine = plain::engine();
    let mut subjects = Vec::new();
    for kernel in KERNELS {
        let policies: &[_] = if kernel.floats { &[Some(Floats::Soft), Some(Floats::Native)] } else { &[None] };
        subjects.extend(policies.iter().map(|policy| Subject::new(&engine, *kernel, *policy)));
    }
    let samples = interleaved(&mut subjects, rounds, Subject::sample);
    let priced = subjects.iter().zip(samples).map(|(subject, samples)| Priced {
        class: subject.kernel.class.to_owned(),
        what: match subject.policy {
            None => subject.kernel.what.to_owned(),
            Some(policy) => format!("{}, {}", subject.kernel.what, format!("{policy:?}").to_lowercase()),
        },
        ticks: subject.ticks,
        nanoseconds: Spread::of(samples),
    });
    priced.collect()
}

/// The host calls among what was measured of system calls, with what gas they cost.
#[must_use]
pub fn host_calls(measured: &[Measured]) -> Vec<Priced> {
    let Subvm(engine) = Subvm::default();
    let gas =
        |case: &Case, times: u32| transact(&engine, &contract(case, times), &Marks::default(), false).receipt.gas.time;
    let priced = measured.iter().filter_map(|row| {
        let samples = row.peers[0].clone()?;
        let ticks = (gas(&row.case, 512) - gas(&row.case, 256)) as f64 / 256.0;
        let what = row.case.name.to_owned();
        Some(Priced { class: "host call".to_owned(), what, ticks, nanoseconds: Spread::of(samples) })
    });
    priced.collect()
}

/// The table for people, the dearest tick first, and the worst of all in words.
///
/// The median is that of the classes, of each of which its dearest row counts. Rows under the policy *native* are there to be seen: floats are priced
/// for *soft*. So is the row that misses every cache.
#[must_use]
pub fn table(mut priced: Vec<Priced>) -> String {
    priced.sort_by(|a, b| b.rate().total_cmp(&a.rate()));
    let counted = |row: &&Priced| !row.what.ends_with("native") && row.what != BEYOND_THE_CACHE;
    let mut classes: BTreeMap<&str, f64> = BTreeMap::new();
    for row in priced.iter().filter(counted) {
        classes.entry(&row.class).or_insert(row.rate());
    }
    let median = Spread::of(classes.into_values().collect()).median;
    let over = |row: &Priced| row.rate() / median;
    let mut text =
        String::from("| class | what | ticks | ns | ns a tick | of the median |\n|---|---|--:|--:|--:|--:|\n");
    for row in &priced {
        let Priced { class, what, ticks, nanoseconds } = row;
        let over = if over(row) > WORST { format!("**{:.1}x**", over(row)) } else { format!("{:.1}x", over(row)) };
        let (nanoseconds, rate) = (nanoseconds.median, row.rate());
        let _ = writeln!(text, "| {class} | {what} | {ticks:.1} | {nanoseconds:.2} | {rate:.3} | {over} |");
    }
    if let Some(worst) = priced.iter().find(|row| counted(row)) {
        let beyond = priced.iter().filter(|row| counted(row) && over(row) > WORST).count();
        let Priced { class, what, .. } = worst;
        let _ = write!(
            text,
            "\nThe median class takes {median:.3} ns a tick. The worst priced is *{class}* ({what}), at {:.1} times that; rows beyond {WORST} times, but those of \
             no class: {beyond}.",
            over(worst)
        );
    }
    text
}
