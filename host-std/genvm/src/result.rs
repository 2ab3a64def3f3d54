//! The result that a node reads: one byte, and a map.

use subvm_calldata::{Int, Map, Value};
use subvm_core::Report;
use subvm_core::host::page;
use subvm_runners::Charge;

use crate::chain::Pages;
use crate::emissions::emissions;
use crate::execute::Line;
use crate::hash::{of_map, sub_vms};
use crate::outcome::{Ended, Kind};

/// Frames of a failed run that are told.
const FRAMES: usize = 20;

/// All that a result is made of.
pub(crate) struct Parts<'a> {
    pub(crate) ended: Ended,
    /// Nothing where the run did not begin.
    pub(crate) report: Option<&'a Report>,
    /// What a deployment wrote before the run.
    pub(crate) deployed: &'a Pages,
    pub(crate) charges: &'a [Charge],
    /// The first block with which this validator does not agree.
    pub(crate) disagreement: Option<u32>,
    pub(crate) buckets: Option<&'a Value>,
    pub(crate) consumed: Int,
    pub(crate) line: Line,
}

/// The payload of `consume_result`.
pub(crate) fn result(parts: &Parts<'_>) -> Vec<u8> {
    let Parts { ended, report, disagreement, consumed, line, .. } = parts;
    let returned = ended.kind == Kind::Return;
    let changes = if returned { changes(parts) } else { Value::array::<Value>([]) };
    let sent = report.filter(|_| returned).map(|report| emissions(&report.receipt.messages, *line)).unwrap_or_default();
    let nondet = report.map(|report| report.receipt.nondet.iter().map(|result| Value::Bytes(result.clone())));
    let nondet = Value::array(nondet.into_iter().flatten());
    let (backtrace, stores) = machine(ended);
    let spent = Value::Map(
        ["event", "message_fee", "message_receipt", "nondet_output", "storage"]
            .map(|name| (name, Value::from(0)))
            .into(),
    );
    let left = parts.buckets.cloned().unwrap_or_else(|| Value::array::<Value>([]));
    let kind = Value::from(ended.kind.name());
    let (mut execution, mut small) = (Value::Bytes(Vec::new()), Value::Bytes(Vec::new()));
    if ended.kind != Kind::InternalError {
        let subvms = Value::Bytes(sub_vms(parts.charges).to_vec());
        let common = [
            ("backtrace", backtrace.clone()),
            ("data", ended.data.clone()),
            ("data_fees_consumed", spent.clone()),
            ("data_fees_remaining", left.clone()),
            ("kind", kind.clone()),
            ("storage_changes", changes.clone()),
            ("subvm_hashes", subvms.clone()),
            ("wasm_store_hashes", stores.clone()),
        ];
        execution = Value::Bytes(match line {
            Line::V0_2 => of_map(common).to_vec(),
            Line::V0_3 => {
                let [a, b, c, d, e, f, g, h] = common;
                of_map([a, b, c, d, ("emissions", Value::array(sent.clone())), e, f, g, h]).to_vec()
            }
        });
        let name = Value::from(ended.kind.small_name());
        let fields = [
            ("kind", name),
            ("result", ended.data.clone()),
            ("subvm_hashes", subvms),
            ("wasm_store_hashes", stores.clone()),
        ];
        small = Value::Bytes(of_map(fields).to_vec());
    }
    let map = Map::from([
        ("backtrace", backtrace),
        ("data", ended.data.clone()),
        ("data_fees_consumed", spent),
        ("data_fees_remaining", left),
        ("emissions", Value::array(sent)),
        ("execution_hash", execution),
        ("kind", kind),
        ("llm_consumption", Value::Int(consumed.clone())),
        ("nondet_disagreement", disagreement.map_or(Value::Null, Value::from)),
        ("nondet_results", nondet),
        ("small_hash", small),
        ("storage_changes", changes),
        ("wasm_store_hashes", stores),
    ]);
    let mut bytes = vec![ended.kind as u8];
    // It was made of what decoded or of our own: it encodes.
    bytes.extend(Value::Map(map).encode().unwrap_or_default());
    bytes
}

/// The backtrace and the memories of a failed run.
fn machine(ended: &Ended) -> (Value, Value) {
    let Some(fingerprint) = &ended.fingerprint else { return (Value::Null, Value::Map(Map::new())) };
    let taken = fingerprint.to_value();
    let frames = taken.get("frames").and_then(Value::as_array).map(|frames| frames.iter().take(FRAMES).cloned());
    let stores = taken.get("module_instances").cloned().unwrap_or(Value::Map(Map::new()));
    (frames.map_or(Value::Null, Value::array), stores)
}

/// Pages that changed: runs of neighbours are one entry, under the slot and the number of the first, big-endian.
fn changes(parts: &Parts<'_>) -> Value {
    let mut pages = parts.deployed.clone();
    if let Some(report) = parts.report {
        pages.extend(report.receipt.storage.iter().map(|write| ((write.slot, write.page), write.content)));
    }
    let (mut runs, mut next): (Vec<(Vec<u8>, Vec<u8>)>, _) = (Vec::new(), None);
    for ((slot, number), content) in pages {
        match runs.last_mut() {
            Some((_, bytes)) if next == Some((slot, number)) => bytes.extend(content),
            _ => runs.push(([&slot.0[..], &number.to_be_bytes()].concat(), content.to_vec())),
        }
        next = number.checked_add(1).map(|number| (slot, number));
    }
    debug_assert!(runs.iter().all(|(_, bytes)| bytes.len().is_multiple_of(page::BYTES)));
    Value::array(runs.into_iter().map(|(key, bytes)| Value::array([Value::Bytes(key), Value::Bytes(bytes)])))
}
