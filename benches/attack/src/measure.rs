//! Running a case, and what it cost beside what it paid.

use std::sync::Arc;
use std::time::Duration;

use subvm_core::costs::{Limits, STACK_UNITS};
use subvm_core::host::State;
use subvm_core::wasi::Refused;
use subvm_core::{Engine, Entry, Message, Mode, Outcome, Package, Params, Parts, Personality, Role, Run, run};
use subvm_wasmtime::WasmtimeEngine;

use crate::clock::{peak, process_seconds, resident, thread_seconds};
use crate::node::node;

/// What a run is given.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Time gas in each mode, in ticks.
    pub(crate) ticks: u64,
    /// Bytes of RAM in each mode.
    pub(crate) ram: u64,
    /// Nothing: a contract. Else a program in this mode.
    pub(crate) program: Option<Mode>,
    /// The part that the node plays.
    pub(crate) role: Role,
    /// What it is told.
    pub(crate) message: Message,
    /// What is not as usual in the consensus parameters.
    pub(crate) change: fn(&mut Params),
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            ticks: 20_000_000,
            ram: 1 << 30,
            program: None,
            role: Role::Leader,
            message: Message::default(),
            change: |_| (),
        }
    }
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Ticks that the run used in both modes.
    pub(crate) ticks: u64,
    /// Nanoseconds of the processor for a tick.
    pub(crate) rate: f64,
    /// The same, as a multiple of what a tick of the kernel takes in this process.
    pub(crate) ratio: f64,
    /// Bytes that were resident beyond the RAM that was charged.
    pub(crate) beyond: u64,
    /// Bytes that this may be.
    pub(crate) allowed: u64,
    /// Bytes that were resident at the most.
    pub(crate) peak: u64,
    /// Bytes of RAM that were charged.
    pub(crate) charged: u64,
    /// Seconds of the processor that making its modules ready took.
    pub(crate) compiled: f64,
    /// The same for a tick of what a chain charges for that, as a multiple of a tick of the kernel.
    pub(crate) compile_ratio: f64,
    /// Bytes that this took at the most, for each value of lowering's estimate.
    pub(crate) compile_bytes: f64,
    /// How it ended.
    pub(crate) outcome: String,
}

/// Bytes that a process may hold beyond the RAM that was charged: 16 for each stack unit of each mode that had sub-VMs, which are native stack,
/// 96 MiB of stacks that wait, and 24 MiB for where each frame of a trap is.
const fn allowed(modes: u64) -> u64 {
    16 * STACK_UNITS * modes + (120 << 20)
}

impl Measured {
    /// The bytes beyond what was charged, as a multiple of what is allowed.
    pub(crate) fn excess(&self) -> f64 {
        self.beyond as f64 / self.allowed as f64
    }

    /// All of it in a line, for [`Self::read`].
    pub(crate) fn written(&self) -> String {
        let Self {
            ticks,
            rate,
            ratio,
            beyond,
            allowed,
            peak,
            charged,
            compiled,
            compile_ratio,
            compile_bytes,
            outcome,
        } = self;
        format!(
            "{ticks} {rate} {ratio} {beyond} {allowed} {peak} {charged} {compiled} {compile_ratio} {compile_bytes} {outcome}"
        )
    }

    /// Reads what [`Self::written`] wrote.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let mut words = line.splitn(11, ' ');
        let mut word = || words.next();
        Some(Self {
            ticks: word()?.parse().ok()?,
            rate: word()?.parse().ok()?,
            ratio: word()?.parse().ok()?,
            beyond: word()?.parse().ok()?,
            allowed: word()?.parse().ok()?,
            peak: word()?.parse().ok()?,
            charged: word()?.parse().ok()?,
            compiled: word()?.parse().ok()?,
            compile_ratio: word()?.parse().ok()?,
            compile_bytes: word()?.parse().ok()?,
            outcome: word()?.to_owned(),
        })
    }

    /// For people.
    pub(crate) fn line(&self) -> String {
        let Self {
            ticks,
            rate,
            ratio,
            beyond,
            allowed,
            peak,
            charged,
            compiled,
            compile_ratio,
            compile_bytes,
            outcome,
        } = self;
        let [beyond, allowed, charged, peak] = [beyond, allowed, charged, peak].map(|bytes| *bytes as f64 / 1e6);
        format!(
            "time {ratio:.2}x ({rate:.3} ns a tick, {ticks} ticks); compiled in {compiled:.3} s, {compile_ratio:.2}x, {compile_bytes:.0} bytes a value; {beyond:.1} MB beyond \
             {charged:.1} charged, of {allowed:.1}, {peak:.1} at most; {outcome}"
        )
    }
}

/// Ticks that a transaction is worth which does nothing: a chain charges a base for each.
const TRANSACTION: u64 = 100_000;

/// How long a run may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The engine, and the kernel that all is compared with.
pub(crate) struct Bench {
    engine: Arc<WasmtimeEngine>,
    kernel: Arc<Package>,
}

/// Loads, each of which waits for the one before: the median price of a tick (`docs/benchmarks.md#gas-calibration`).
fn kernel() -> Parts {
    let loads = "(local.set $i (i32.load (local.get $i)))".repeat(64);
    let text = format!("(module (memory 1) (func (export \"_start\") (local $i i32) (loop {loads} (br 0))))");
    Parts { start: wat::parse_str(text).expect("a module").into(), ..Parts::default() }
}

/// A package of these parts.
pub(crate) fn package(parts: Parts) -> Arc<Package> {
    Arc::new(parts.check(&Refused::default()).expect("the parts of a package"))
}

impl Bench {
    pub(crate) fn new() -> Self {
        let engine = WasmtimeEngine::builder().compile_time(Duration::from_secs(900)).build();
        Self { engine: Arc::new(engine.expect("wasmtime runs here")), kernel: package(kernel()) }
    }

    /// Nanoseconds of the processor for a tick of the kernel: the least of some runs.
    pub(crate) fn calibrated(&self) -> f64 {
        let setting = Setting { ticks: 2_000_000, ..Setting::default() };
        let rate = |_| self.transact(&self.kernel, &setting).expect("the kernel runs").rate;
        (0..3).map(rate).fold(f64::INFINITY, f64::min)
    }

    /// Makes a package ready, twice where that is quick, and runs it some times; the least counts.
    ///
    /// # Errors
    /// What made it no measurement: a refusal, or an internal error.
    pub(crate) fn measure(&self, package: &Arc<Package>, setting: &Setting, rounds: u32) -> Result<Measured, String> {
        let params = params(setting);
        let before = resident();
        let start = process_seconds();
        let prepared = self.engine.prepare(package, &params).map_err(|error| format!("not prepared: {error}"))?;
        let compiled = process_seconds() - start;
        let compiling = peak().saturating_sub(before);
        let compiling_peak = peak();
        let mut kernel = self.calibrated();
        let mut least: Option<Measured> = None;
        for _ in 0..rounds {
            let measured = self.transact(package, setting)?;
            kernel = kernel.min(self.calibrated());
            let beyond = least.as_ref().map_or(0, |least| least.beyond).max(measured.beyond);
            if least.as_ref().is_none_or(|least| measured.rate < least.rate) {
                least = Some(measured);
            }
            least.as_mut().expect("just set").beyond = beyond;
        }
        let mut measured = least.expect("a round at least");
        measured.ratio = measured.rate / kernel;
        measured.compiled = compiled;
        measured.compile_ratio = compiled * 1e9 / prepared.ticks as f64 / kernel;
        measured.compile_bytes = compiling as f64 / prepared.values.max(1) as f64;
        measured.peak = measured.peak.max(compiling_peak);
        Ok(measured)
    }

    fn transact(&self, package: &Arc<Package>, setting: &Setting) -> Result<Measured, String> {
        let engine: Arc<dyn Engine> = Arc::clone(&self.engine) as _;
        let entry = setting.program.map_or(Entry::Contract, |mode| Entry::Program { mode, stdin: None });
        let run_of = Run {
            message: setting.message.clone(),
            entry,
            role: setting.role.clone(),
            params: Arc::new(params(setting)),
            state: State::Accepted,
            deadline: Some(PATIENCE),
            cancel: None,
        };
        let before = resident();
        let start = thread_seconds();
        let (_, report) = run(engine, node(package), run_of);
        let taken = thread_seconds() - start;
        let peak = peak();
        let report = report.map_err(|error| format!("internal error after {taken:.3} s: {error}"))?;
        let ticks = report.receipt.gas.time + report.ticks_nondet;
        let charged = report.ram_peak + report.ram_peak_nondet;
        let outcome = match report.outcome {
            Outcome::Return(_) => "returned".to_owned(),
            other => format!("{other:?}"),
        };
        let rate = taken * 1e9 / (ticks + TRANSACTION) as f64;
        let beyond = peak.saturating_sub(before).saturating_sub(charged);
        let modes = [report.receipt.gas.time, report.ticks_nondet].iter().filter(|ticks| **ticks > 0).count();
        let allowed = allowed(modes as u64);
        let (ratio, compiled, compile_ratio, compile_bytes) = (0.0, 0.0, 0.0, 0.0);
        Ok(Measured {
            ticks,
            rate,
            ratio,
            beyond,
            allowed,
            peak,
            charged,
            compiled,
            compile_ratio,
            compile_bytes,
            outcome,
        })
    }
}

fn params(setting: &Setting) -> Params {
    let limits =
        Limits { gas_time: setting.ticks, gas_time_nondet: setting.ticks, ram: setting.ram, ..Limits::default() };
    let mut params = Params { limits, personality: Personality::Program, ..Params::default() };
    (setting.change)(&mut params);
    params
}
