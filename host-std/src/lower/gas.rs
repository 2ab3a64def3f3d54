//! Time gas: what each instruction costs, and the code that charges it (`docs/spec/gas.md`).
//!
//! A straight-line block charges its static cost before it runs. The counter is a global; its value is also kept in a
//! local, so that charging needs no load. A charge goes through to the global where anybody may look before the next one:
//! in a block that calls, leaves the function, or has an instruction that can trap ([`shows`]). So the count is exact in a
//! callee, in a host call, after a return and after a trap, and a block of arithmetic writes nothing. A call leaves the
//! local stale.

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

/// Whether the counter may be looked at when `operator` runs: it calls, or it can trap. Branches are not among them;
/// whether they leave the function depends on where they stand.
pub(super) fn shows(operator: &Operator<'_>) -> bool {
    use Operator::{
        I32TruncF32S, I32TruncF32U, I32TruncF64S, I32TruncF64U, I64TruncF32S, I64TruncF32U, I64TruncF64S, I64TruncF64U,
        Return, Unreachable,
    };
    match operator {
        Unreachable | Return => true,
        I32TruncF32S | I32TruncF32U | I32TruncF64S | I32TruncF64U => true,
        I64TruncF32S | I64TruncF32U | I64TruncF64S | I64TruncF64U => true,
        _ if float_op(operator).is_some() => false,
        _ => match class(operator) {
            Class::Structure | Class::Simple | Class::Multiply | Class::Global => false,
            Class::Branch | Class::BranchTable => false,
            Class::Vector => memory_offset(operator).is_some(),
            _ => true,
        },
    }
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

/// What the charging code of a function needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    /// The global that counts.
    pub(super) counter: u32,
    /// The local that holds its value.
    pub(super) cache: u32,
}

impl Meter {
    /// Charges `ticks`, from the global where the cache is `stale`, to the global too where the count `shows`, and
    /// branches to `label`, where there is one to take, when the counter is negative.
    pub(super) fn charge(
        &self,
        sink: &mut InstructionSink<'_>,
        ticks: u64,
        stale: bool,
        shows: bool,
        label: Option<u32>,
    ) {
        self.value(sink, stale);
        sink.i64_const(ticks.try_into().unwrap_or(i64::MAX)).i64_sub();
        if shows {
            sink.local_tee(self.cache).global_set(self.counter);
        } else {
            sink.local_set(self.cache);
        }
        if let Some(label) = label {
            sink.local_get(self.cache).i64_const(0).i64_lt_s().br_if(label);
        }
    }

    /// Brings the global up to date.
    pub(super) fn write_back(&self, sink: &mut InstructionSink<'_>) {
        sink.local_get(self.cache).global_set(self.counter);
    }

    /// Makes a stale cache fresh.
    pub(super) fn refresh(&self, sink: &mut InstructionSink<'_>) {
        sink.global_get(self.counter).local_set(self.cache);
    }

    fn value(&self, sink: &mut InstructionSink<'_>, stale: bool) {
        if stale {
            sink.global_get(self.counter);
        } else {
            sink.local_get(self.cache);
        }
    }
}
