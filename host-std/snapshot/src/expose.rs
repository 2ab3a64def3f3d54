//! Exports that are added to a lowered module, so that its globals and tables can be seen.

use subvm_lower::RESERVED;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{Parser, Payload};

use crate::error::SnapshotError;

/// The export of a global of the guest's.
pub(crate) fn global(index: u32) -> String {
    format!("{RESERVED}snapshot:global:{index}")
}

/// Whose export of a global this is.
pub(crate) fn index(export: &str) -> Option<u32> {
    export.strip_prefix(global(0).trim_end_matches('0'))?.parse().ok()
}

/// The export of a table of the guest's.
pub(crate) fn table(index: u32) -> String {
    format!("{RESERVED}snapshot:table:{index}")
}

/// How many globals and tables a module defines that imports neither.
fn defined(wasm: &[u8]) -> Result<[u32; 2], SnapshotError> {
    let mut counts = [0; 2];
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::GlobalSection(globals) => counts[0] = globals.count(),
            Payload::TableSection(tables) => counts[1] = tables.count(),
            _ => {}
        }
    }
    Ok(counts)
}

/// The lowered module, which also exports the globals and tables of the module that it was made of: lowering appends its own behind them.
pub(crate) fn expose(guest: &[u8], lowered: &[u8]) -> Result<Vec<u8>, SnapshotError> {
    let [globals, tables] = defined(guest)?;
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(lowered) {
        let payload = payload?;
        if let Payload::ExportSection(reader) = &payload {
            let mut exports = ExportSection::new();
            RoundtripReencoder.parse_export_section(&mut exports, reader.clone())?;
            (0..globals).for_each(|index| _ = exports.export(&global(index), ExportKind::Global, index));
            (0..tables).for_each(|index| _ = exports.export(&table(index), ExportKind::Table, index));
            module.section(&exports);
        } else if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: lowered.get(range).unwrap_or_default() });
        }
    }
    Ok(module.finish())
}
