//! Imports that nothing satisfies, and exports that cannot be called.

use subvm_core::{Invalid, VmError, sdk, wasi};
use subvm_lower::{HOST_MODULES, INITIALIZE, host_function, signature};

use super::facts::{Import, Type};
use super::{Finding, Part};

/// What is wrong with imports, module after module, then with what is to be called.
pub(super) fn findings(parts: &[Part<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (position, part) in parts.iter().enumerate() {
        // Of what is no module, nothing is linked.
        if part.lowered.is_err() {
            continue;
        }
        let before = parts.get(..position).unwrap_or_default();
        let wrong = part.facts.imports.iter().filter_map(|import| {
            let what = if HOST_MODULES.contains(&import.module) { with_host(import) } else { with(import, before) };
            what.map(|what| (import.offset, what))
        });
        findings.extend(wrong.map(|(offset, what)| {
            let error = VmError::InvalidContract(Invalid::WasmLinking);
            Finding { offset: Some(offset), ..Finding::of(&part.name, error, what) }
        }));
        findings.extend(entry(part, INITIALIZE, false));
    }
    if let Some(start) = parts.last().filter(|part| part.lowered.is_ok()) {
        let named =
            |name: &str| matches!(start.facts.exports.get(name), Some(it) if matches!(it.ty, Type::Function(_)));
        findings.extend(entry(start, if named("") { "" } else { "_start" }, true));
    }
    findings
}

fn with_host(import: &Import<'_>) -> Option<String> {
    let Import { module, name, ty, .. } = import;
    match host_function(module, name) {
        None => {
            let count = if *module == wasi::MODULE { wasi::FUNCTIONS.len() } else { sdk::FUNCTIONS.len() };
            Some(format!("it imports {module}.{name}, which is none of the {count} functions there are"))
        }
        Some(is) => {
            (Type::Function(is.clone()) != *ty).then(|| format!("it imports {module}.{name} as {ty}, which is {is}"))
        }
    }
}

/// What is wrong with an import from another module.
fn with(import: &Import<'_>, before: &[Part<'_>]) -> Option<String> {
    let Import { module, name, ty, .. } = import;
    let Some(library) = before.iter().find(|part| part.name == *module) else {
        return Some(format!("it imports {module}.{name}, and no library of the name {module:?} is linked before it"));
    };
    match library.facts.exports.get(name) {
        // Of what is refused, nobody knows what it exports.
        _ if library.lowered.is_err() => None,
        None => Some(format!("it imports {module}.{name}, which the library {module} does not export")),
        Some(export) if export.ty.fits(ty) => None,
        Some(export) => Some(format!("it imports {module}.{name} as {ty}, which is {}", export.ty)),
    }
}

/// What is wrong with a function that is to be called.
fn entry(part: &Part<'_>, name: &str, must_be: bool) -> Option<Finding> {
    let error = VmError::InvalidContract(Invalid::WasmEntrypoint);
    match part.facts.exports.get(name) {
        Some(export) if matches!(&export.ty, Type::Function(_)) => {
            let wanted = Type::Function(signature::<&str>([], []));
            let what = || format!("it exports {name:?} as {}, and what is called takes and returns nothing", export.ty);
            (export.ty != wanted)
                .then(|| Finding { offset: Some(export.offset), ..Finding::of(&part.name, error, what()) })
        }
        _ => {
            let what = || format!("it exports no function {name:?}, which is to be called");
            must_be.then(|| Finding::of(&part.name, error, what()))
        }
    }
}
