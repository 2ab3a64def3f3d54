//! What a node holds at a moment, and how long its parts take.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use subvm_core::{Difference, Params, Vote};

use super::{names, quietly};

/// What a pool holds: tasks that wait, tasks that run, and the bytes that these were given.
///
/// ```
/// subvm_observe::pool(3, 8, 8 << 30);
/// ```
pub fn pool(queued: usize, running: usize, memory: u64) {
    quietly(|| {
        gauge!(names::POOL_QUEUED).set(queued as f64);
        gauge!(names::POOL_RUNNING).set(running as f64);
        gauge!(names::POOL_MEMORY).set(memory as f64);
    });
}

/// A task of a pool waited so long for its turn.
///
/// ```
/// subvm_observe::queued_for(std::time::Duration::from_millis(3));
/// ```
pub fn queued_for(time: Duration) {
    quietly(|| histogram!(names::POOL_WAIT_SECONDS).record(time));
}

/// A task of a pool panicked.
///
/// ```
/// subvm_observe::task_panicked();
/// ```
pub fn task_panicked() {
    quietly(|| counter!(names::POOL_PANICS).increment(1));
}

/// What an engine keeps of modules: how many, and bytes of their code.
///
/// ```
/// subvm_observe::kept(12, 80 << 20);
/// ```
pub fn kept(modules: usize, bytes: usize) {
    quietly(|| {
        gauge!(names::MODULES_KEPT).set(modules as f64);
        gauge!(names::MODULES_KEPT_BYTES).set(bytes as f64);
    });
}

/// A node votes.
///
/// ```
/// use subvm_core::Vote;
/// subvm_observe::voted(&Vote::Agree);
/// ```
pub fn voted(vote: &Vote) {
    let (vote, field) = match vote {
        Vote::Agree => ("agree", ""),
        Vote::Disagree(Difference { field, .. }) => ("disagree", *field),
        Vote::Timeout(_) => ("timeout", ""),
    };
    quietly(|| counter!(names::VOTES, "vote" => vote, "field" => field).increment(1));
}

/// How far a ledger is.
///
/// ```
/// subvm_observe::heights(1_000, 990);
/// ```
pub fn heights(accepted: u64, finalized: u64) {
    quietly(|| {
        gauge!(names::HEIGHT, "state" => "accepted").set(accepted as f64);
        gauge!(names::HEIGHT, "state" => "finalized").set(finalized as f64);
    });
}

/// A change of a ledger took so long: `apply`, `finalize`, `rollback`, `prune`.
///
/// ```
/// subvm_observe::changed_ledger("apply", std::time::Duration::from_millis(4));
/// ```
pub fn changed_ledger(operation: &'static str, took: Duration) {
    quietly(|| histogram!(names::LEDGER_SECONDS, "operation" => operation).record(took));
}

/// What parameters the node runs under: told once, when it starts, so that operators can compare.
///
/// ```
/// let text = subvm_observe::params(&subvm_core::Params::default());
/// assert_eq!(text.len(), 64);
/// ```
pub fn params(params: &Params) -> String {
    let digest: String = params.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    quietly(|| {
        gauge!(names::PARAMS, "digest" => digest.clone()).set(1.0);
        tracing::info!(digest = %digest, "consensus parameters");
    });
    digest
}

/// Tells what the process holds, and the panics that were caught. Call it before figures are read, or every some seconds.
///
/// # Cost
/// Some reads of `/proc`; the kernel writes a line for each mapping.
///
/// ```
/// subvm_observe::process();
/// ```
pub fn process() {
    quietly(|| {
        gauge!(names::PANICS).set(super::panics() as f64);
        if let Some(bytes) = resident() {
            gauge!(names::PROCESS_MEMORY).set(bytes as f64);
        }
        if let Ok(maps) = std::fs::read("/proc/self/maps") {
            gauge!(names::PROCESS_MAPPINGS).set(maps.iter().filter(|byte| **byte == b'\n').count() as f64);
        }
    });
}

/// Bytes of memory that the process has, on Linux.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
