//! Contracts to order.

use std::fmt::Write as _;

use subvm_core::calldata::{Map, Value};

/// What a contract does, one after another.
pub(crate) enum Step {
    /// Reads 40 bytes of slot `[n; 32]` from byte 30, and writes them to slot `[to; 32]`.
    Copy { from: u8, to: u8 },
    /// Writes the balance of an address to slot `[to; 32]`.
    Balance { of: [u8; 20], to: u8 },
    /// Writes its own balance to slot `[to; 32]`.
    OwnBalance { to: u8 },
    /// Asks, and writes what it is answered to slot `[to; 32]`.
    Ask { request: Value, to: u8 },
    /// Asks where nothing is answered, or the run ends. The slot keeps the errno where it is not 0.
    Tell(Value),
    /// Does the rest in another way where it may not write storage: in a non-deterministic block.
    OrInBlock(Vec<Step>),
    /// Asks, reads the answer, and goes on.
    AskOnly(Value),
    /// Traps.
    Trap,
}

/// A request of one field.
pub(crate) fn request(name: &str, fields: impl Into<Value>) -> Value {
    Value::Map(Map::from([(name, fields.into())]))
}

/// The module.
pub(crate) fn contract(steps: &[Step]) -> Vec<u8> {
    let mut made = Made { code: String::new(), data: String::new(), end: 4096 };
    made.steps(steps);
    let Made { code, data, .. } = made;
    let slots: String = (0..32u8)
        .map(|slot| {
            format!("\n(data (i32.const {}) \"{}\")", 1024 + 32 * u32::from(slot), format!("\\{slot:02x}").repeat(32))
        })
        .collect();
    let text = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_read" (func $storage_read (param i32 i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $storage_write (param i32 i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "get_balance" (func $get_balance (param i32 i32) (result i32)))
        (import "genlayer_sdk" "get_self_balance" (func $get_self_balance (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 4) {slots} {data}
        ;; 0: a descriptor; 8: an iovec of 64 KiB at 131072; 16: how much was read
        (data (i32.const 8) "\00\00\02\00\00\00\01\00")
        (func $ok (param i32) (if (local.get 0) (then unreachable)))
        (func (export "_start") {code}))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

struct Made {
    code: String,
    data: String,
    end: usize,
}

fn slot(number: u8) -> u32 {
    1024 + 32 * u32::from(number)
}

impl Made {
    fn place(&mut self, bytes: &[u8]) -> (usize, usize) {
        let at = self.end;
        self.end += bytes.len().next_multiple_of(8);
        let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let _ = write!(self.data, "\n(data (i32.const {at}) \"{text}\")");
        (at, bytes.len())
    }

    fn ask(&mut self, request: &Value) {
        let (at, len) = self.place(&request.encode().expect("small"));
        let _ = write!(
            self.code,
            "(call $ok (call $gl_call (i32.const {at}) (i32.const {len}) (i32.const 0)))
             (call $ok (call $fd_read (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 16)))\n"
        );
    }

    fn keep(&mut self, to: u8, from: u32, len: &str) {
        let _ = writeln!(
            self.code,
            "(call $ok (call $storage_write (i32.const {}) (i32.const 0) (i32.const {from}) {len}))",
            slot(to)
        );
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Copy { from, to } => {
                    let _ = writeln!(
                        self.code,
                        "(call $ok (call $storage_read (i32.const {}) (i32.const 30) (i32.const 131072) (i32.const 40)))",
                        slot(*from)
                    );
                    self.keep(*to, 131_072, "(i32.const 40)");
                }
                Step::Balance { of, to } => {
                    let (at, _) = self.place(of);
                    let _ = writeln!(self.code, "(call $ok (call $get_balance (i32.const {at}) (i32.const 131072)))");
                    self.keep(*to, 131_072, "(i32.const 32)");
                }
                Step::OwnBalance { to } => {
                    let _ = writeln!(self.code, "(call $ok (call $get_self_balance (i32.const 131072)))");
                    self.keep(*to, 131_072, "(i32.const 32)");
                }
                Step::Ask { request, to } => {
                    self.ask(request);
                    self.keep(*to, 131_072, "(i32.load (i32.const 16))");
                }
                Step::AskOnly(request) => self.ask(request),
                Step::Tell(request) => {
                    let (at, len) = self.place(&request.encode().expect("small"));
                    let _ = writeln!(
                        self.code,
                        "(call $ok (call $gl_call (i32.const {at}) (i32.const {len}) (i32.const 0)))"
                    );
                }
                Step::OrInBlock(steps) => {
                    let _ = write!(
                        self.code,
                        "(if (call $storage_write (i32.const {}) (i32.const 0) (i32.const 0) (i32.const 0)) (then ",
                        slot(31)
                    );
                    self.steps(steps);
                    self.code.push_str("))\n");
                }
                Step::Trap => self.code.push_str("unreachable\n"),
            }
        }
    }
}
