//! How the engine tells lowering's own `unreachable` from the guest's.

use wasm_encoder::InstructionSink;

/// Why lowered code trapped. It stands in [`TRAP_GLOBAL`](super::TRAP_GLOBAL) when the engine sees an `unreachable`.
///
/// ```
/// use subvm_core::{Resource, Trap, VmError};
/// use subvm_lower::TrapKind;
/// /// What an engine makes of the first two.
/// fn error(kind: TrapKind) -> Option<VmError> {
///     match kind {
///         TrapKind::OutOfGas => Some(VmError::OutOf(Resource::GasTime)),
///         TrapKind::StackOverflow => Some(VmError::Trap(Trap::StackOverflow)),
///         _ => None,
///     }
/// }
/// assert_eq!(error(TrapKind::OutOfGas).unwrap().to_string(), "out_of gas time");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum TrapKind {
    /// `out_of gas time`.
    OutOfGas = 1,
    /// `wasm_trap stack_overflow`.
    StackOverflow = 2,
    /// `wasm_trap nondet_instruction`.
    NondetInstruction = 3,
    /// `wasm_trap integer_overflow`, from a conversion in integer arithmetic.
    IntegerOverflow = 4,
    /// `wasm_trap bad_conversion_to_integer`, from a conversion in integer arithmetic.
    BadConversionToInteger = 5,
}

impl TrapKind {
    /// What the value of [`TRAP_GLOBAL`](super::TRAP_GLOBAL) says after a trap: `None` when the trap is the guest's own.
    ///
    /// ```
    /// use subvm_lower::TrapKind;
    ///
    /// assert_eq!(TrapKind::from_marker(2), Some(TrapKind::StackOverflow));
    /// assert_eq!(TrapKind::from_marker(0), None);
    /// ```
    pub fn from_marker(marker: i32) -> Option<TrapKind> {
        [
            TrapKind::OutOfGas,
            TrapKind::StackOverflow,
            TrapKind::NondetInstruction,
            TrapKind::IntegerOverflow,
            TrapKind::BadConversionToInteger,
        ]
        .into_iter()
        .find(|kind| *kind as i32 == marker)
    }

    /// Writes the trap: the marker, then `unreachable`.
    pub(super) fn emit(self, sink: &mut InstructionSink<'_>, marker: u32) {
        sink.i32_const(self as i32).global_set(marker).unreachable();
    }
}
