//! A compiled module, and what the engine must know of it.

use std::sync::{Arc, OnceLock};

use subvm_core::costs::SetUp;
use subvm_link::Linked;
use subvm_lower::{FunctionMap, Options, WASM_PAGE, memory_export};
use wasmtime::{ExternType, Module};

use super::cache::file::Facts;
use super::engines::Code;
use super::frames::Frames;
use super::running::Part;

/// Bytes of memory that an import or export takes beside code: 49,990 exports took 28 MB.
const BYTES_FOR_A_NAME: usize = 600;

/// A compiled module, and what the engine must know of it.
pub(super) struct Unit {
    /// On the engine whose traps capture frames.
    pub(super) captured: Code,
    /// On the other one, once a sub-VM asked for it.
    pub(super) ignored: OnceLock<Code>,
    pub(super) functions: FunctionMap,
    pub(super) memories: u32,
    /// What each memory that it defines has at first, in bytes.
    pub(super) initial_memories: Arc<[u64]>,
    /// What an instance sets up.
    pub(super) set_up: SetUp,
    /// The values that compiling it is priced for ([`subvm_lower::Report::priced_values`]).
    pub(super) values: u64,
    pub(super) has_start: bool,
    /// From its name section.
    pub(super) own_name: Option<String>,
    /// How it was lowered.
    pub(super) options: Options,
}

impl Unit {
    pub(super) fn new(module: Module, functions: FunctionMap, options: &Options, facts: Facts<'_>) -> Self {
        let Facts { memories, defined_memories, set_up, values, has_start, name, .. } = facts;
        let initial =
            (memories - defined_memories..memories).map(|memory| match module.get_export(&memory_export(memory)) {
                Some(ExternType::Memory(ty)) => ty.minimum() * WASM_PAGE,
                _ => 0,
            });
        Self {
            initial_memories: initial.collect(),
            captured: Code::new(module),
            ignored: OnceLock::new(),
            functions,
            memories,
            set_up,
            values,
            has_start,
            own_name: name.map(str::to_owned),
            options: *options,
        }
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            guest_functions: self.functions.guest_functions(),
            memories: self.memories,
            defined_memories: self.defined_memories(),
            set_up: self.set_up,
            values: self.values,
            has_start: self.has_start,
            name: self.own_name.as_deref(),
        }
    }

    /// Its code. On the engine that ignores frames it is there since `Units::get` was asked for it.
    pub(super) fn code(&self, frames: Frames) -> &Code {
        match frames {
            Frames::Captured => &self.captured,
            Frames::Ignored => self.ignored.get().unwrap_or(&self.captured),
        }
    }

    /// What a failure is described by, where it is linked under `name`.
    pub(super) fn part(&self, name: &str) -> Part {
        let (module, functions, memories) = (self.captured.module.clone(), self.functions, self.memories);
        Part { name: name.to_owned(), module, functions, memories, options: self.options }
    }

    /// What it takes on both engines, its code and the names that it imports and exports.
    pub(super) fn bytes(&self) -> usize {
        let image = self.captured.module.image_range();
        let names = self.captured.module.imports().len() + self.captured.module.exports().len();
        2 * (image.end.addr() - image.start.addr() + names * BYTES_FOR_A_NAME)
    }
}

impl Linked for Unit {
    fn own_name(&self) -> Option<&str> {
        self.own_name.as_deref()
    }

    fn defined_memories(&self) -> u32 {
        self.initial_memories.len() as u32
    }

    fn set_up(&self) -> SetUp {
        self.set_up
    }
}
