//! Functions that note themselves, for engines that cannot tell which were active when one trapped.
//!
//! On entry a function of the guest's writes which one it is, and the stack units that its frame takes, to the memory
//! [`FRAMES_MEMORY`], at the address that is the number of units that are left. Where so many are left, a walk through the
//! memory finds the frames, innermost first, each above the one that it was called from by the units that it takes.
//! Two ends of a function leave no frame to be found there, and are noted at places of their own: a stack overflow, and an
//! indirect tail call, which may trap when its caller's frame is refunded.

use alloc::vec::Vec;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{Encode, EntityType, ImportSection, InstructionSink, MemArg, MemoryType};
use wasmparser::Operator;

use super::names::{COUNTERS_MODULE, FRAMES_MEMORY};
use super::options::{Counters, Options};
use super::stack::STACK_UNITS;
use super::survey::Survey;

/// Where the function is noted that found no room for its frame.
const OVERFLOW: u64 = STACK_UNITS as u64;
/// Where the last indirect tail call is noted: the ticks that were left, the units, and the function that called.
const TAIL: u64 = OVERFLOW + 8;
/// The memory's pages, exactly.
const PAGES: u64 = (STACK_UNITS as u64 >> 16) + 1;

/// What notes add to a function at most at its entry and end, in bytes: three instructions with indices of globals of at
/// most three bytes and constants of at most ten, twice; and the frame that a leaf function else has not.
pub(super) const ENTRY_BYTES: usize = 96;
/// What they add at an indirect tail call.
pub(super) const TAIL_BYTES: usize = 64;

/// The memory in which a module's functions note themselves, and their module's number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notebook {
    /// The memory's index.
    memory: u32,
    /// Whether it is imported, so that the memories that the module defines stand one place further.
    pub(super) imported: bool,
    ordinal: u32,
}

impl Notebook {
    /// Where the options ask for notes.
    pub(super) fn of(survey: &Survey<'_>, options: &Options) -> Option<Notebook> {
        let imported = options.counters == Counters::Imported;
        let memory = if imported { survey.imported_memories } else { survey.memories };
        options.frames.then_some(Notebook { memory, imported, ordinal: options.ordinal })
    }

    /// The notes of function `index`, whose frame takes so many units.
    pub(super) fn page(self, index: u32, units: u32) -> Page {
        let noted = Noted { ordinal: self.ordinal, function: index, units };
        Page { memory: self.memory, noted: noted.to_word() as i64 }
    }

    /// Its type.
    pub(super) fn ty() -> MemoryType {
        MemoryType { minimum: PAGES, maximum: Some(PAGES), memory64: false, shared: false, page_size_log2: None }
    }

    /// Imports it, where it is imported.
    pub(super) fn import(self, imports: &mut ImportSection) {
        if self.imported {
            imports.import(COUNTERS_MODULE, FRAMES_MEMORY, EntityType::Memory(Self::ty()));
        }
    }

    /// Its index where the module defines it, behind the guest's memories.
    pub(super) fn defined(self) -> Option<u32> {
        (!self.imported).then_some(self.memory)
    }

    /// The index of the guest's memory `memory`.
    pub(super) fn memory(self, memory: u32) -> u32 {
        memory + u32::from(self.imported && memory >= self.memory)
    }
}

/// An instruction on a memory, with the index that the memory has beside the notebook.
pub(super) fn moved(notebook: Notebook, operator: &Operator<'_>) -> Vec<u8> {
    struct Moved(Notebook);

    impl Reencode for Moved {
        type Error = core::convert::Infallible;

        fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error> {
            Ok(self.0.memory(memory))
        }
    }

    let mut bytes = Vec::new();
    let instruction = Moved(notebook).instruction(operator.clone()).expect("what was validated is encoded");
    instruction.encode(&mut bytes);
    bytes
}

/// What one function notes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    memory: u32,
    noted: i64,
}

impl Page {
    /// Notes that there was no room for the frame.
    pub(super) fn overflow(self, sink: &mut InstructionSink<'_>) {
        sink.i32_const(0).i64_const(self.noted).i64_store(self.at(OVERFLOW));
    }

    /// Notes the frame, which is charged: `stack` is the counter.
    pub(super) fn enter(self, sink: &mut InstructionSink<'_>, stack: u32) {
        sink.global_get(stack).i64_const(self.noted).i64_store(self.at(0));
    }

    /// Notes an indirect tail call, before which the counters are exact and the frame is refunded.
    pub(super) fn tail(self, sink: &mut InstructionSink<'_>, gas: u32, stack: u32) {
        sink.i32_const(0).global_get(gas).i64_store(self.at(TAIL));
        sink.i32_const(0).global_get(stack).i32_store(self.at(TAIL + 8));
        sink.i32_const(0).i64_const(self.noted).i64_store(self.at(TAIL + 16));
    }

    fn at(self, offset: u64) -> MemArg {
        MemArg { offset, align: 0, memory_index: self.memory }
    }
}

/// A function that was active.
///
/// ```
/// use subvm_lower::{Noted, Walk};
/// assert_eq!(Walk::new(&[0; 64], 0, 8, 8).next(), None::<Noted>, "nothing is above the units that there were");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// [`Options::ordinal`](crate::Options::ordinal) of its module.
    pub ordinal: u32,
    /// Its index in the guest's module.
    pub function: u32,
    /// The stack units that its frame takes.
    pub units: u32,
}

impl Noted {
    /// Bits of a word from which on the function stands in it, and the ordinal.
    const FUNCTION: u32 = 32;
    const ORDINAL: u32 = 56;

    fn to_word(self) -> u64 {
        u64::from(self.units) | u64::from(self.function) << Self::FUNCTION | u64::from(self.ordinal) << Self::ORDINAL
    }

    /// No word of a function is 0: its frame takes something.
    fn of_word(word: u64) -> Option<Noted> {
        let ordinal = (word >> Self::ORDINAL) as u32;
        let function = (word >> Self::FUNCTION) as u32 & 0xff_ffff;
        let units = word as u32;
        (units != 0).then_some(Noted { ordinal, function, units })
    }
}

/// The functions that were active, innermost first, from what they noted ([`Options::frames`](crate::Options::frames)).
///
/// ```
/// use subvm_lower::{Noted, Walk};
///
/// // Two frames of 8 and of 16 units, of 64: the outer function is 1, the inner one 2.
/// let mut memory = vec![0; 64];
/// memory[48..56].copy_from_slice(&(1_u64 << 32 | 16).to_le_bytes());
/// memory[40..48].copy_from_slice(&(2_u64 << 32 | 8).to_le_bytes());
/// let functions: Vec<u32> = Walk::new(&memory, 1000, 40, 64).map(|noted: Noted| noted.function).collect();
/// assert_eq!(functions, [2, 1]);
/// ```
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    memory: &'a [u8],
    innermost: Option<Noted>,
    place: i64,
    end: i64,
}

impl<'a> Walk<'a> {
    /// A walk through the content of [`FRAMES_MEMORY`](crate::FRAMES_MEMORY), where so many ticks and stack units are `left`, of
    /// the `units` that there were before the first call.
    #[must_use]
    pub fn new(memory: &'a [u8], ticks: i64, left: i32, units: i32) -> Self {
        let mut walk = Walk { memory, innermost: None, place: left.into(), end: units.into() };
        if left < 0 {
            walk.innermost = walk.noted(OVERFLOW as i64);
            walk.place += walk.innermost.map_or(walk.end, |noted| noted.units.into());
        } else if walk.word(TAIL as i64) == Some(ticks as u64)
            && walk.word(TAIL as i64 + 8).map(|word| word as i32) == Some(left)
        {
            walk.innermost = walk.noted(TAIL as i64 + 16);
        }
        walk
    }

    fn word(&self, place: i64) -> Option<u64> {
        let bytes = self.memory.get(usize::try_from(place).ok()?..)?;
        bytes.first_chunk().map(|word| u64::from_le_bytes(*word))
    }

    fn noted(&self, place: i64) -> Option<Noted> {
        Noted::of_word(self.word(place)?)
    }
}

impl Iterator for Walk<'_> {
    type Item = Noted;

    fn next(&mut self) -> Option<Noted> {
        if let Some(innermost) = self.innermost.take() {
            return Some(innermost);
        }
        if self.place >= self.end {
            return None;
        }
        let noted = self.noted(self.place)?;
        self.place += i64::from(noted.units);
        Some(noted)
    }
}

/// The bytes that `write` writes.
pub(super) fn length(write: impl FnOnce(&mut InstructionSink<'_>)) -> usize {
    let mut bytes = Vec::new();
    write(&mut InstructionSink::new(&mut bytes));
    bytes.len()
}
