//! Hardware floats compute the same whatever the calling thread, or a host function, has set the CPU up for.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

use std::sync::Arc;

use subvm_core::host::{Code, EthAnswer, Host, HostError, Node, State, Stream};
use subvm_core::wasi::Refused;
use subvm_core::{
    Address, Engine, Entry, FloatPolicy, Message, Mode, Outcome, Params, Parts, Report, Role, Run, SlotId, VmError, run,
};
use subvm_host_mock::MemoryHost;
use subvm_tests::engines::{tiered, wasmtime};

use cpu::{HOSTILE, control, set_control};

#[cfg(target_arch = "x86_64")]
mod cpu {
    use std::arch::asm;

    /// MXCSR: flush to zero, subnormals are zeros, round toward zero, all exceptions masked.
    pub(super) const HOSTILE: u32 = 1 << 15 | 1 << 6 | 0b11 << 13 | 0x1f80;
    /// Flags of past exceptions, which computing sets.
    const FLAGS: u32 = 0x3f;

    pub(super) fn control() -> u32 {
        let mut mxcsr = 0_u32;
        // SAFETY: stores four bytes where it is told to.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack)) };
        mxcsr & !FLAGS
    }

    pub(super) fn set_control(mxcsr: u32) {
        // SAFETY: a valid value; what computes with it computes floats the test does not look at.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const mxcsr, options(nostack, readonly)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod cpu {
    use std::arch::asm;

    /// FPCR: flush to zero, round toward zero.
    pub(super) const HOSTILE: u64 = 1 << 24 | 0b11 << 22;

    pub(super) fn control() -> u64 {
        let fpcr: u64;
        // SAFETY: reads a register.
        unsafe { asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack)) };
        fpcr
    }

    pub(super) fn set_control(fpcr: u64) {
        // SAFETY: a valid value; what computes with it computes floats the test does not look at.
        unsafe { asm!("msr fpcr, {}", in(reg) fpcr, options(nomem, nostack)) };
    }
}

/// Computes, prints, computes again, and traps: the fingerprint holds what came out. The bits of 1/3, of two subnormals' quotient, of the
/// smallest normal number's half, and of 2/3 as vectors.
const CONTRACT: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\00\00\00\00\01\00\00\00")
    (data (i32.const 64) "\00\00\00\00\00\00\f0\3f\00\00\00\00\00\00\08\40")
    (data (i32.const 80) "\05\00\00\00\00\00\00\00\03\00\00\00\00\00\00\00")
    (data (i32.const 96) "\00\00\00\00\00\00\10\00\00\00\00\00\00\00\e0\3f")
    (func $compute (param $to i32)
        (f64.store (local.get $to) (f64.div (f64.load (i32.const 64)) (f64.load (i32.const 72))))
        (f64.store offset=8 (local.get $to) (f64.div (f64.load (i32.const 80)) (f64.load (i32.const 88))))
        (f64.store offset=16 (local.get $to) (f64.mul (f64.load (i32.const 96)) (f64.load (i32.const 104))))
        (f32.store offset=24 (local.get $to) (f32.demote_f64 (f64.div (f64.load (i32.const 64)) (f64.load (i32.const 72)))))
        (v128.store offset=32 (local.get $to) (f64x2.div (v128.load (i32.const 64)) (v128.load (i32.const 72)))))
    (func (export "_start")
        (call $compute (i32.const 1024))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
        (call $compute (i32.const 2048))
        unreachable))"#;

/// Sets the CPU up for speed whenever a guest prints.
#[derive(Debug)]
struct Flushing;

impl Host for Flushing {
    fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
        Ok([0; 32])
    }

    fn code(&mut self, _: State, _: &Address) -> Result<Code, HostError> {
        let parts = Parts { start: wat::parse_str(CONTRACT).unwrap().into(), ..Parts::default() };
        Ok(Code::Package(Arc::new(parts.check(&Refused::default()).unwrap())))
    }

    fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
        Err("there is no layer below".into())
    }

    fn output(&mut self, _: Stream, _: &[u8]) {
        set_control(HOSTILE);
    }
}

fn compute(engine: Arc<dyn Engine>, floats: FloatPolicy, mode: Mode) -> Report {
    let node = Node { host: Box::new(Flushing), ..MemoryHost::new().node() };
    let params = Arc::new(Params { floats, ..Params::default() });
    let (message, entry) = (Message::default(), Entry::Program { mode, stdin: None });
    let of = Run { message, entry, role: Role::Leader, params, state: State::Accepted, deadline: None, cancel: None };
    let (_, report) = run(engine, node, of);
    let report = report.unwrap();
    assert!(matches!(report.outcome, Outcome::VmError(VmError::Trap(_))), "{:?}", report.diagnostics);
    report
}

#[test]
fn the_callers_float_state_reaches_no_guest_and_comes_back() {
    let soft = compute(wasmtime(), FloatPolicy::Soft, Mode::Deterministic).fingerprint;
    assert_ne!(soft.as_ref().unwrap().module_instances["main"], Vec::<[u8; 32]>::new());
    let standard = control();
    for (floats, mode) in
        [(FloatPolicy::Canonical, Mode::Deterministic), (FloatPolicy::Canonical, Mode::NonDeterministic)]
    {
        for before in [standard, HOSTILE] {
            // The second one is new, so that it interprets.
            for (name, engine) in [("wasmtime", wasmtime()), ("wasmi", tiered() as Arc<dyn Engine>)] {
                set_control(before);
                let report = compute(engine, floats, mode);
                let after = control();
                set_control(standard);
                assert_eq!(after, before, "the caller's own state comes back from {name}");
                assert_eq!(report.fingerprint, soft, "{mode:?} on {name} with {before:x}");
            }
        }
    }
}
