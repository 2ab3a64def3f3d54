//! The counters that lowering adds to a module, and where they stand among its globals.

use wasm_encoder::{
    ConstExpr, EntityType, ExportKind, ExportSection, GlobalSection, GlobalType, ImportSection, ValType,
};

use super::names::{CALLS_GLOBAL, COUNTERS_MODULE, GAS_GLOBAL, MARK_GLOBAL, STACK_GLOBAL, TRAP_GLOBAL};
use super::options::{Counters, Options};
use super::stack::CALLS;

/// The counters, in the order in which they stand in the global index space; the last is there only under [`Options::calls`].
const COUNTERS: [(&str, ValType); 5] = [
    (GAS_GLOBAL, ValType::I64),
    (STACK_GLOBAL, ValType::I32),
    (MARK_GLOBAL, ValType::I32),
    (TRAP_GLOBAL, ValType::I32),
    (CALLS_GLOBAL, ValType::I64),
];

/// How many are always there.
const ALWAYS: u32 = COUNTERS.len() as u32 - 1;

/// The counters of a lowering.
fn counters(options: &Options) -> &'static [(&'static str, ValType)] {
    let [always @ .., _] = &COUNTERS;
    if options.calls { &COUNTERS } else { always }
}

/// Where the counters are in a lowered module's global index space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Globals {
    pub(super) gas: u32,
    pub(super) stack: u32,
    /// The stack units that were left at the deepest place that was paid for.
    pub(super) mark: u32,
    pub(super) trap: u32,
    /// Calls and values that are left, where they are counted.
    pub(super) calls: Option<u32>,
    /// Guest globals from this index on are moved up by the number of imported counters.
    first_moved: u32,
}

impl Globals {
    /// Places the counters in a module that imports and defines so many globals: the last of the imported ones, or the last
    /// of all.
    pub(super) fn place(imported_globals: u32, globals: u32, options: &Options) -> Globals {
        let (first, first_moved) = match options.counters {
            Counters::Imported => (imported_globals, imported_globals),
            Counters::Defined => (imported_globals + globals, u32::MAX),
        };
        let calls = options.calls.then_some(first + ALWAYS);
        Globals { gas: first, stack: first + 1, mark: first + 2, trap: first + 3, calls, first_moved }
    }

    /// How many counters there are.
    pub(super) fn count(&self) -> u32 {
        ALWAYS + u32::from(self.calls.is_some())
    }

    /// The new index of guest global `index`.
    pub(super) fn map(&self, index: u32) -> u32 {
        if index < self.first_moved { index } else { index + self.count() }
    }
}

/// Imports the counters.
pub(super) fn import_counters(imports: &mut ImportSection, options: &Options) {
    for (name, val_type) in counters(options) {
        imports.import(COUNTERS_MODULE, name, EntityType::Global(counter(*val_type)));
    }
}

/// Defines the counters. No gas and no stack, until the engine sets them; calls and values are what every sub-VM has.
pub(super) fn define_counters(globals: &mut GlobalSection, options: &Options) {
    for (name, val_type) in counters(options) {
        let first = match (*name, *val_type) {
            (CALLS_GLOBAL, _) => ConstExpr::i64_const(CALLS),
            (_, ValType::I64) => ConstExpr::i64_const(0),
            _ => ConstExpr::i32_const(0),
        };
        globals.global(counter(*val_type), &first);
    }
}

/// Exports the counters that a module defines.
pub(super) fn export_counters(exports: &mut ExportSection, globals: &Globals) {
    let all = [globals.gas, globals.stack, globals.mark, globals.trap].into_iter().chain(globals.calls);
    for ((name, _), index) in COUNTERS.iter().zip(all) {
        exports.export(name, ExportKind::Global, index);
    }
}

fn counter(val_type: ValType) -> GlobalType {
    GlobalType { val_type, mutable: true, shared: false }
}
