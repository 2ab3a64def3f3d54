//! Code that keeps work where it stands (`survey/motion.rs` says where).

use wasm_encoder::InstructionSink;
use wasmparser::ValType;

use super::survey::Pinned;

/// What the code needs.
pub(super) struct Places {
    /// A global that is 0 as long as guests run.
    pub(super) zero: u32,
    /// A global of the value's type that nobody reads.
    pub(super) kept: Option<u32>,
    /// A local of the value's type.
    pub(super) scratch: u32,
}

/// Writes what `what` asks for.
pub(super) fn write(sink: &mut InstructionSink<'_>, what: Pinned, ty: ValType, places: &Places) {
    match what {
        Pinned::Operand => bind(sink, ty, places.zero),
        Pinned::Under => {
            sink.local_set(places.scratch);
            bind(sink, ValType::I32, places.zero);
            sink.local_get(places.scratch);
        }
        Pinned::Local(local) => {
            bind(sink, ty, places.zero);
            sink.local_tee(local);
        }
        Pinned::KeptLocal(local) => {
            sink.local_get(local);
            keep(sink, places);
        }
        Pinned::Kept => {
            sink.local_tee(places.scratch).local_get(places.scratch);
            keep(sink, places);
        }
    }
}

/// Makes the topmost operand depend on `zero`, and changes none of its bits.
fn bind(sink: &mut InstructionSink<'_>, ty: ValType, zero: u32) {
    match ty {
        ValType::I32 => sink.global_get(zero).i32_xor(),
        ValType::I64 => sink.global_get(zero).i64_extend_i32_u().i64_xor(),
        ValType::F32 => sink.i32_reinterpret_f32().global_get(zero).i32_xor().f32_reinterpret_i32(),
        ValType::F64 => sink.i64_reinterpret_f64().global_get(zero).i64_extend_i32_u().i64_xor().f64_reinterpret_i64(),
        ValType::V128 => sink.global_get(zero).i32x4_splat().v128_xor(),
        ValType::Ref(_) => sink,
    };
}

fn keep(sink: &mut InstructionSink<'_>, places: &Places) {
    match places.kept {
        Some(global) => sink.global_set(global),
        None => sink.drop(),
    };
}
