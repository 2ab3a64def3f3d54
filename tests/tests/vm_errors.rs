//! Each VM error text of `docs/spec/sub-vm.md`, brought about on wasmtime and on wasmi by the least that brings it about.

use std::collections::BTreeSet;
use std::sync::Arc;

use subvm_core::{FloatPolicy, Invalid, Outcome, Params, Parts, Resource, Role, Run, Trap, run};
use subvm_host_mock::MemoryHost;
use subvm_tests::engines::{on_both, wasmtime};
use subvm_tests::transaction::{CONTRACT, deployed, embedded, transaction};

/// What runs, and under which rules.
struct Case {
    code: Code,
    params: Params,
    role: Role,
}

enum Code {
    Bytes(Vec<u8>),
    Malformed(Invalid),
    Nothing,
}

/// A module whose entry does this, with a page of memory and the request at 1024.
fn wat(request: &str, body: &str) -> Case {
    let (quoted, length) = embedded(request);
    module(&format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (type $other (func (param i64)))
        (memory (export "memory") 1)
        (table 2 funcref)
        (elem (i32.const 0) $ask)
        (data (i32.const 1024) "{quoted}")
        (func $ask (drop (call $gl_call (i32.const 1024) (i32.const {length}) (i32.const 0))))
        (func $overflow (call $overflow))
        (func (export "_start") {body}))"#
    ))
}

fn body(body: &str) -> Case {
    wat("null", body)
}

fn module(text: &str) -> Case {
    bytes(wat::parse_str(text).unwrap())
}

fn throwing(body: &str) -> Case {
    module(&format!(r#"(module (tag $e) (func (export "_start") {body}))"#)).under(|params| params.exceptions = true)
}

fn bytes(bytes: Vec<u8>) -> Case {
    coded(Code::Bytes(bytes))
}

fn coded(code: Code) -> Case {
    Case { code, params: Params::default(), role: Role::Leader }
}

impl Case {
    fn under(mut self, change: impl FnOnce(&mut Params)) -> Self {
        change(&mut self.params);
        self
    }

    /// As a validator of a leader with these results.
    fn checks(self, results: &[&[u8]]) -> Self {
        Self { role: Role::Validator { results: results.iter().map(|result| result.to_vec()).collect() }, ..self }
    }

    fn outcome(self) -> Outcome {
        let host = || {
            let host = match &self.code {
                Code::Bytes(bytes) => deployed(Parts { start: bytes.as_slice().into(), ..Parts::default() }),
                Code::Nothing | Code::Malformed(_) => MemoryHost::new(),
            };
            if let Code::Malformed(invalid) = self.code {
                host.deploy_malformed(CONTRACT, invalid);
            }
            host
        };
        let run_of = Run { role: self.role, params: Arc::new(self.params), ..transaction() };
        // wasmi has no exceptions.
        if run_of.params.exceptions {
            return run(wasmtime(), host().node(), run_of).1.expect("no internal error").outcome;
        }
        on_both(wasmtime(), || host().node(), &run_of).expect("no internal error").outcome
    }
}

const BLOCK: &str = r#"{"RunNondetWith": {"data": b#, "strategy": "StrictEq"}}"#;

fn traps() -> Vec<(&'static str, Case)> {
    vec![
        ("wasm_trap unreachable", body("unreachable")),
        ("wasm_trap stack_overflow", body("(call $overflow)")),
        ("wasm_trap memory_out_of_bounds", body("(drop (i32.load8_u (i32.const 65536)))")),
        ("wasm_trap table_out_of_bounds", body("(drop (table.get (i32.const 2)))")),
        ("wasm_trap indirect_call_to_null", body("(call_indirect (i32.const 1))")),
        ("wasm_trap bad_signature", body("(call_indirect (type $other) (i64.const 0) (i32.const 0))")),
        ("wasm_trap integer_overflow", body("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))")),
        ("wasm_trap integer_divide_by_zero", body("(drop (i64.rem_u (i64.const 1) (i64.const 0)))")),
        ("wasm_trap bad_conversion_to_integer", body("(drop (i32.trunc_f32_s (f32.const nan)))")),
        ("wasm_trap heap_misaligned", body("(drop (call $time (i32.const 0) (i64.const 0) (i32.const 4)))")),
        (
            "wasm_trap nondet_instruction",
            body("(drop (f32.add (f32.const 1) (f32.const 1)))").under(|params| params.floats = FloatPolicy::Trap),
        ),
        ("wasm_trap uncaught_exception", throwing("(throw $e)")),
        ("wasm_trap null_reference", throwing("(throw_ref (ref.null exn))")),
    ]
}

fn limits() -> Vec<(&'static str, Case)> {
    /// RAM for the sub-VM and a page of memory, and little more: the table of two entries is 128 bytes, an instance some 4,600.
    const LITTLE: u64 = 2 * 65_536 + 128 + 4_700;
    let trace = r#"{"Trace": "RuntimeMicroSec"}"#;
    vec![
        ("out_of memory", wat(trace, "(call $ask)").under(|params| params.limits.ram = LITTLE)),
        (
            "out_of memory wasm_memory",
            module(r#"(module (memory 2) (func (export "_start")))"#).under(|params| params.limits.ram = LITTLE),
        ),
        (
            "out_of memory wasm_table",
            module(r#"(module (table 1100 funcref) (func (export "_start")))"#)
                .under(|params| params.limits.ram = LITTLE),
        ),
        ("out_of fds", wat(trace, "(call $ask)").under(|params| params.limits.open_fds = 4)),
        ("out_of vm_recursion", body("").under(|params| params.limits.stack_units = 4095)),
        ("out_of nondet_blocks", wat(BLOCK, "(call $ask)").under(|params| params.limits.nondet_blocks = 0)),
        ("out_of gas time", body("(loop (br 0))").under(|params| params.limits.gas_time = 1000)),
        (
            "out_of gas storage",
            body("(drop (call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1)))")
                .under(|params| params.limits.gas_storage = 0),
        ),
        ("out_of gas data", body("").under(|params| params.limits.gas_data = 1)),
    ]
}

fn others() -> Vec<(&'static str, Case)> {
    vec![
        ("exit_code -7", body("(call $exit (i32.const -7))")),
        ("absent_leader_nondet_output", wat(BLOCK, "(call $ask)").checks(&[])),
        // A block of the contract has no permission for one of its own, and returns null.
        ("validator_disagrees call 0", wat(BLOCK, "(call $ask)").checks(&[b"\x00\x08"])),
        ("invalid_contract wasm validating", bytes(b"\0asm, as it were".to_vec())),
        ("invalid_contract wasm linking", module(r#"(module (import "env" "f" (func)) (func (export "_start")))"#)),
        ("invalid_contract wasm entrypoint", module("(module)")),
        ("invalid_contract args", coded(Code::Malformed(Invalid::Args))),
        ("invalid_contract env", coded(Code::Malformed(Invalid::Env))),
        ("invalid_contract package", coded(Code::Nothing)),
        ("invalid_contract package", coded(Code::Malformed(Invalid::Package))),
        ("invalid_contract runner absent", coded(Code::Malformed(Invalid::RunnerAbsent))),
        ("invalid_contract runner malformed", coded(Code::Malformed(Invalid::RunnerMalformed))),
        ("invalid_contract not_utf8_text", coded(Code::Malformed(Invalid::NotUtf8Text))),
        ("invalid_contract major_mismatch", coded(Code::Malformed(Invalid::MajorMismatch))),
    ]
}

#[test]
fn every_text_comes_about() {
    let mut seen = BTreeSet::new();
    for (text, case) in traps().into_iter().chain(limits()).chain(others()) {
        assert_eq!(case.outcome(), Outcome::VmError(text.parse().unwrap()), "{text}");
        seen.insert(text);
    }
    let traps = Trap::ALL.iter().map(|trap| format!("wasm_trap {}", trap.text()));
    let resources = Resource::ALL.iter().map(|resource| format!("out_of {}", resource.text()));
    let invalid = Invalid::ALL.iter().map(|invalid| format!("invalid_contract {}", invalid.text()));
    let missing: Vec<String> =
        traps.chain(resources).chain(invalid).filter(|text| !seen.contains(text.as_str())).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}
