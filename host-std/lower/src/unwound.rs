//! Exceptions: what a function does where one comes in that it catches.
//!
//! An exception leaves the frames between `throw` and its handler without a word, so that neither the stack units of those frames were
//! refunded nor the local that stands for the ticks is right. A function with a `try_table` keeps what the stack counter was behind its own
//! entry. Behind each label that a `try_table` names it reads the ticks anew, pays for the frames that were left, and puts the stack
//! counter back. Who comes there by another way has brought the ticks up to date before, left no frames, and pays nothing.
//!
//! ```text
//!     gas := gas - (units kept - units that are left) * price >> 3
//!     units that are left := units kept
//! ```

use subvm_core::costs::instructions::{Class, Schedule, UNWIND_UNITS_SHIFT};
use wasm_encoder::InstructionSink;

use super::counters::Globals;
use super::gas::Meter;
use super::watch::Watched;

/// What it costs to leave frames of so many stack units by an exception, in ticks.
///
/// ```
/// use subvm_core::costs::instructions::Schedule;
/// assert_eq!(subvm_lower::unwinding_ticks(&Schedule::V1, 1_000), 8_000);
/// ```
#[must_use]
pub fn unwinding_ticks(schedule: &Schedule, units: u32) -> u64 {
    (u64::from(units) * schedule.ticks(Class::Unwind)) >> UNWIND_UNITS_SHIFT
}

/// What a function with a `try_table` knows of its frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwound {
    /// The global that counts stack units.
    stack: u32,
    /// The local that keeps what it was when the frame had been charged.
    pub(super) kept: u32,
    /// The global that counts calls and values, and the local that keeps it, where it is counted.
    calls: Option<(u32, u32)>,
    /// Ticks for 8 units of frames that were left.
    price: u64,
    /// Who watches, and the function's index.
    watched: Option<(Watched, u32)>,
}

impl Unwound {
    /// The locals are `kept`, and the one behind it.
    pub(super) fn new(globals: &Globals, kept: u32, schedule: &Schedule, watched: Option<(Watched, u32)>) -> Self {
        let calls = globals.calls.map(|global| (global, kept + 1));
        Unwound { stack: globals.stack, kept, calls, price: schedule.ticks(Class::Unwind), watched }
    }

    /// Tells those who watch, where an exception may have come in, that what was called is left; the counter is right.
    pub(super) fn tell(&self, sink: &mut InstructionSink<'_>, meter: &Meter) {
        if let Some((watched, index)) = &self.watched {
            watched.caught(sink, *index, meter.counter, self.kept);
        }
    }

    /// Keeps the stack counter, where the frame has been charged.
    pub(super) fn keep(&self, sink: &mut InstructionSink<'_>) {
        sink.global_get(self.stack).local_set(self.kept);
        self.calls.iter().for_each(|(global, kept)| _ = sink.global_get(*global).local_set(*kept));
    }

    /// Pays for the frames that were left, and refunds them: the counters are right behind it, and so is the local of `meter`.
    pub(super) fn settle(&self, sink: &mut InstructionSink<'_>, meter: &Meter) {
        sink.global_get(meter.counter);
        sink.local_get(self.kept).global_get(self.stack).i32_sub().i64_extend_i32_u();
        sink.i64_const(self.price as i64).i64_mul().i64_const(UNWIND_UNITS_SHIFT.into()).i64_shr_u();
        sink.i64_sub().local_tee(meter.cache).global_set(meter.counter);
        sink.local_get(self.kept).global_set(self.stack);
        self.calls.iter().for_each(|(global, kept)| _ = sink.local_get(*kept).global_set(*global));
    }
}
