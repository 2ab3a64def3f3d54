//! Time gas: what each instruction costs, and the code that charges it (`docs/spec/gas.md`).
//!
//! The counter of remaining ticks is a global; while a function runs, a local stands for it. Which block charges what, and
//! where the global is brought up to date, is the business of [`owed`](super::owed).

use subvm_core::costs::instructions::{Class, FRAME_UNITS_PER_PRICE, Schedule};
use wasm_encoder::InstructionSink;
use wasmparser::Operator;

use super::floats::float_op;

/// What `operator` costs, in ticks, apart from what depends on its operands.
pub(super) fn ticks(schedule: &Schedule, operator: &Operator<'_>) -> u64 {
    match float_op(operator) {
        Some(float) if float.is_vector() => {
            u64::from(float.lanes()) * (schedule.ticks(float.class) + schedule.ticks(Class::FloatLane))
        }
        Some(float) => schedule.ticks(float.class),
        None => schedule.ticks(class(operator)),
    }
}

/// What entering a function costs, in ticks.
pub(super) fn entry_ticks(schedule: &Schedule, frame_units: u32) -> u64 {
    schedule.ticks(Class::Entry) + u64::from(frame_units / FRAME_UNITS_PER_PRICE) * schedule.ticks(Class::EntryFrame)
}

/// The class of an operator that is no float operator.
fn class(operator: &Operator<'_>) -> Class {
    use Operator::*;
    match operator {
        Nop | Unreachable | Block { .. } | Loop { .. } | Else | End | Return | Drop => Class::Structure,
        Br { .. } | BrIf { .. } | If { .. } => Class::Branch,
        BrTable { .. } => Class::BranchTable,
        Call { .. } | ReturnCall { .. } => Class::Call,
        CallIndirect { .. } | ReturnCallIndirect { .. } => Class::CallIndirect,
        GlobalGet { .. } | GlobalSet { .. } | MemorySize { .. } | TableSize { .. } => Class::Global,
        TableGet { .. } | TableSet { .. } => Class::Table,
        RefFunc { .. } | ElemDrop { .. } | DataDrop { .. } => Class::Runtime,
        MemoryGrow { .. } | TableGrow { .. } => Class::Grow,
        MemoryFill { .. } | MemoryCopy { .. } | MemoryInit { .. } => Class::Bulk,
        TableFill { .. } | TableCopy { .. } | TableInit { .. } => Class::Bulk,
        I32Mul | I64Mul => Class::Multiply,
        I32DivS | I32DivU | I32RemS | I32RemU | I64DivS | I64DivU | I64RemS | I64RemU => Class::Divide,
        I32Load { .. } | I64Load { .. } | F32Load { .. } | F64Load { .. } => Class::Memory,
        I32Load8S { .. } | I32Load8U { .. } | I32Load16S { .. } | I32Load16U { .. } => Class::Memory,
        I64Load8S { .. } | I64Load8U { .. } | I64Load16S { .. } | I64Load16U { .. } => Class::Memory,
        I64Load32S { .. } | I64Load32U { .. } => Class::Memory,
        I32Store { .. } | I64Store { .. } | F32Store { .. } | F64Store { .. } => Class::Memory,
        I32Store8 { .. } | I32Store16 { .. } => Class::Memory,
        I64Store8 { .. } | I64Store16 { .. } | I64Store32 { .. } => Class::Memory,
        _ if is_vector(operator) => Class::Vector,
        _ => Class::Simple,
    }
}

/// Whether the counter itself must be right when `operator` runs: it leaves the function's own code, or ends it by what
/// the guest asked for. Bulk instructions are calls, too.
pub(super) fn shows(operator: &Operator<'_>) -> bool {
    matches!(class(operator), Class::Call | Class::CallIndirect | Class::Bulk | Class::Grow)
        || matches!(operator, Operator::Unreachable)
}

/// Whether `operator` belongs to the vector instructions.
fn is_vector(operator: &Operator<'_>) -> bool {
    macro_rules! matches_any {
        ($(@$proposal:ident $operator:ident $({ $($field:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
            matches!(operator, $(Operator::$operator { .. })|*)
        };
    }
    wasmparser::for_each_visit_simd_operator!(matches_any)
}

/// The offset of a load or store.
pub(super) fn memory_offset(operator: &Operator<'_>) -> Option<u64> {
    use Operator::*;
    match operator {
        I32Load { memarg } | I64Load { memarg } | F32Load { memarg } | F64Load { memarg } => Some(memarg.offset),
        I32Load8S { memarg } | I32Load8U { memarg } | I32Load16S { memarg } | I32Load16U { memarg } => {
            Some(memarg.offset)
        }
        I64Load8S { memarg } | I64Load8U { memarg } | I64Load16S { memarg } | I64Load16U { memarg } => {
            Some(memarg.offset)
        }
        I64Load32S { memarg } | I64Load32U { memarg } => Some(memarg.offset),
        I32Store { memarg } | I64Store { memarg } | F32Store { memarg } | F64Store { memarg } => Some(memarg.offset),
        I32Store8 { memarg } | I32Store16 { memarg } => Some(memarg.offset),
        I64Store8 { memarg } | I64Store16 { memarg } | I64Store32 { memarg } => Some(memarg.offset),
        V128Load { memarg } | V128Store { memarg } => Some(memarg.offset),
        V128Load8x8S { memarg } | V128Load8x8U { memarg } => Some(memarg.offset),
        V128Load16x4S { memarg } | V128Load16x4U { memarg } => Some(memarg.offset),
        V128Load32x2S { memarg } | V128Load32x2U { memarg } => Some(memarg.offset),
        V128Load8Splat { memarg } | V128Load16Splat { memarg } => Some(memarg.offset),
        V128Load32Splat { memarg } | V128Load64Splat { memarg } => Some(memarg.offset),
        V128Load32Zero { memarg } | V128Load64Zero { memarg } => Some(memarg.offset),
        V128Load8Lane { memarg, .. } | V128Load16Lane { memarg, .. } => Some(memarg.offset),
        V128Load32Lane { memarg, .. } | V128Load64Lane { memarg, .. } => Some(memarg.offset),
        V128Store8Lane { memarg, .. } | V128Store16Lane { memarg, .. } => Some(memarg.offset),
        V128Store32Lane { memarg, .. } | V128Store64Lane { memarg, .. } => Some(memarg.offset),
        _ => None,
    }
}

/// Where a function finds the ticks that remain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    /// The global that counts.
    pub(super) counter: u32,
    /// The local that stands for it. Ticks that are *owed* are not subtracted from it yet.
    pub(super) cache: u32,
}

impl Meter {
    /// Reads the counter, to which nothing is owed.
    pub(super) fn refresh(&self, sink: &mut InstructionSink<'_>) {
        sink.global_get(self.counter).local_set(self.cache);
    }

    /// Subtracts from the local so that `after` ticks are owed where `before` were.
    pub(super) fn pay(&self, sink: &mut InstructionSink<'_>, before: u64, after: u64) {
        if before != after {
            self.less(sink, before as i64 - after as i64);
            sink.local_set(self.cache);
        }
    }

    /// Brings the counter up to date, where `owed` ticks are owed.
    pub(super) fn show(&self, sink: &mut InstructionSink<'_>, owed: u64) {
        self.less(sink, owed as i64);
        sink.global_set(self.counter);
    }

    /// Branches to `label` when, nothing being owed, the ticks have run out.
    pub(super) fn compare(&self, sink: &mut InstructionSink<'_>, label: u32) {
        sink.local_get(self.cache).i64_const(0).i64_lt_s().br_if(label);
    }

    /// Makes the counter negative.
    pub(super) fn exhaust(&self, sink: &mut InstructionSink<'_>) {
        sink.i64_const(-1).global_set(self.counter);
    }

    fn less(&self, sink: &mut InstructionSink<'_>, ticks: i64) {
        sink.local_get(self.cache);
        if ticks != 0 {
            sink.i64_const(ticks).i64_sub();
        }
    }
}
