//! Whether there is RAM enough to begin with.

use subvm_core::costs::{SUB_VM, TABLE_ELEMENT};
use subvm_core::{Package, Params, Ram, Resource, VmError};
use subvm_lower::WASM_PAGE;

use super::{Finding, Part};

/// The first charge that cannot be met while instances are made.
pub(super) fn finding(parts: &[Part<'_>], package: &Package, params: &Params) -> Option<Finding> {
    let limit = params.limits.ram;
    let mut ram = Ram::new(limit);
    let start = parts.last()?;
    let out_of = |part: &Part<'_>, resource, what: String| {
        let what = format!("{what}, and a run may hold {limit} bytes of RAM in all");
        Finding::of(&part.name, VmError::OutOf(resource), what)
    };
    let files = package.files.ram();
    if ram.charge(SUB_VM + files).is_err() {
        return Some(out_of(
            start,
            Resource::Memory,
            format!("its sub-VM and file tree take {} bytes", SUB_VM + files),
        ));
    }
    for part in parts {
        let Ok(lowered) = &part.lowered else { continue };
        if ram.charge(lowered.set_up.bytes).is_err() {
            let what = format!("an instance of it takes {} bytes", lowered.set_up.bytes);
            return Some(out_of(part, Resource::Memory, what));
        }
        for (index, memory) in part.facts.memories.iter().enumerate() {
            let bytes = memory.initial.saturating_mul(WASM_PAGE);
            if ram.charge(bytes).is_err() {
                let what = format!("memory {index} of those that it defines begins with {bytes} bytes");
                return Some(out_of(part, Resource::WasmMemory, what));
            }
        }
        for (index, table) in part.facts.tables.iter().enumerate() {
            let bytes = table.initial.saturating_mul(TABLE_ELEMENT);
            if ram.charge(bytes).is_err() {
                let what = format!("table {index} of those that it defines begins with {bytes} bytes");
                return Some(out_of(part, Resource::WasmTable, what));
            }
        }
    }
    None
}
