//! The stack bound: one counter per sub-VM, charged at function entry and refunded at each exit.
//!
//! What a frame costs depends on the function as the guest supplied it, so that the counter runs out at the same call on
//! every machine. The native stack behind it is large enough that it never overflows first: [`BYTES_PER_UNIT`].
//!
//! Native stack is touched as deep as the counter has been, and the frames of a trap are walked: each unit is paid for where
//! it is taken for the first time in a sub-VM. A mark says how deep has been paid for. It is never negative, so that one
//! comparison finds both that it is passed and that the units have run out.
//!
//! ```text
//!     units := units - frame
//!     if units < mark
//!       if units < 0: trap, stack overflow
//!       gas := gas - (mark - units) * price
//!       mark := units
//! ```
//!
//! GenVM's lines bound calls and values besides ([`Options::calls`](super::Options::calls)). Both are counted by one number, calls in its high
//! half and values in its low half, so that one subtraction charges both and one comparison finds that either has run out.

use subvm_core::costs::instructions::{Class, DEPTH_INCLUDED, Schedule};
use wasm_encoder::{BlockType, InstructionSink};

use super::counters::Globals;
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

/// Where the mark begins in a sub-VM that has so many units, for [`MARK_GLOBAL`](crate::MARK_GLOBAL): what is above costs no more than calls
/// do.
///
/// ```
/// assert_eq!([subvm_lower::stack_mark(8_388_608), subvm_lower::stack_mark(4_000)], [8_355_840, 0]);
/// ```
#[must_use]
pub fn stack_mark(units: i32) -> i32 {
    units.saturating_sub_unsigned(DEPTH_INCLUDED).max(0)
}

/// Calls of a sub-VM that may be active under [`Options::calls`](super::Options::calls), and values on their stacks.
const MOST: [i64; 2] = [1_024, 65_535];

/// Both in one number, as a sub-VM begins.
pub(super) const CALLS: i64 = MOST[0] << 32 | MOST[1];

/// The bits of it that are set where either has run out. What a frame takes is less than half of either range.
const RUN_OUT: i64 = i64::MIN | 1 << 31;

/// What it takes more, in bytes, where a leaf function takes calls and values and gives them back: at most.
pub(super) const CALLS_BYTES: usize = 40;

/// What a frame takes of calls and values.
#[derive(Clone, Copy)]
pub(super) struct Calls {
    /// Where it is counted.
    pub(super) global: u32,
    /// A call, and its values.
    pub(super) taken: i64,
}

impl Calls {
    /// What a function with so many values takes: declared locals and the highest operand stack.
    pub(super) fn new(global: u32, values: u32) -> Self {
        Calls { global, taken: 1 << 32 | i64::from(values) }
    }

    /// Puts what would be left on the stack.
    fn left(self, sink: &mut InstructionSink<'_>) {
        sink.global_get(self.global).i64_const(self.taken).i64_sub();
    }

    /// Takes it, or only looks whether it is there where `is_compared`; traps where it is not.
    fn take(self, sink: &mut InstructionSink<'_>, is_compared: bool, trap: u32) {
        self.left(sink);
        if !is_compared {
            sink.global_set(self.global).global_get(self.global);
        }
        sink.i64_const(RUN_OUT).i64_and().i64_const(0).i64_ne().if_(BlockType::Empty);
        TrapKind::StackOverflow.emit(sink, trap);
        sink.end();
    }

    /// Gives it back.
    fn give(self, sink: &mut InstructionSink<'_>) {
        sink.global_get(self.global).i64_const(self.taken).i64_add().global_set(self.global);
    }
}

/// A function's frame: how the function begins, and what it does where it is left.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) globals: Globals,
    /// What its frame costs.
    pub(super) units: u32,
    /// The local that keeps what was left before it was charged; none in a function that calls nothing. To write that back
    /// takes no look at the counter, which would wait for what the function called last has written.
    /// Where there is none, the frame is not charged, unless it notes itself, and pays for no depth.
    pub(super) before: Option<u32>,
    /// Ticks for a unit that is taken for the first time.
    pub(super) price: u64,
    /// What it takes of calls and values, where they are counted.
    pub(super) calls: Option<Calls>,
}

impl Frame {
    pub(super) fn new(globals: Globals, units: u32, before: Option<u32>, schedule: &Schedule, values: u32) -> Frame {
        let calls = globals.calls.map(|global| Calls::new(global, values));
        Frame { globals, units, before, price: schedule.ticks(Class::Depth), calls }
    }

    /// Charges it or, in a leaf function that notes nothing, only compares: traps when fewer units remain. What is paid for depth is
    /// not compared with the ticks that are left; a function that calls something does that next.
    pub(super) fn enter(self, sink: &mut InstructionSink<'_>, page: Option<Page>) {
        let Frame { globals: Globals { gas, stack, mark, trap, .. }, units, before, price, calls } = self;
        let overflow = |sink: &mut InstructionSink<'_>| {
            sink.if_(BlockType::Empty);
            page.iter().for_each(|page| page.overflow(sink));
            TrapKind::StackOverflow.emit(sink, trap);
            sink.end();
        };
        if self.is_compared(page) {
            sink.global_get(stack).i32_const(units as i32).i32_lt_s();
            overflow(sink);
            calls.iter().for_each(|calls| calls.take(sink, true, trap));
            return;
        }
        sink.global_get(stack);
        before.iter().for_each(|before| _ = sink.local_tee(*before));
        sink.i32_const(units as i32).i32_sub().global_set(stack);
        if before.is_none() {
            sink.global_get(stack).i32_const(0).i32_lt_s();
            overflow(sink);
        } else {
            sink.global_get(stack).global_get(mark).i32_lt_s().if_(BlockType::Empty);
            sink.global_get(stack).i32_const(0).i32_lt_s();
            overflow(sink);
            sink.global_get(gas).global_get(mark).global_get(stack).i32_sub().i64_extend_i32_u();
            sink.i64_const(price as i64).i64_mul().i64_sub().global_set(gas);
            sink.global_get(stack).global_set(mark).end();
        }
        page.iter().for_each(|page| page.enter(sink, stack));
        calls.iter().for_each(|calls| calls.take(sink, false, trap));
    }

    /// Whether it is only compared: a leaf function's that notes itself on no `page`.
    fn is_compared(&self, page: Option<Page>) -> bool {
        self.before.is_none() && page.is_none()
    }

    /// Refunds it at an exit of its function, where it was charged.
    pub(super) fn leave(self, sink: &mut InstructionSink<'_>, page: Option<Page>) {
        let Frame { globals: Globals { stack, .. }, units, before, calls, .. } = self;
        if !self.is_compared(page) {
            calls.iter().for_each(|calls| calls.give(sink));
        }
        match before {
            Some(before) => _ = sink.local_get(before).global_set(stack),
            None if self.is_compared(page) => {}
            None => _ = sink.global_get(stack).i32_const(units as i32).i32_add().global_set(stack),
        }
    }
}
