//! Whether a run's report is what was foreseen.

use std::collections::BTreeMap;

use subvm_core::{Gas, PageWrite, Report};

use super::{GAS_DATA, MEMORY, Model, SUB_VM};
use crate::spawn_tree::STATE;
use crate::spawn_tree::chain::{CONTRACT, byte_before, slot};

pub(super) fn judge(model: &mut Model, report: &Report) -> Result<(), String> {
    let (outcome, left) = end(model)?;
    let returned = outcome.first() == Some(&0);
    let receipt = &report.receipt;
    same("the outcome", &report.outcome.to_bytes(), &outcome)?;
    same("the receipt's code", &receipt.result.first(), &outcome.first())?;
    same("whether there is a fingerprint", &report.fingerprint.is_some(), &!returned)?;
    let gas =
        Gas { data: model.data_used, storage: model.storage_used, time: model.limits.gas_time - left.unsigned_abs() };
    same("gas", &receipt.gas, &gas)?;
    same("storage", &receipt.storage, &if returned { pages(model) } else { Vec::new() })?;
    same("messages", &receipt.messages, &if returned { model.messages.clone() } else { Vec::new() })?;
    same("non-deterministic results", &receipt.nondet, &model.nondet)?;
    same("non-deterministic ticks", &report.ticks_nondet, &model.ticks_nondet.unsigned_abs())?;
    same("RAM held by non-deterministic sub-VMs at the end", &model.held[1], &0)?;
    same("the most RAM in use", &[report.ram_peak, report.ram_peak_nondet], &model.peak)?;
    same("whether that is beyond the limit", &model.peak.iter().any(|peak| *peak > model.limits.ram), &false)
}

/// How the main sub-VM ended, once its result was paid for.
fn end(model: &mut Model) -> Result<(Vec<u8>, i64), String> {
    let Some((outcome, left)) = model.main.clone() else {
        same("whether the main sub-VM had no RAM", &(model.limits.ram < SUB_VM), &true)?;
        return Ok((MEMORY.to_vec(), model.limits.gas_time as i64));
    };
    let free = outcome.first() == Some(&2);
    let paid = free || model.charge_data(outcome.len() as u64);
    Ok((if paid { outcome } else { GAS_DATA.to_vec() }, left))
}

/// The pages that were written, whole.
fn pages(model: &Model) -> Vec<PageWrite> {
    let mut pages: BTreeMap<(u8, u32), [u8; 32]> = BTreeMap::new();
    for (number, page) in &model.pages {
        let content = std::array::from_fn(|offset| {
            let at = page * 32 + offset as u32;
            let written = model.bytes.get(&(*number, at)).copied();
            written.unwrap_or_else(|| byte_before(STATE, CONTRACT, *number, at))
        });
        pages.insert((*number, *page), content);
    }
    pages.into_iter().map(|((number, page), content)| PageWrite { slot: slot(number), page, content }).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:x?} instead of {expected:x?}")) }
}
