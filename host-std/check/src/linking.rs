//! Imports that nothing satisfies, and exports that cannot be called.

use subvm_core::{Invalid, VmError};
use subvm_link::{INITIALIZE, Library, Type, wrong};

use super::facts::Import;
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
        let what = |Import { import, offset }: &Import| Some((*offset, wrong(import, &library(import, before)?)?));
        findings.extend(part.facts.imports.iter().filter_map(what).map(|(offset, what)| {
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

/// What the libraries before it have for an import. Of one that is refused, nobody knows what it exports.
fn library(import: &subvm_link::Import, before: &[Part<'_>]) -> Option<Library> {
    let Some(library) = before.iter().find(|part| part.name == import.module) else { return Some(Library::Unknown) };
    if library.lowered.is_err() {
        return None;
    }
    let export = library.facts.exports.get(&import.name[..]);
    Some(export.map_or(Library::Lacks, |export| Library::Has(export.ty.clone())))
}

/// What is wrong with a function that is to be called.
fn entry(part: &Part<'_>, name: &str, must_be: bool) -> Option<Finding> {
    let error = VmError::InvalidContract(Invalid::WasmEntrypoint);
    match part.facts.exports.get(name) {
        Some(export) if matches!(&export.ty, Type::Function(_)) => {
            let wanted = Type::function::<&str>([], []);
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
