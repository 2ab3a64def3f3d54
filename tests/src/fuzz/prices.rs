//! What `docs/spec/gas.md` asks for an instruction, for those who count ticks beside lowering.

use subvm_core::costs::instructions::{BULK_BYTES_SHIFT, Class, FRAME_UNITS_PER_PRICE, Schedule};
use wasmparser::{FunctionBody, Operator, ValType};

/// What a size costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Ticks for each portion.
    pub(super) ticks: i64,
    /// The binary logarithm of what is one portion.
    pub(super) shift: u32,
}

/// Ticks for entering a function whose frame has `units`, and which declares these locals.
pub(super) fn entry(units: u32, body: &FunctionBody<'_>) -> i64 {
    let slots = |(count, ty)| i64::from(count) * if ty == ValType::V128 { 2 } else { 1 };
    let locals = body.get_locals_reader().expect("a valid body").into_iter();
    let declared: i64 = locals.map(|locals| slots(locals.expect("a valid body"))).sum();
    // A tick for each three slots beyond 32.
    let zeroed = (declared - 32).max(0) / 3;
    of(Class::Entry) + i64::from(units / FRAME_UNITS_PER_PRICE) * of(Class::EntryFrame) + zeroed
}

/// Ticks of one instruction, apart from its size; nothing of a vector instruction.
pub(super) fn ticks(operator: &Operator<'_>) -> Option<i64> {
    class(operator).map(of)
}

/// What an instruction costs for its size, the uppermost of its operands.
pub(super) fn size(operator: &Operator<'_>) -> Option<Size> {
    use Operator::*;
    let (class, shift) = match operator {
        MemoryFill { .. } | MemoryCopy { .. } | MemoryInit { .. } => (Class::BulkBytes, BULK_BYTES_SHIFT),
        TableFill { .. } | TableCopy { .. } | TableInit { .. } => (Class::BulkEntry, 0),
        MemoryGrow { .. } => (Class::GrowPage, 0),
        TableGrow { .. } => (Class::GrowEntry, 0),
        _ => return None,
    };
    Some(Size { ticks: of(class), shift })
}

fn of(class: Class) -> i64 {
    Schedule::V1.ticks(class).try_into().expect("a price is small")
}

fn class(operator: &Operator<'_>) -> Option<Class> {
    use Operator::*;
    Some(match operator {
        Nop | Unreachable | Block { .. } | Loop { .. } | Else | End | Return | Drop => Class::Structure,
        Br { .. } | BrIf { .. } | If { .. } => Class::Branch,
        GlobalGet { .. } | GlobalSet { .. } | MemorySize { .. } | TableSize { .. } => Class::Global,
        LocalGet { .. } | LocalSet { .. } | LocalTee { .. } | I32Const { .. } | I64Const { .. } | Select => {
            Class::Simple
        }
        I32Eqz | I32Eq | I32Ne | I32LtS | I32LtU | I32GtS | I32GtU | I32LeS | I32LeU | I32GeS | I32GeU => Class::Simple,
        I64Eqz | I64Eq | I64Ne | I64LtS | I64LtU | I64GtS | I64GtU | I64LeS | I64LeU | I64GeS | I64GeU => Class::Simple,
        I32Clz | I32Ctz | I32Popcnt | I32Add | I32Sub | I32And | I32Or | I32Xor | I32Shl | I32ShrS => Class::Simple,
        I64Clz | I64Ctz | I64Popcnt | I64Add | I64Sub | I64And | I64Or | I64Xor | I64Shl | I64ShrS => Class::Simple,
        I32ShrU | I32Rotl | I32Rotr | I64ShrU | I64Rotl | I64Rotr => Class::Simple,
        I32WrapI64 | I64ExtendI32S | I64ExtendI32U => Class::Simple,
        I32Extend8S | I32Extend16S | I64Extend8S | I64Extend16S | I64Extend32S => Class::Simple,
        F32Const { .. } | F64Const { .. } | RefNull { .. } => Class::Simple,
        I32ReinterpretF32 | I64ReinterpretF64 | F32ReinterpretI32 | F64ReinterpretI64 => Class::Simple,
        I32Mul | I64Mul => Class::Multiply,
        I32Load { .. } | I64Load { .. } | I32Store { .. } | I64Store { .. } => Class::Memory,
        I32Load8S { .. } | I32Load8U { .. } | I32Load16S { .. } | I32Load16U { .. } => Class::Memory,
        I64Load8S { .. } | I64Load8U { .. } | I64Load16S { .. } | I64Load16U { .. } => Class::Memory,
        I64Load32S { .. } | I64Load32U { .. } | I32Store8 { .. } | I32Store16 { .. } => Class::Memory,
        I64Store8 { .. } | I64Store16 { .. } | I64Store32 { .. } => Class::Memory,
        F32Load { .. } | F64Load { .. } | F32Store { .. } | F64Store { .. } => Class::Memory,
        BrTable { .. } => Class::BranchTable,
        Call { .. } | ReturnCall { .. } => Class::Call,
        CallIndirect { .. } | ReturnCallIndirect { .. } => Class::CallIndirect,
        I32DivS | I32DivU | I32RemS | I32RemU | I64DivS | I64DivU | I64RemS | I64RemU => Class::Divide,
        TableGet { .. } | TableSet { .. } => Class::Table,
        RefFunc { .. } | ElemDrop { .. } | DataDrop { .. } => Class::Runtime,
        F64Sqrt => Class::FloatSquareRoot,
        I32TruncF32S | I32TruncF64S | F64ConvertI32U => Class::FloatConvert,
        MemoryFill { .. } | MemoryCopy { .. } | MemoryInit { .. } => Class::Bulk,
        TableFill { .. } | TableCopy { .. } | TableInit { .. } => Class::Bulk,
        MemoryGrow { .. } | TableGrow { .. } => Class::Grow,
        _ => return None,
    })
}
