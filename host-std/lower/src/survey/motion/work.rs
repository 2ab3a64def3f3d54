//! What an instruction does that a compiler could do elsewhere.

use wasmparser::Operator;

use super::super::work::GUARD;
use super::value::Shape;
use crate::floats::{Form, float_op};
use crate::gas::{is_vector, memory_offset};

/// How an instruction stands to code motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// A constant; `literal` says whether neither none nor all of its bits are set.
    Constant { literal: bool },
    /// Pure work.
    Work { shape: Shape, ticks: u64 },
    /// A load, from the first memory or from another one, with the work on its address.
    Load { first: bool, ticks: u64 },
    /// A load into a vector, and the work of that.
    LoadInto { ticks: u64 },
    /// A store, to the first memory or to another one, with the work on its address.
    Store { first: bool, ticks: u64 },
    /// Something read that a call may have written.
    Read,
    /// A global is written.
    Set,
    /// A call, or what becomes one.
    Call,
    /// An instruction on a table, with the work on its index.
    Table { ticks: u64 },
    /// A call through a table, with the work on its index.
    CallTable { ticks: u64 },
    /// Nothing that could be moved; what it gives may have been made anywhere.
    Nothing,
}

/// Work on the index of a table.
const TABLE: u64 = 8;

/// Work on the address of a load or store: one beyond the guard is compared.
const ADDRESS: u64 = 1;
const COMPARED_ADDRESS: u64 = 4;

/// Operators whose result differs wherever one operand does.
const KEEPS: Shape = Shape { keeps: true, spreads: true, folds: true, opaque: false };
const EXTENDS: Shape = Shape { keeps: true, spreads: false, folds: true, opaque: false };
const FOLDS: Shape = Shape { keeps: false, spreads: false, folds: true, opaque: false };
const STAYS: Shape = Shape { keeps: false, spreads: false, folds: false, opaque: false };

/// How `operator`, which costs `ticks`, stands to code motion; `float_calls` says whether float operators become calls.
pub(super) fn doing(operator: &Operator<'_>, ticks: u64, float_calls: bool) -> Doing {
    use Operator::*;
    if let Some(offset) = memory_offset(operator) {
        let ticks = if offset > GUARD { COMPARED_ADDRESS } else { ADDRESS };
        let first = memory(operator) == Some(0);
        return match operator {
            _ if stores(operator) => Doing::Store { first, ticks },
            V128Load { .. } => Doing::Load { first, ticks },
            _ if memory(operator).is_none() => Doing::LoadInto { ticks },
            _ => Doing::Load { first, ticks },
        };
    }
    if float_calls && float_op(operator).is_some_and(|float| float.form != Form::Bits) {
        return Doing::Call;
    }
    if float_op(operator).is_some() {
        // No compiler simplifies floats, or computes what is not a number.
        return Doing::Work { shape: Shape { opaque: true, ..STAYS }, ticks: ticks.max(1) };
    }
    let shape = match operator {
        I32Const { value } => {
            return Doing::Constant { literal: literal((*value).into(), i32::MIN.into(), i32::MAX.into()) };
        }
        I64Const { value } => return Doing::Constant { literal: literal(*value, i64::MIN, i64::MAX) },
        F32Const { .. } | F64Const { .. } | RefNull { .. } => {
            return Doing::Constant { literal: false };
        }
        Call { .. } | ReturnCall { .. } | MemoryGrow { .. } | TableGrow { .. } => return Doing::Call,
        // An engine may do without a call for these.
        MemoryFill { .. } | MemoryCopy { .. } | MemoryInit { .. } | DataDrop { .. } => return Doing::Nothing,
        TableFill { .. } | TableCopy { .. } | TableInit { .. } | ElemDrop { .. } => return Doing::Nothing,
        RefFunc { .. } | Drop | Nop | Return | Unreachable => return Doing::Nothing,
        CallIndirect { .. } | ReturnCallIndirect { .. } => return Doing::CallTable { ticks: TABLE },
        TableGet { .. } | TableSet { .. } => return Doing::Table { ticks: TABLE },
        GlobalGet { .. } | MemorySize { .. } | TableSize { .. } => return Doing::Read,
        GlobalSet { .. } => return Doing::Set,
        I32Add | I32Sub | I32Xor | I64Add | I64Sub | I64Xor => KEEPS,
        I64ExtendI32S | I64ExtendI32U => EXTENDS,
        I32Eqz | I32Eq | I32Ne | I32LtS | I32LtU | I32GtS | I32GtU | I32LeS | I32LeU | I32GeS | I32GeU => FOLDS,
        I64Eqz | I64Eq | I64Ne | I64LtS | I64LtU | I64GtS | I64GtU | I64LeS | I64LeU | I64GeS | I64GeU => FOLDS,
        I32Clz | I32Ctz | I32Mul | I32And | I32Or | I32Shl | I32ShrS | I32ShrU | I32Rotl | I32Rotr => FOLDS,
        I64Clz | I64Ctz | I64Mul | I64And | I64Or | I64Shl | I64ShrS | I64ShrU | I64Rotl | I64Rotr => FOLDS,
        I32WrapI64 | I32Extend8S | I32Extend16S | I64Extend8S | I64Extend16S | I64Extend32S => FOLDS,
        I32DivS | I32DivU | I32RemS | I32RemU | I64DivS | I64DivU | I64RemS | I64RemU => FOLDS,
        Select | TypedSelect { .. } => FOLDS,
        I32ReinterpretF32 | I64ReinterpretF64 | F32ReinterpretI32 | F64ReinterpretI64 => Shape { keeps: true, ..STAYS },
        V128Xor | I8x16Add | I8x16Sub | I16x8Add | I16x8Sub | I32x4Add | I32x4Sub | I64x2Add | I64x2Sub => {
            Shape { keeps: true, spreads: true, folds: false, opaque: false }
        }
        _ => STAYS,
    };
    Doing::Work { shape, ticks: weight(operator, ticks) }
}

/// What is counted for pure work that costs `ticks`: at least as many of those that a processor does two of in one of its
/// cycles. Behind code that was paid, one such unit is cheap; in the place of other code it is not.
fn weight(operator: &Operator<'_>, ticks: u64) -> u64 {
    use Operator::*;
    match operator {
        I32Popcnt | I32Clz | I32Ctz | I64Popcnt | I64Clz | I64Ctz => 2,
        I64x2Mul => 8,
        V128Const { .. } => 1,
        _ if is_vector(operator) => 2 * ticks,
        _ => ticks.max(1),
    }
}

/// Whether an integer between `least` and `most` absorbs nothing.
fn literal(value: i64, least: i64, most: i64) -> bool {
    ![0, -1, least, most].contains(&value)
}

/// Whether a memory instruction stores.
fn stores(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        I32Store { .. }
            | I64Store { .. }
            | F32Store { .. }
            | F64Store { .. }
            | I32Store8 { .. }
            | I32Store16 { .. }
            | I64Store8 { .. }
            | I64Store16 { .. }
            | I64Store32 { .. }
            | V128Store { .. }
            | V128Store8Lane { .. }
            | V128Store16Lane { .. }
            | V128Store32Lane { .. }
            | V128Store64Lane { .. }
    )
}

/// The memory that a scalar load or store is on; of another instruction nothing.
fn memory(operator: &Operator<'_>) -> Option<u32> {
    use Operator::*;
    match operator {
        I32Load { memarg } | I64Load { memarg } | F32Load { memarg } | F64Load { memarg } => Some(memarg.memory),
        I32Load8S { memarg } | I32Load8U { memarg } | I32Load16S { memarg } | I32Load16U { memarg } => {
            Some(memarg.memory)
        }
        I64Load8S { memarg } | I64Load8U { memarg } | I64Load16S { memarg } | I64Load16U { memarg } => {
            Some(memarg.memory)
        }
        I64Load32S { memarg } | I64Load32U { memarg } => Some(memarg.memory),
        I32Store { memarg } | I64Store { memarg } | F32Store { memarg } | F64Store { memarg } => Some(memarg.memory),
        I32Store8 { memarg } | I32Store16 { memarg } => Some(memarg.memory),
        I64Store8 { memarg } | I64Store16 { memarg } | I64Store32 { memarg } => Some(memarg.memory),
        _ => None,
    }
}
