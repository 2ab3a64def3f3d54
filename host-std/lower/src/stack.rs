//! The stack bound: one counter per sub-VM, charged at function entry and refunded at each exit.
//!
//! What a frame costs depends on the function as the guest supplied it, so that the counter runs out at the same call on
//! every machine. The native stack behind it is large enough that it never overflows first: [`BYTES_PER_UNIT`].

use wasm_encoder::{BlockType, InstructionSink};

use super::frames::Page;
use super::traps::TrapKind;

/// The units that all sub-VMs of a mode have in a run together; a child starts with its parent's remainder.
pub const STACK_UNITS: i32 = subvm_core::costs::STACK_UNITS as i32;

/// Native stack to reserve for each unit, in bytes. No frame of compiled code takes more per unit.
pub const BYTES_PER_UNIT: usize = 128;

/// Native stack to reserve once for each sub-VM beyond its units, in bytes: what runs uncharged at the end of the stack
/// (one leaf function, one helper of lowering, one host call).
pub const RESERVED_BYTES: usize = 1 << 20;

/// What a frame costs whatever its function does.
const FRAME_UNITS: u32 = 8;

/// How many operators add one unit: they bound what a compiler may spill.
const OPERATORS_PER_UNIT: u32 = 8;

/// How many values add one unit that an operator gives beside its first: each may be spilled to a place of its own.
const FURTHER_VALUES_PER_UNIT: u32 = 4;

/// The cost of a frame with `slots` (parameters, locals and highest operand stack; a vector counts 2) of a function of
/// `operators` instructions, `end` and unreachable ones included, which give `further` values beside the first of each.
pub(super) fn frame_units(slots: u32, operators: u32, further: u32) -> u32 {
    FRAME_UNITS + slots + operators / OPERATORS_PER_UNIT + further / FURTHER_VALUES_PER_UNIT
}

/// Charges a frame or, in a leaf function that notes nothing, only compares: traps when fewer than `units` remain.
pub(super) fn enter(
    sink: &mut InstructionSink<'_>,
    stack: u32,
    marker: u32,
    units: u32,
    leaf: bool,
    page: Option<Page>,
) {
    if leaf && page.is_none() {
        sink.global_get(stack).i32_const(units as i32).i32_lt_s();
    } else {
        sink.global_get(stack).i32_const(units as i32).i32_sub().global_set(stack);
        sink.global_get(stack).i32_const(0).i32_lt_s();
    }
    sink.if_(BlockType::Empty);
    if let Some(page) = page {
        page.overflow(sink);
    }
    TrapKind::StackOverflow.emit(sink, marker);
    sink.end();
    if let Some(page) = page {
        page.enter(sink, stack);
    }
}

/// Refunds a frame at an exit of its function.
pub(super) fn leave(sink: &mut InstructionSink<'_>, stack: u32, units: u32) {
    sink.global_get(stack).i32_const(units as i32).i32_add().global_set(stack);
}
