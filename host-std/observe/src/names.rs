//! Every metric: its name, kind, unit, labels and meaning. `docs/metrics.md` is made from this list.

use metrics::Unit;

/// What kind of figure a metric is.
///
/// ```
/// use subvm_observe::names::{Kind, METRICS};
/// assert!(METRICS.iter().all(|metric| (metric.kind == Kind::Counter) == metric.name.ends_with("_total")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// It only grows.
    Counter,
    /// A value that rises and falls.
    Gauge,
    /// A distribution of values.
    Histogram,
}

/// A metric.
///
/// ```
/// use subvm_observe::names::{GAS, METRICS};
/// let gas = METRICS.iter().find(|metric| metric.name == GAS).unwrap();
/// assert_eq!((gas.name, gas.labels), ("subvm_gas_total", &["dimension"][..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name under which recorders get it.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// The names of its labels. The values of each come from a short list: no guest can make new ones.
    pub labels: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, $unit:ident, [$($label:literal),*], $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: &str = $name;
        )*

        /// All of them.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            meaning: $meaning,
        }),*];
    };
}

metrics! {
    TRANSACTIONS = "subvm_transactions_total", Counter, Count, ["role", "outcome", "reason"], "Transactions that ended, by role (`leader`, `validator`, `sync`), outcome (`return`, `user_error`, `vm_error`, `internal_error`) and reason: the text of the VM error without its numbers, or the kind of the internal error.";
    TRANSACTION_SECONDS = "subvm_transaction_seconds", Histogram, Seconds, ["role", "outcome"], "Wall time of a transaction.";
    GAS = "subvm_gas_total", Counter, Count, ["dimension"], "Gas that transactions used: `time` in ticks, `storage` in pages of 32 bytes, `data` in bytes, and `time_nondet` in ticks, which no receipt has.";
    RAM_PEAK = "subvm_ram_peak_bytes", Histogram, Bytes, ["mode"], "The most RAM that the sub-VMs of a transaction held at once, by mode (`det`, `nondet`).";
    SUB_VMS = "subvm_sub_vms_total", Counter, Count, ["mode", "outcome"], "Sub-VMs that ended, or could not be entered.";
    HOST_CALLS = "subvm_host_calls_total", Counter, Count, ["module", "function", "answer"], "Host calls of guests, by what they came to: `success`, `errno`, or `end` where the sub-VM ended in it. Counted when the transaction ends.";
    MODULE_REQUESTS = "subvm_module_requests_total", Counter, Count, ["request", "answer"], "Web and model requests that were answered: with `ok`, with the error code that the contract sees, or with `unavailable`, which makes the run an internal error.";
    MODULE_REQUEST_SECONDS = "subvm_module_request_seconds", Histogram, Seconds, ["request"], "How long a web or model request took, without its wait for its turn.";
    MODEL_TOKENS = "subvm_model_tokens_total", Counter, Count, ["part"], "Tokens that model providers say they counted: of the `prompt`, of the `completion`.";
    COMPILES = "subvm_compiles_total", Counter, Count, ["result"], "Modules that were lowered and compiled: `compiled`, `refused` for what the contract did, `failed` for what this node could not do.";
    COMPILE_SECONDS = "subvm_compile_seconds", Histogram, Seconds, [], "How long lowering and compiling one module took.";
    MODULE_CACHE = "subvm_module_cache_total", Counter, Count, ["answer"], "Compiled modules that were looked for: found in `memory`, found on `disk`, or a `miss`.";
    MODULES_KEPT = "subvm_modules_kept", Gauge, Count, [], "Compiled modules that the engine keeps in memory.";
    MODULES_KEPT_BYTES = "subvm_modules_kept_bytes", Gauge, Bytes, [], "Bytes of the code of the compiled modules that the engine keeps in memory.";
    RUNS = "subvm_runs_in_flight", Gauge, Count, [], "Transactions that run.";
    VOTES = "subvm_votes_total", Counter, Count, ["vote", "field"], "Votes that were told: `agree`, `disagree` with the field that differed first, or `timeout`.";
    HEIGHT = "subvm_ledger_height", Gauge, Count, ["state"], "The height of the ledger's block that was `accepted` last, and of the one that was `finalized` last.";
    LEDGER_SECONDS = "subvm_ledger_seconds", Histogram, Seconds, ["operation"], "How long a change of the ledger took, until it was on disk: `apply`, `finalize`, `rollback`, `prune`.";
    PARAMS = "subvm_params_info", Gauge, Count, ["digest"], "1, with the digest of the consensus parameters that the node runs under: the same on every node of a chain.";
    PROCESS_MEMORY = "subvm_process_resident_bytes", Gauge, Bytes, [], "Memory of the process. Set by `observe::process`, on Linux.";
    PROCESS_MAPPINGS = "subvm_process_mappings", Gauge, Count, [], "Mappings of the process, of which the system allows 65,530 unless told otherwise. Set by `observe::process`, on Linux.";
    PANICS = "subvm_caught_panics", Gauge, Count, [], "Panics of subscribers, recorders, observers and parts of the node that were caught in this process. Set by `observe::process`.";
    POOL_RUNNING = "subvm_pool_running", Gauge, Count, [], "Tasks of the pool that run.";
    POOL_QUEUED = "subvm_pool_queued", Gauge, Count, [], "Tasks of the pool that wait for their turn.";
    POOL_MEMORY = "subvm_pool_memory_bytes", Gauge, Bytes, [], "Bytes that the running tasks of the pool may come to hold.";
    POOL_WAIT_SECONDS = "subvm_pool_wait_seconds", Histogram, Seconds, [], "How long a task of the pool waited for its turn.";
    POOL_PANICS = "subvm_pool_panics_total", Counter, Count, [], "Tasks of the pool that panicked.";
}

/// Describes all metrics to the recorder that is installed. Call it once, after installing one.
///
/// ```
/// // After installing a recorder of your choice:
/// subvm_observe::names::describe();
/// ```
pub fn describe() {
    for Metric { name, kind, unit, meaning, .. } in METRICS {
        super::quietly(|| match kind {
            Kind::Counter => metrics::describe_counter!(*name, *unit, *meaning),
            Kind::Gauge => metrics::describe_gauge!(*name, *unit, *meaning),
            Kind::Histogram => metrics::describe_histogram!(*name, *unit, *meaning),
        });
    }
}
