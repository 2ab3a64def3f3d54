//! Notes of the values that a guest computes: what is added to a module so that it keeps them, and how they are read.

use subvm_lower::{Global, Instance};
use wasm_encoder::{ConstExpr, Encode, Function, GlobalType, InstructionSink, MemArg, MemoryType, ValType};

/// The exports of what is added.
const RING: &str = "$subvm:look:ring";
const COUNT: &str = "$subvm:look:count";
const HASH: &str = "$subvm:look:hash";

/// Notes that are kept: those of one page of memory. More than [`Point`](subvm_replay::Point)'s 1,024 ticks can bring about, but for calls that
/// are not compared in between.
const KEPT: u64 = 4096;
/// Bytes of a note: the instruction, four that are not used, the value.
const NOTE: usize = 16;
/// An odd number without a pattern: that of FNV.
const FACTOR: i64 = 0x0100_0000_01b3;

/// Numeric types, in the order of the functions that note them.
pub(crate) const TYPES: [ValType; 4] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];

/// A value that an instruction gave.
///
/// ```
/// let note = subvm_look::Note { instruction: 0x51, value: 7 };
/// assert_eq!(note.instruction, 81, "byte 81 of the module");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The instruction: its first byte in the module as the contract supplied it.
    pub instruction: u32,
    /// What it gave: a number's bits; every NaN is the same.
    pub value: u64,
}

/// What an instance has noted.
///
/// ```
/// use subvm_look::{Note, Notes};
/// let notes = Notes { count: 5, hash: 0, last: vec![Note { instruction: 1, value: 2 }] };
/// assert_eq!(notes.numbered().next(), Some((4, notes.last[0])), "the last of five has number 4");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// How many there were.
    pub count: u64,
    /// A digest of them, in their order. No secure one: machines fail, and do not cheat.
    pub hash: u64,
    /// The last of them, oldest first.
    pub last: Vec<Note>,
}

impl Notes {
    /// What an instance has noted; nothing where it is not watched.
    pub(crate) fn read(instance: &Instance<'_>) -> Option<Self> {
        let number = |name| match instance.global(name) {
            Some(Global::I64(value)) => Some(value),
            _ => None,
        };
        let (count, hash, ring) = (number(COUNT)?, number(HASH)?, instance.memory(RING)?);
        let last = (count.saturating_sub(KEPT)..count).filter_map(|number| {
            let at = (number % KEPT) as usize * NOTE;
            let (instruction, value) = (ring.get(at..at + 4)?, ring.get(at + 8..at + 16)?);
            Some(Note {
                instruction: u32::from_le_bytes(instruction.try_into().ok()?),
                value: u64::from_le_bytes(value.try_into().ok()?),
            })
        });
        Some(Self { count, hash, last: last.collect() })
    }

    /// The last notes with their numbers, counted from 0.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, Note)> {
        (self.count - self.last.len() as u64..).zip(self.last.iter().copied())
    }
}

/// Where what is added stands in a module.
#[derive(Clone, Copy)]
pub(crate) struct Added {
    /// The memory of the notes.
    pub(crate) ring: u32,
    /// The global that counts; that of the digest follows.
    pub(crate) count: u32,
    /// The type of the first function that notes; those of the others follow.
    pub(crate) ty: u32,
    /// The first of the functions that note, one for each of [`TYPES`].
    pub(crate) function: u32,
}

impl Added {
    pub(crate) fn memory() -> Vec<u8> {
        let ty = MemoryType { minimum: 1, maximum: Some(1), memory64: false, shared: false, page_size_log2: None };
        encoded(ty)
    }

    pub(crate) fn globals() -> Vec<Vec<u8>> {
        let ty = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
        let mut global = encoded(ty);
        ConstExpr::i64_const(0).encode(&mut global);
        vec![global; 2]
    }

    /// The types of the functions that note: a value and the instruction.
    pub(crate) fn types() -> Vec<Vec<u8>> {
        let ty = |value: ValType| {
            let mut ty = vec![0x60, 2];
            value.encode(&mut ty);
            ValType::I32.encode(&mut ty);
            ty.push(0);
            ty
        };
        TYPES.into_iter().map(ty).collect()
    }

    pub(crate) fn exports(self) -> Vec<Vec<u8>> {
        vec![export(RING, 2, self.ring), export(COUNT, 3, self.count), export(HASH, 3, self.count + 1)]
    }

    /// Notes the value in local `value`, which `instruction` gave.
    pub(crate) fn note(self, sink: &mut InstructionSink<'_>, value: u32, ty: ValType, instruction: u32) {
        let Some(place) = TYPES.iter().position(|other| *other == ty) else { return };
        sink.local_get(value).i32_const(instruction.cast_signed()).call(self.function + place as u32);
    }

    /// The functions that note.
    pub(crate) fn functions(self) -> Vec<Vec<u8>> {
        TYPES.into_iter().map(|ty| encoded(self.function(ty))).collect()
    }

    fn function(self, ty: ValType) -> Function {
        let (given, instruction, value, at) = (0, 1, 2, 3);
        let mut function = Function::new([(1, ValType::I64), (1, ValType::I32)]);
        let mut sink = function.instructions();
        bits(&mut sink, ty, given);
        sink.local_set(value);
        sink.global_get(self.count).i32_wrap_i64().i32_const(KEPT as i32 - 1).i32_and().i32_const(4).i32_shl();
        sink.local_tee(at).local_get(instruction).i32_store(self.place(0, 2));
        sink.local_get(at).local_get(value).i64_store(self.place(8, 3));
        sink.global_get(self.count).i64_const(1).i64_add().global_set(self.count);
        let hash = self.count + 1;
        sink.global_get(hash).local_get(value).i64_xor().i64_const(FACTOR).i64_mul();
        sink.local_get(instruction).i64_extend_i32_u().i64_add().i64_const(29).i64_rotl().global_set(hash);
        sink.end();
        function
    }

    fn place(self, offset: u64, align: u32) -> MemArg {
        MemArg { offset, align, memory_index: self.ring }
    }
}

/// The bits of local `given` as an `i64`, every NaN the same: which one an operation gives is the machine's choice where floats are the hardware's.
fn bits(sink: &mut InstructionSink<'_>, ty: ValType, given: u32) {
    match ty {
        ValType::I32 => sink.local_get(given).i64_extend_i32_u(),
        ValType::F32 => {
            sink.local_get(given).i32_reinterpret_f32().i32_const(0x7fc0_0000);
            sink.local_get(given).local_get(given).f32_eq().select().i64_extend_i32_u()
        }
        ValType::F64 => {
            sink.local_get(given).i64_reinterpret_f64().i64_const(0x7ff8_0000_0000_0000);
            sink.local_get(given).local_get(given).f64_eq().select()
        }
        _ => sink.local_get(given),
    };
}

/// An entry of the export section.
pub(crate) fn export(name: &str, kind: u8, index: u32) -> Vec<u8> {
    let mut entry = Vec::new();
    name.encode(&mut entry);
    entry.push(kind);
    index.encode(&mut entry);
    entry
}

pub(crate) fn encoded(what: impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    what.encode(&mut bytes);
    bytes
}
