//! Bulk and growth instructions become calls of helpers, one for each instruction and its immediates, which charge by
//! the size asked for, and split what is large, so that a deadline finds a place to interrupt. Those on memories stay where
//! they are when the size is none that is split, and not 0: a helper's call takes longer than copying a few hundred bytes.
//!
//! A split instruction still traps before it writes anything: out of bounds, it is left whole to the engine. One of size 0
//! does nothing within bounds, and is left out there: a `memset` that stores no byte under a mask takes a processor some 150
//! nanoseconds where nobody has written to the page (`docs/benchmarks.md`, attacks).

use alloc::vec;

use subvm_core::costs::instructions::{BULK_BYTES_SHIFT, Class, Schedule};
use wasm_encoder::{BlockType, Function, InstructionSink, RefType, ValType};
use wasmparser::Operator;

use super::appended::Signature;
use super::counters::Globals;
use super::gas::Meter;
use super::traps::TrapKind;

/// The bytes that one bulk instruction of the engine writes at most.
const CHUNK_BYTES: i32 = 16 << 20;

/// The table entries that one bulk instruction of the engine writes at most, at 64 bytes an entry.
const CHUNK_ENTRIES: i32 = CHUNK_BYTES / 64;

/// An instruction whose cost depends on its operands, with its immediates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bulk {
    Fill(Space),
    Copy { to: Space, from: Space },
    Init { segment: u32, to: Space },
    Grow(Space),
}

/// What an instruction in the guest's function needs.
pub(super) struct InPlace {
    /// The function that splits, and leaves out.
    pub(super) helper: u32,
    /// The label behind which the ticks have run out.
    pub(super) label: u32,
    /// Locals for its operands, the size last.
    pub(super) operands: [u32; 3],
}

/// What the second operand of a bulk instruction is of.
#[derive(Clone, Copy)]
enum Source {
    /// No place: it is the value that is written.
    Value,
    Segment,
    Space(Space),
}

/// A memory or a table, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    Memory(u32),
    Table(u32),
}

impl Bulk {
    /// The bulk instruction that `operator` is, if it is one.
    pub(super) fn of(operator: &Operator<'_>) -> Option<Bulk> {
        use Space::{Memory, Table};
        Some(match *operator {
            Operator::MemoryFill { mem } => Bulk::Fill(Memory(mem)),
            Operator::MemoryCopy { dst_mem, src_mem } => Bulk::Copy { to: Memory(dst_mem), from: Memory(src_mem) },
            Operator::MemoryInit { data_index, mem } => Bulk::Init { segment: data_index, to: Memory(mem) },
            Operator::MemoryGrow { mem } => Bulk::Grow(Memory(mem)),
            Operator::TableFill { table } => Bulk::Fill(Table(table)),
            Operator::TableCopy { dst_table, src_table } => Bulk::Copy { to: Table(dst_table), from: Table(src_table) },
            Operator::TableInit { elem_index, table } => Bulk::Init { segment: elem_index, to: Table(table) },
            Operator::TableGrow { table } => Bulk::Grow(Table(table)),
            _ => return None,
        })
    }

    /// The instruction on memories that have other indices.
    pub(super) fn moved(self, memory: impl Fn(u32) -> u32) -> Bulk {
        let moved = |space| match space {
            Space::Memory(index) => Space::Memory(memory(index)),
            Space::Table(_) => space,
        };
        match self {
            Bulk::Fill(to) => Bulk::Fill(moved(to)),
            Bulk::Copy { to, from } => Bulk::Copy { to: moved(to), from: moved(from) },
            Bulk::Init { segment, to } => Bulk::Init { segment, to: moved(to) },
            Bulk::Grow(to) => Bulk::Grow(moved(to)),
        }
    }

    /// The helper's signature; `element` says what a table holds.
    pub(super) fn signature(self, element: impl Fn(u32) -> RefType) -> Signature {
        const I32: ValType = ValType::I32;
        match self {
            Bulk::Fill(Space::Memory(_)) | Bulk::Copy { .. } | Bulk::Init { .. } => (vec![I32; 3], vec![]),
            Bulk::Fill(Space::Table(table)) => (vec![I32, ValType::Ref(element(table)), I32], vec![]),
            Bulk::Grow(Space::Memory(_)) => (vec![I32], vec![I32]),
            Bulk::Grow(Space::Table(table)) => (vec![ValType::Ref(element(table)), I32], vec![I32]),
        }
    }

    /// The helper: charges, then does what the instruction does.
    pub(super) fn helper(self, schedule: &Schedule, globals: &Globals) -> Function {
        let mut function = Function::new([]);
        let mut sink = function.instructions();
        self.charge(&mut sink, schedule, globals);
        match self {
            Bulk::Grow(_) => {}
            Bulk::Fill(to) => to.sized(&mut sink, Source::Value, |sink| self.backward(sink, to.chunk())),
            Bulk::Init { to, .. } => to.sized(&mut sink, Source::Segment, |sink| self.backward(sink, to.chunk())),
            // Two indices may be one space, imported twice: the direction is chosen whatever they are.
            Bulk::Copy { to, from } => to.sized(&mut sink, Source::Space(from), |sink| {
                sink.local_get(0).local_get(1).i32_gt_u().if_(BlockType::Empty);
                self.backward(sink, to.chunk());
                sink.else_();
                self.forward(sink, to.chunk());
                sink.end();
            }),
        }
        for operand in 0..=self.size_operand() {
            sink.local_get(operand);
        }
        self.emit(&mut sink);
        sink.end();
        function
    }

    /// Whether it stands in the guest's function, too, for sizes that are neither split nor 0.
    pub(super) fn stays(self) -> bool {
        matches!(
            self,
            Bulk::Fill(Space::Memory(_))
                | Bulk::Copy { to: Space::Memory(_), .. }
                | Bulk::Init { to: Space::Memory(_), .. }
        )
    }

    /// The instruction in the guest's function, where nothing is owed; `helper` is called for sizes that are split, and for 0, and a
    /// branch to `label` is made when the ticks run out. `operands` are locals.
    pub(super) fn in_place(self, sink: &mut InstructionSink<'_>, schedule: &Schedule, meter: &Meter, place: InPlace) {
        let InPlace { helper, label, operands } = place;
        for operand in operands.into_iter().rev() {
            sink.local_set(operand);
        }
        let [.., size] = operands;
        let all = |sink: &mut InstructionSink<'_>| operands.into_iter().for_each(|operand| _ = sink.local_get(operand));
        // One less than 0 is the largest of all.
        sink.local_get(size).i32_const(1).i32_sub().i32_const(CHUNK_BYTES - 1).i32_gt_u().if_(BlockType::Empty);
        all(sink);
        sink.call(helper);
        meter.refresh(sink);
        sink.else_();
        sink.local_get(meter.cache);
        self.price(sink, schedule, size);
        sink.i64_sub().local_set(meter.cache);
        meter.show(sink, 0);
        meter.compare(sink, label + 1);
        all(sink);
        self.emit(sink);
        sink.end();
    }

    /// The number of the operand that is the size.
    fn size_operand(self) -> u32 {
        match self {
            Bulk::Grow(Space::Memory(_)) => 0,
            Bulk::Grow(Space::Table(_)) => 1,
            _ => 2,
        }
    }

    /// Charges for the size asked for and traps when that exceeds the gas.
    fn charge(self, sink: &mut InstructionSink<'_>, schedule: &Schedule, globals: &Globals) {
        sink.global_get(globals.gas);
        self.price(sink, schedule, self.size_operand());
        sink.i64_sub().global_set(globals.gas);
        sink.global_get(globals.gas).i64_const(0).i64_lt_s().if_(BlockType::Empty);
        TrapKind::OutOfGas.emit(sink, globals.trap);
        sink.end();
    }

    /// The ticks for the size in local `size`.
    fn price(self, sink: &mut InstructionSink<'_>, schedule: &Schedule, size: u32) {
        let (class, shift) = match self {
            Bulk::Grow(Space::Memory(_)) => (Class::GrowPage, 0),
            Bulk::Grow(Space::Table(_)) => (Class::GrowEntry, 0),
            Bulk::Fill(to) | Bulk::Copy { to, .. } | Bulk::Init { to, .. } => match to {
                Space::Memory(_) => (Class::BulkBytes, BULK_BYTES_SHIFT),
                Space::Table(_) => (Class::BulkEntry, 0),
            },
        };
        sink.local_get(size).i64_extend_i32_u();
        if shift > 0 {
            sink.i64_const(i64::from(shift)).i64_shr_u();
        }
        if schedule.ticks(class) != 1 {
            sink.i64_const(schedule.ticks(class) as i64).i64_mul();
        }
    }

    /// The instruction itself.
    fn emit(self, sink: &mut InstructionSink<'_>) {
        use Space::{Memory, Table};
        match self {
            Bulk::Fill(Memory(memory)) => sink.memory_fill(memory),
            Bulk::Fill(Table(table)) => sink.table_fill(table),
            Bulk::Copy { to: Memory(to), from: Memory(from) | Table(from) } => sink.memory_copy(to, from),
            Bulk::Copy { to: Table(to), from: Memory(from) | Table(from) } => sink.table_copy(to, from),
            Bulk::Init { segment, to: Memory(memory) } => sink.memory_init(memory, segment),
            Bulk::Init { segment, to: Table(table) } => sink.table_init(table, segment),
            Bulk::Grow(Memory(memory)) => sink.memory_grow(memory),
            Bulk::Grow(Table(table)) => sink.table_grow(table),
        };
    }

    /// From the far end down: the size operand is what remains.
    fn backward(self, sink: &mut InstructionSink<'_>, chunk: i32) {
        sink.loop_(BlockType::Empty);
        sink.local_get(2).i32_const(chunk).i32_sub().local_set(2);
        sink.local_get(0).local_get(2).i32_add();
        sink.local_get(1);
        if !matches!(self, Bulk::Fill(_)) {
            sink.local_get(2).i32_add();
        }
        sink.i32_const(chunk);
        self.emit(sink);
        sink.local_get(2).i32_const(chunk).i32_gt_u().br_if(0).end();
    }

    /// From the near end up: all three operands move.
    fn forward(self, sink: &mut InstructionSink<'_>, chunk: i32) {
        sink.loop_(BlockType::Empty);
        sink.local_get(0).local_get(1).i32_const(chunk);
        self.emit(sink);
        for operand in [0, 1] {
            sink.local_get(operand).i32_const(chunk).i32_add().local_set(operand);
        }
        sink.local_get(2).i32_const(chunk).i32_sub().local_tee(2).i32_const(chunk).i32_gt_u().br_if(0).end();
    }
}

impl Space {
    /// What one bulk instruction of the engine writes at most.
    fn chunk(self) -> i32 {
        match self {
            Space::Memory(_) => CHUNK_BYTES,
            Space::Table(_) => CHUNK_ENTRIES,
        }
    }

    /// Where both ranges are within bounds, does `split` when the size is more than a chunk, and leaves the function when it
    /// is 0. `source` is what the second operand is of.
    fn sized(self, sink: &mut InstructionSink<'_>, source: Source, split: impl Fn(&mut InstructionSink<'_>)) {
        sink.local_get(2).i32_const(self.chunk()).i32_gt_u().if_(BlockType::Empty);
        // A segment is read from its end first, and traps there before anything is written.
        self.within(sink, source, u32::MAX);
        sink.if_(BlockType::Empty);
        split(sink);
        sink.end().else_().local_get(2).i32_eqz().if_(BlockType::Empty);
        // A segment that was dropped has no bytes.
        self.within(sink, source, 0);
        sink.if_(BlockType::Empty).return_().end().end().end();
    }

    /// Whether both ranges are within bounds, where a segment has so many bytes or entries: nothing tells how many it has.
    fn within(self, sink: &mut InstructionSink<'_>, source: Source, segment: u32) {
        end_of(sink, 0);
        self.size(sink);
        sink.i64_le_u();
        if let Source::Value = source {
            return;
        }
        end_of(sink, 1);
        match source {
            Source::Space(space) => space.size(sink),
            _ => _ = sink.i64_const(segment.into()),
        }
        sink.i64_le_u().i32_and();
    }

    /// Its size in bytes or entries, as `i64`.
    fn size(self, sink: &mut InstructionSink<'_>) {
        match self {
            Space::Memory(memory) => sink.memory_size(memory).i64_extend_i32_u().i64_const(16).i64_shl(),
            Space::Table(table) => sink.table_size(table).i64_extend_i32_u(),
        };
    }
}

/// The end of the range at `operand`, as `i64`.
fn end_of(sink: &mut InstructionSink<'_>, operand: u32) {
    sink.local_get(operand).i64_extend_i32_u().local_get(2).i64_extend_i32_u().i64_add();
}
