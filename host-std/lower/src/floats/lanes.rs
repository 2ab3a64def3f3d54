//! Operators that are carried out without the float library, or lane by lane with it.

use alloc::vec;

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};
use wasmparser::Operator;

use super::{FloatOp, Form, operators::PickOrder};
use crate::appended::Signature;

const SIGN_32: u32 = 1 << 31;
const SIGN_64: u64 = 1 << 63;
const SIGNS_32: i128 = (SIGN_32 as u128 * 0x1_00000001_00000001_00000001) as i128;
const SIGNS_64: i128 = (SIGN_64 as u128 * 0x1_00000000_00000001) as i128;

/// Writes `abs` or `neg`: the sign is cleared or flipped.
pub(crate) fn bits(sink: &mut InstructionSink<'_>, operator: &Operator<'_>) {
    match operator {
        Operator::F32Abs => {
            sink.i32_reinterpret_f32().i32_const(!SIGN_32 as i32).i32_and().f32_reinterpret_i32();
        }
        Operator::F32Neg => {
            sink.i32_reinterpret_f32().i32_const(SIGN_32 as i32).i32_xor().f32_reinterpret_i32();
        }
        Operator::F64Abs => {
            sink.i64_reinterpret_f64().i64_const(!SIGN_64 as i64).i64_and().f64_reinterpret_i64();
        }
        Operator::F64Neg => {
            sink.i64_reinterpret_f64().i64_const(SIGN_64 as i64).i64_xor().f64_reinterpret_i64();
        }
        Operator::F32x4Abs => _ = sink.v128_const(!SIGNS_32).v128_and(),
        Operator::F32x4Neg => _ = sink.v128_const(SIGNS_32).v128_xor(),
        Operator::F64x2Abs => _ = sink.v128_const(!SIGNS_64).v128_and(),
        Operator::F64x2Neg => _ = sink.v128_const(SIGNS_64).v128_xor(),
        other => unreachable!("{other:?} has another form"),
    }
}

/// The helper for `copysign`: the magnitude of the first operand under the sign of the second.
pub(crate) fn copysign(operator: &FloatOp) -> (Signature, Function) {
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    let ty = if operator.name == "f32.copysign" {
        sink.local_get(0).i32_reinterpret_f32().i32_const(!SIGN_32 as i32).i32_and();
        sink.local_get(1).i32_reinterpret_f32().i32_const(SIGN_32 as i32).i32_and();
        sink.i32_or().f32_reinterpret_i32();
        ValType::F32
    } else {
        sink.local_get(0).i64_reinterpret_f64().i64_const(!SIGN_64 as i64).i64_and();
        sink.local_get(1).i64_reinterpret_f64().i64_const(SIGN_64 as i64).i64_and();
        sink.i64_or().f64_reinterpret_i64();
        ValType::F64
    };
    sink.end();
    ((vec![ty, ty], vec![ty]), function)
}

/// The helper for a vector operator: `scalar` for each lane. Lanes of the result without one are zero.
pub(crate) fn wrapper(operator: &FloatOp, scalar: u32) -> (Signature, Function) {
    let binary = matches!(operator.form, Form::Mask(_) | Form::Pick(..)) || is_binary(operator.name);
    let operands = if binary { 2 } else { 1 };
    let result = operands; // the local in which the result grows
    let mut function = Function::new([(1, ValType::V128)]);
    let mut sink = function.instructions();
    let shape = operator.name.split('.').next().unwrap_or_default();
    let source = source_shape(operator);
    for lane in 0..operator.lanes() {
        sink.local_get(result);
        match operator.form {
            Form::Mask(_) => mask(&mut sink, scalar, shape, lane),
            Form::Pick(_, order) => pick(&mut sink, scalar, shape, lane, order),
            _ => {
                for operand in 0..operands {
                    sink.local_get(operand);
                    extract(&mut sink, source, lane);
                }
                sink.call(scalar);
                replace(&mut sink, shape, lane);
            }
        }
        sink.local_set(result);
    }
    sink.local_get(result).end();
    ((vec![ValType::V128; operands as usize], vec![ValType::V128]), function)
}

fn is_binary(name: &str) -> bool {
    [".add", ".sub", ".mul", ".div", ".min", ".max"].iter().any(|operation| name.ends_with(operation))
}

/// How the operands of `operator` are read: as its name says last.
fn source_shape(operator: &FloatOp) -> &'static str {
    let (shape, operation) = operator.name.split_once('.').unwrap_or_default();
    ["f64x2", "f32x4", "i32x4"].into_iter().find(|source| operation.contains(source)).unwrap_or(match shape {
        "f64x2" => "f64x2",
        _ => "f32x4",
    })
}

/// A lane of ones where the comparison holds, else of zeros: what 0 minus the comparison's 0 or 1 is.
fn mask(sink: &mut InstructionSink<'_>, compare: u32, shape: &str, lane: u8) {
    let wide = shape == "f64x2";
    if wide {
        sink.i64_const(0)
    } else {
        sink.i32_const(0)
    };
    operand_lanes(sink, shape, lane, [0, 1]);
    sink.call(compare);
    if wide {
        sink.i64_extend_i32_u().i64_sub().i64x2_replace_lane(lane);
    } else {
        sink.i32_sub().i32x4_replace_lane(lane);
    }
}

/// The second operand's lane where the comparison holds, else the first's.
fn pick(sink: &mut InstructionSink<'_>, less: u32, shape: &str, lane: u8, order: PickOrder) {
    operand_lanes(
        sink,
        shape,
        lane,
        match order {
            PickOrder::SecondFirst => [1, 0],
            PickOrder::FirstSecond => [0, 1],
        },
    );
    let ty = if shape == "f64x2" { ValType::F64 } else { ValType::F32 };
    sink.call(less).if_(BlockType::Result(ty));
    sink.local_get(1);
    extract(sink, shape, lane);
    sink.else_().local_get(0);
    extract(sink, shape, lane);
    sink.end();
    replace(sink, shape, lane);
}

fn operand_lanes(sink: &mut InstructionSink<'_>, shape: &str, lane: u8, operands: [u32; 2]) {
    for operand in operands {
        sink.local_get(operand);
        extract(sink, shape, lane);
    }
}

fn extract(sink: &mut InstructionSink<'_>, shape: &str, lane: u8) {
    match shape {
        "f64x2" => sink.f64x2_extract_lane(lane),
        "f32x4" => sink.f32x4_extract_lane(lane),
        _ => sink.i32x4_extract_lane(lane),
    };
}

fn replace(sink: &mut InstructionSink<'_>, shape: &str, lane: u8) {
    match shape {
        "f64x2" => sink.f64x2_replace_lane(lane),
        "f32x4" => sink.f32x4_replace_lane(lane),
        _ => sink.i32x4_replace_lane(lane),
    };
}
