//! What people read of a run: bounded, and a line for each thing. All of it is in what `--json` prints.

use subvm_core::fingerprint::Fingerprint;
use subvm_core::{Outcome, Receipt, Report};

use subvm_host_std::replay::compare::{Change, receipts};

use super::report::{Done, hex, request, result, text};

/// Lines about things of one kind; of more only the number is told.
const MOST: usize = 20;
/// Characters of a value.
const WIDTH: usize = 1000;

/// What a transaction came to.
pub(super) fn run(Done { result, vote, against, trace, .. }: &Done) -> Vec<String> {
    let mut lines = Vec::new();
    if let Ok(report) = result {
        lines.push(match &report.outcome {
            Outcome::Return(value) => row("return", &text(value)),
            _ => row("error", &report.failure().unwrap_or_default()),
        });
        lines.extend(effects(report));
        let gas = report.receipt.gas;
        lines.push(row("gas", &format!("{} time, {} storage, {} data", gas.time, gas.storage, gas.data)));
        lines.extend(report.fingerprint.iter().flat_map(|taken| fingerprint("machine", taken)));
        lines.push(row("receipt", &hex(&report.receipt.digest())));
    }
    lines.extend(trace.iter().map(|trace| row("trace", &hex(trace))));
    lines.extend(vote.iter().map(|vote| row("vote", &vote.to_string())));
    lines.extend(against.iter().map(|side| row("", side)));
    lines
}

/// What two receipts differ in, both sides of each field.
pub(super) fn sides(leader: &Receipt, own: &Receipt) -> Vec<String> {
    let changes = receipts(leader, own).into_iter().take(MOST);
    let nothing = |side: Option<String>| side.unwrap_or_else(|| "nothing".to_owned());
    changes
        .flat_map(|change| {
            let Change { field, a, b, .. } = change;
            [format!("{field}, the leader: {}", nothing(a)), format!("{field}, here: {}", nothing(b))]
        })
        .collect()
}

/// Events, messages and writes of a run that returned, and what its non-deterministic blocks came to.
fn effects(Report { receipt, .. }: &Report) -> Vec<String> {
    let requests = receipt.messages.iter().map(|message| match request(message) {
        (name, fields) if name == "EmitEvent" => ("event", fields),
        (name, fields) => ("message", format!("{name} {fields}")),
    });
    let writes = receipt.storage.iter().map(|write| {
        let (slot, content) = (hex(&write.slot.0), hex(&write.content));
        ("write", format!("slot {slot}, page {}: {content}", write.page))
    });
    let blocks = receipt.nondet.iter().enumerate().map(|(call, bytes)| {
        let (outcome, text) = result(bytes);
        ("nondet", format!("call {call}: {outcome} {text}"))
    });
    let mut lines = bounded(requests, "events and messages");
    lines.extend(bounded(writes, "writes"));
    lines.extend(bounded(blocks, "non-deterministic blocks"));
    lines
}

/// A line for each function that was active, innermost first, and for each memory.
pub(super) fn fingerprint(label: &'static str, taken: &Fingerprint) -> Vec<String> {
    let frames = taken.frames.iter().enumerate().map(|(depth, frame)| {
        let words = if depth == 0 { "in" } else { "called by" };
        (label, format!("{words} {}: function {}", frame.module_name, frame.func))
    });
    let memories = taken.module_instances.iter().flat_map(|(name, memories)| {
        let memories = memories.iter().enumerate();
        memories.map(move |(index, digest)| (label, format!("memory {name} {index}: {}", hex(digest))))
    });
    let mut lines = bounded(frames, "frames");
    if lines.is_empty() {
        lines.push(row(label, "in no function: no wasm was running"));
    }
    lines.extend(bounded(memories, "memories"));
    lines
}

fn bounded(rows: impl Iterator<Item = (&'static str, String)>, what: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut more = 0;
    for (label, text) in rows {
        if lines.len() < MOST {
            lines.push(row(label, &text));
        } else {
            more += 1;
        }
    }
    if more > 0 {
        lines.push(row("", &format!("and {more} more {what}: see --json")));
    }
    lines
}

fn row(label: &str, text: &str) -> String {
    let label = if label.is_empty() { String::new() } else { format!("{label}:") };
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{label:<9} {}.. ({} bytes)", text.get(..end).unwrap_or(text), text.len()),
        None => format!("{label:<9} {text}"),
    }
}
