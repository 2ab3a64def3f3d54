//! The CPU's float control state while guests run: round to nearest, ties to even, subnormals as they are, no exceptions.
//!
//! Canonical and native floats compute on the hardware as the calling thread has set it up; a host library that flushes
//! subnormals to zero would otherwise change results. WebAssembly asks for the state that every platform starts with.

use std::marker::PhantomData;

/// The state that a thread had. As long as this lives, the thread has the state that guests need.
///
/// [`WasmtimeEngine`](crate::WasmtimeEngine) sees to it by itself. It is there for who runs an engine that cannot, as one without `unsafe`.
///
/// ```
/// use subvm_wasmtime::{FloatState, restore_for_guests};
/// let _floats = FloatState::for_guests();
/// // After what may have changed it:
/// restore_for_guests();
/// ```
#[derive(Debug)]
pub struct FloatState {
    saved: cpu::Control,
    /// It belongs to its thread.
    _thread: PhantomData<*const ()>,
}

impl FloatState {
    /// Gives this thread the state that guests need.
    #[must_use]
    pub fn for_guests() -> Self {
        let saved = cpu::control();
        cpu::set_control(cpu::STANDARD);
        Self { saved, _thread: PhantomData }
    }
}

impl Drop for FloatState {
    fn drop(&mut self) {
        cpu::set_control(self.saved);
    }
}

/// Gives this thread the state that guests need, where a host function may have changed it. It takes a nanosecond or so where none has.
pub fn restore_for_guests() {
    // Reading is cheap; writing waits for all that computes.
    if cpu::control() != cpu::STANDARD {
        cpu::set_control(cpu::STANDARD);
    }
}

#[cfg(target_arch = "x86_64")]
mod cpu {
    use std::arch::asm;

    /// MXCSR without its flags of past exceptions.
    pub(super) type Control = u32;
    /// All exceptions masked (Intel SDM, volume 1, 10.2.3).
    pub(super) const STANDARD: Control = 0x1f80;
    const FLAGS: u32 = 0x3f;

    pub(super) fn control() -> Control {
        let mut mxcsr = 0_u32;
        // SAFETY: stores four bytes where it is told to.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack, preserves_flags)) };
        mxcsr & !FLAGS
    }

    pub(super) fn set_control(control: Control) {
        // SAFETY: loads a value that MXCSR had or that every processor knows. The compiler assumes the standard state, which this
        // gives, or gives back the one that this thread had before.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, readonly, preserves_flags)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod cpu {
    use std::arch::asm;

    /// FPCR.
    pub(super) type Control = u64;
    /// Its value at reset of a process (AAPCS64, 6.1.2.1).
    pub(super) const STANDARD: Control = 0;

    pub(super) fn control() -> Control {
        let fpcr: u64;
        // SAFETY: reads a register.
        unsafe { asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack, preserves_flags)) };
        fpcr
    }

    pub(super) fn set_control(control: Control) {
        // SAFETY: writes a value that FPCR had or that every processor knows. The compiler assumes the standard state, which this
        // gives, or gives back the one that this thread had before.
        unsafe { asm!("msr fpcr, {}", in(reg) control, options(nomem, nostack, preserves_flags)) };
    }
}

#[cfg(all(target_arch = "riscv64", target_feature = "d"))]
mod cpu {
    use std::arch::asm;

    /// The rounding mode of `fcsr`, which has no other control.
    pub(super) type Control = u64;
    /// To nearest, ties to even.
    pub(super) const STANDARD: Control = 0;

    pub(super) fn control() -> Control {
        let rounding: u64;
        // SAFETY: reads a register.
        unsafe { asm!("frrm {}", out(reg) rounding, options(nomem, nostack, preserves_flags)) };
        rounding
    }

    pub(super) fn set_control(control: Control) {
        // SAFETY: writes a rounding mode that this thread had, or that every processor knows.
        unsafe { asm!("fsrm {}", in(reg) control, options(nomem, nostack, preserves_flags)) };
    }
}

/// Elsewhere nobody is known to change it.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", all(target_arch = "riscv64", target_feature = "d"))))]
mod cpu {
    pub(super) type Control = ();
    pub(super) const STANDARD: Control = ();

    pub(super) fn control() -> Control {}

    pub(super) fn set_control((): Control) {}
}
