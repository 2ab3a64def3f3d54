//! Runs as figures of [`metrics`].

use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use subvm_core::host::{Call, Event, Observer};
use subvm_core::{InternalError, Mode, Report};

use super::outcome::{mode, outcome, reason, role};
use super::{names, quietly};

/// Counts and measures transactions, sub-VMs and host calls, under the names of [`names`]. Host calls are counted here and told when the transaction
/// ends: one costs a look into a short list, whatever the recorder costs.
///
/// ```
/// use subvm_host_mock::MemoryHost;
/// use subvm_observe::Meters;
/// let mut node = MemoryHost::new().node();
/// node.observer = Some(Box::new(Meters::new()));
/// ```
#[derive(Debug, Default)]
pub struct Meters {
    begun: Option<Instant>,
    role: &'static str,
    calls: Vec<Counted>,
    in_flight: bool,
}

impl Drop for Meters {
    /// A run whose end it was not told.
    fn drop(&mut self) {
        quietly(|| self.lands());
    }
}

/// Host calls of one function that came to the same.
#[derive(Debug)]
struct Counted {
    module: &'static str,
    function: &'static str,
    answer: &'static str,
    count: u64,
}

impl Meters {
    /// Nothing was counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn takes_off(&mut self) {
        self.lands();
        gauge!(names::RUNS).increment(1.0);
        self.in_flight = true;
    }

    fn lands(&mut self) {
        if std::mem::take(&mut self.in_flight) {
            gauge!(names::RUNS).decrement(1.0);
        }
    }

    fn run_ends(&mut self, result: Result<&Report, &InternalError>) {
        let end = result.map(|report| &report.outcome);
        let (role, outcome, reason) = (self.role, outcome(end), reason(end));
        counter!(names::TRANSACTIONS, "role" => role, "outcome" => outcome, "reason" => reason).increment(1);
        if let Some(begun) = self.begun {
            histogram!(names::TRANSACTION_SECONDS, "role" => role, "outcome" => outcome).record(begun.elapsed());
        }
        for Counted { module, function, answer, count } in self.calls.drain(..) {
            counter!(names::HOST_CALLS, "module" => module, "function" => function, "answer" => answer)
                .increment(count);
        }
        let Ok(report) = result else { return };
        let gas = report.receipt.gas;
        for (dimension, used) in
            [("time", gas.time), ("storage", gas.storage), ("data", gas.data), ("time_nondet", report.ticks_nondet)]
        {
            counter!(names::GAS, "dimension" => dimension).increment(used);
        }
        for (of, peak) in [(Mode::Deterministic, report.ram_peak), (Mode::NonDeterministic, report.ram_peak_nondet)] {
            histogram!(names::RAM_PEAK, "mode" => mode(of)).record(peak as f64);
        }
    }
}

impl Observer for Meters {
    fn enter(&mut self, _: &Call<'_>, _: &[u8], _: i64) {}

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, _: &[u8], _: i64) {
        let answer = match errno {
            Some(0) => "success",
            Some(_) => "errno",
            None => "end",
        };
        // By place, which is quick. A name that stands in two places would be counted in two entries and told under the same name.
        let same =
            |counted: &&mut Counted| std::ptr::eq(counted.function, call.name) && std::ptr::eq(counted.answer, answer);
        match self.calls.iter_mut().find(same) {
            Some(counted) => counted.count += 1,
            None => self.calls.push(Counted { module: call.module, function: call.name, answer, count: 1 }),
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        match *event {
            Event::RunBegins(run) => {
                (self.begun, self.role) = (Some(Instant::now()), role(&run.role));
                self.calls.clear();
                self.takes_off();
            }
            Event::SubVmEnds { mode: of, result, .. } => {
                counter!(names::SUB_VMS, "mode" => mode(of), "outcome" => outcome(result)).increment(1);
            }
            Event::RunEnds(result) => {
                self.lands();
                self.run_ends(result);
            }
            _ => {}
        }
    }
}

/// A web or model request was answered.
///
/// ```
/// subvm_observe::answered("WebRequest", "ok", std::time::Duration::from_millis(80));
/// ```
pub fn answered(request: &str, answer: &'static str, took: Duration) {
    quietly(|| {
        counter!(names::MODULE_REQUESTS, "request" => request.to_owned(), "answer" => answer).increment(1);
        histogram!(names::MODULE_REQUEST_SECONDS, "request" => request.to_owned()).record(took);
    });
}

/// A provider counted these tokens.
///
/// ```
/// subvm_observe::tokens(120, 8);
/// ```
pub fn tokens(prompt: u64, completion: u64) {
    quietly(|| {
        counter!(names::MODEL_TOKENS, "part" => "prompt").increment(prompt);
        counter!(names::MODEL_TOKENS, "part" => "completion").increment(completion);
    });
}

/// What came of compiling a module.
///
/// ```
/// use std::time::Duration;
/// use subvm_observe::{Compiled, compiled};
/// // An engine that found a module to be invalid, after 3 ms:
/// compiled(Compiled::Refused, Duration::from_millis(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiled {
    /// It is there.
    Done,
    /// The contract's module breaks a rule.
    Refused,
    /// This node could not.
    Failed,
}

/// Tells of a module that an engine lowered and compiled, and how long that took.
///
/// ```
/// use std::time::Instant;
/// use subvm_observe::{Compiled, compiled};
/// let begun = Instant::now();
/// // An engine of your own compiles.
/// compiled(Compiled::Done, begun.elapsed());
/// ```
pub fn compiled(what: Compiled, took: Duration) {
    let result = match what {
        Compiled::Done => "compiled",
        Compiled::Refused => "refused",
        Compiled::Failed => "failed",
    };
    quietly(|| {
        counter!(names::COMPILES, "result" => result).increment(1);
        histogram!(names::COMPILE_SECONDS).record(took);
    });
}

/// Where a compiled module was found.
///
/// ```
/// use std::collections::BTreeMap;
/// use subvm_observe::{Found, looked_for};
/// let known = BTreeMap::from([(7, "code")]);
/// looked_for(if known.contains_key(&7) { Found::Memory } else { Found::Nowhere });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// In this process.
    Memory,
    /// In the cache on disk.
    Disk,
    /// Nowhere: it is compiled now.
    Nowhere,
}

/// Tells of a compiled module that an engine looked for.
///
/// ```
/// use subvm_observe::{Found, looked_for};
/// looked_for(Found::Disk);
/// ```
pub fn looked_for(found: Found) {
    let answer = match found {
        Found::Memory => "memory",
        Found::Disk => "disk",
        Found::Nowhere => "miss",
    };
    quietly(|| counter!(names::MODULE_CACHE, "answer" => answer).increment(1));
}
