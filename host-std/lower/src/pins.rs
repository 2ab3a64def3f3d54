//! Barriers: code that keeps work where it stands (`survey/motion.rs` says where).
//!
//! ```text
//!     i64 ticks that remain; i64.const -2^31; i64.eq
//!     if                     ;; never: a run that has used up so many more has ended long before
//!       each value = 0
//!     end
//! ```
//!
//! Behind it each value is one that two ways bring, and no compiler knows that one of them is never taken. So it is
//! computed before, once, and nothing that is computed from it can be done before.

use alloc::vec::Vec;
use wasm_encoder::{AbstractHeapType, BlockType, HeapType, InstructionSink};
use wasmparser::{RefType, ValType};

use super::appended::encoded;
use super::scratch::{Scratch, Use};
use super::survey::Passed;

/// What no counter of ticks is where guests run: it is compared with 0 before 1,024 ticks run uncompared. It may be beyond
/// the largest number by what a label owes, and so among the least ones: that is why it is not asked for less.
const NEVER: i64 = -(1 << 31);

/// Passes each of `passed` through a barrier: operands from the topmost down, and locals. `ticks` is the local that stands
/// for the counter.
pub(super) fn write(sink: &mut InstructionSink<'_>, passed: &[Passed], ticks: u32, scratch: &mut Scratch) {
    let mut operands = 0;
    let places: Vec<(u32, bool)> = passed
        .iter()
        .map(|one| match one.local {
            Some(local) => (local, false),
            None => {
                operands += 1;
                (scratch.local(Use::Passed(operands, encoded(one.ty))), true)
            }
        })
        .collect();
    for (place, _) in places.iter().filter(|(_, is_operand)| *is_operand) {
        sink.local_set(*place);
    }
    sink.local_get(ticks).i64_const(NEVER).i64_eq().if_(BlockType::Empty);
    for (one, (place, _)) in passed.iter().zip(&places) {
        zero(sink, one.ty);
        sink.local_set(*place);
    }
    sink.end();
    for (place, _) in places.iter().rev().filter(|(_, is_operand)| *is_operand) {
        sink.local_get(*place);
    }
}

fn zero(sink: &mut InstructionSink<'_>, ty: ValType) {
    match ty {
        ValType::I32 => sink.i32_const(0),
        ValType::I64 => sink.i64_const(0),
        ValType::F32 => sink.f32_const(0.0.into()),
        ValType::F64 => sink.f64_const(0.0.into()),
        ValType::V128 => sink.v128_const(0),
        ValType::Ref(reference) if reference.is_func_ref() => sink.ref_null(HeapType::FUNC),
        ValType::Ref(reference) if reference.as_non_null() == RefType::EXN => {
            sink.ref_null(HeapType::Abstract { shared: false, ty: AbstractHeapType::Exn })
        }
        ValType::Ref(_) => sink.ref_null(HeapType::EXTERN),
    };
}
