//! The counters that lowering adds to a module, and where they stand among its globals.

use wasm_encoder::{
    ConstExpr, EntityType, ExportKind, ExportSection, GlobalSection, GlobalType, ImportSection, ValType,
};

use super::names::{COUNTERS_MODULE, GAS_GLOBAL, MARK_GLOBAL, STACK_GLOBAL, TRAP_GLOBAL};
use super::options::Counters;

/// The counters, in the order in which they stand in the global index space.
const COUNTERS: [(&str, ValType); 4] = [
    (GAS_GLOBAL, ValType::I64),
    (STACK_GLOBAL, ValType::I32),
    (MARK_GLOBAL, ValType::I32),
    (TRAP_GLOBAL, ValType::I32),
];

/// Where the counters are in a lowered module's global index space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Globals {
    pub(super) gas: u32,
    pub(super) stack: u32,
    /// The stack units that were left at the deepest place that was paid for.
    pub(super) mark: u32,
    pub(super) trap: u32,
    /// Guest globals from this index on are moved up by the number of imported counters.
    first_moved: u32,
}

impl Globals {
    /// How many counters there are.
    pub(super) const COUNT: u32 = COUNTERS.len() as u32;

    /// Places the counters in a module that imports and defines so many globals: the last of the imported ones, or the last
    /// of all.
    pub(super) fn place(imported_globals: u32, globals: u32, counters: Counters) -> Globals {
        let (first, first_moved) = match counters {
            Counters::Imported => (imported_globals, imported_globals),
            Counters::Defined => (imported_globals + globals, u32::MAX),
        };
        Globals { gas: first, stack: first + 1, mark: first + 2, trap: first + 3, first_moved }
    }

    /// The new index of guest global `index`.
    pub(super) fn map(&self, index: u32) -> u32 {
        if index < self.first_moved { index } else { index + Self::COUNT }
    }
}

/// Imports the counters.
pub(super) fn import_counters(imports: &mut ImportSection) {
    for (name, val_type) in COUNTERS {
        imports.import(COUNTERS_MODULE, name, EntityType::Global(counter(val_type)));
    }
}

/// Defines the counters. No gas and no stack, until the engine sets them.
pub(super) fn define_counters(globals: &mut GlobalSection) {
    for (_, val_type) in COUNTERS {
        let zero = if val_type == ValType::I64 { ConstExpr::i64_const(0) } else { ConstExpr::i32_const(0) };
        globals.global(counter(val_type), &zero);
    }
}

/// Exports the counters that a module defines.
pub(super) fn export_counters(exports: &mut ExportSection, globals: &Globals) {
    for ((name, _), index) in COUNTERS.iter().zip([globals.gas, globals.stack, globals.mark, globals.trap]) {
        exports.export(name, ExportKind::Global, index);
    }
}

fn counter(val_type: ValType) -> GlobalType {
    GlobalType { val_type, mutable: true, shared: false }
}
