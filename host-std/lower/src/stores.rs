//! Stores that are whole or not at all.
//!
//! A store that straddles the end of a memory traps. On some processors (ARM, RISC-V) the bytes inside may have been
//! written first (bytecodealliance/wasmtime#7237), and memory is hashed after a trap. Where
//! [`Options::probe_stores`](super::Options::probe_stores) says so, a store wider than a byte therefore follows a load
//! of the same width from the same place, whose result is dropped: it traps where the store would, as the store would,
//! and writes nothing. A compiler may not remove a load that can trap, unless an access to the same place came before
//! it, which then has trapped or shown that the place is there; memories do not shrink.

use wasm_encoder::{InstructionSink, MemArg, ValType};
use wasmparser::Operator;

use super::scratch::{Scratch, Use};

/// What a probe adds to a function at most, in bytes: six instructions with indices of locals of at most three bytes
/// each, and the load's opcode and immediates.
pub(super) const PROBE_BYTES: usize = 40;

/// A store of more than one byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct WideStore {
    /// The type of its operand.
    value: ValType,
    width: Width,
    place: MemArg,
}

#[derive(Clone, Copy, Debug)]
enum Width {
    Two,
    Four,
    Eight,
    Sixteen,
}

impl WideStore {
    /// The wide store that `operator` is, if it is one.
    pub(super) fn of(operator: &Operator<'_>) -> Option<WideStore> {
        let (value, width, memarg) = match operator {
            Operator::I32Store16 { memarg } => (ValType::I32, Width::Two, memarg),
            Operator::I64Store16 { memarg } => (ValType::I64, Width::Two, memarg),
            Operator::V128Store16Lane { memarg, .. } => (ValType::V128, Width::Two, memarg),
            Operator::I32Store { memarg } => (ValType::I32, Width::Four, memarg),
            Operator::F32Store { memarg } => (ValType::F32, Width::Four, memarg),
            Operator::I64Store32 { memarg } => (ValType::I64, Width::Four, memarg),
            Operator::V128Store32Lane { memarg, .. } => (ValType::V128, Width::Four, memarg),
            Operator::I64Store { memarg } => (ValType::I64, Width::Eight, memarg),
            Operator::F64Store { memarg } => (ValType::F64, Width::Eight, memarg),
            Operator::V128Store64Lane { memarg, .. } => (ValType::V128, Width::Eight, memarg),
            Operator::V128Store { memarg } => (ValType::V128, Width::Sixteen, memarg),
            _ => return None,
        };
        let place = MemArg { offset: memarg.offset, align: memarg.align.into(), memory_index: memarg.memory };
        Some(WideStore { value, width, place })
    }

    /// The store to a memory that has another index.
    pub(super) fn moved(mut self, memory: impl Fn(u32) -> u32) -> WideStore {
        self.place.memory_index = memory(self.place.memory_index);
        self
    }

    /// The locals that its probe needs: for the address, and for the value.
    pub(super) fn locals(self, scratch: &mut Scratch) -> [u32; 2] {
        [scratch.local(Use::Address), scratch.local(Use::Value(self.value))]
    }

    /// Writes the probe; it leaves the store's operands as they were.
    pub(super) fn probe(self, sink: &mut InstructionSink<'_>, [address, value]: [u32; 2]) {
        sink.local_set(value).local_tee(address);
        match self.width {
            Width::Two => sink.i32_load16_u(self.place),
            Width::Four => sink.i32_load(self.place),
            Width::Eight => sink.i64_load(self.place),
            Width::Sixteen => sink.v128_load(self.place),
        };
        sink.drop().local_get(address).local_get(value);
    }
}

/// What [`IntegerStore::own_value`] adds, in bytes.
pub(super) const OWN_VALUE_BYTES: usize = 3;

/// A store of an integer: its value may be the local that its address is, be it extended to 64 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct IntegerStore {
    pub(super) memory: u32,
    /// Whether it takes an `i64`.
    long: bool,
}

impl IntegerStore {
    /// The store that `operator` is, if it is one.
    pub(super) fn of(operator: &Operator<'_>) -> Option<IntegerStore> {
        use Operator::{I32Store, I32Store8, I32Store16, I64Store, I64Store8, I64Store16, I64Store32};
        let (memarg, long) = match operator {
            I32Store { memarg } | I32Store8 { memarg } | I32Store16 { memarg } => (memarg, false),
            I64Store { memarg } | I64Store8 { memarg } | I64Store16 { memarg } | I64Store32 { memarg } => {
                (memarg, true)
            }
            _ => return None,
        };
        Some(IntegerStore { memory: memarg.memory, long })
    }

    /// Computes the value anew: it is no local's any more.
    pub(super) fn own_value(self, sink: &mut InstructionSink<'_>) {
        match self.long {
            false => sink.i32_const(-1).i32_and(),
            true => sink.i64_const(-1).i64_and(),
        };
    }
}
