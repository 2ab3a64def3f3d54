//! Pieces of modules in the text format.

use subvm_core::Parts;
use subvm_core::calldata::Value;

/// A package of one module in the text format.
pub(super) fn parts(text: &str) -> Parts {
    Parts { start: module(text).into(), ..Parts::default() }
}

pub(super) fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text:.2000}"))
}

/// The encoding of a value in its text form, as a string of the text format, and its length.
pub(super) fn encoded(value: &str) -> (String, usize) {
    let bytes = value.parse::<Value>().expect("a value").encode().expect("within the limits");
    (escaped(&bytes), bytes.len())
}

/// A number as calldata has it: seven bits a byte.
pub(super) fn uleb(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        bytes.push(if number > 0 { low | 0x80 } else { low });
        if number == 0 {
            return bytes;
        }
    }
}

pub(super) fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

const SANDBOX: &str = r#"{"Sandbox": {"data": b#, "allow_write_storage": false, "allow_send_messages": false}}"#;

/// A contract whose main sub-VM does `main` in an endless loop, and whose sandboxes do `child`. `fields` are put into the module. `$spawn` runs
/// a sandbox; `$i` is a local of either.
pub(super) fn nested(fields: &str, locals: &str, main: &str, child: &str) -> String {
    nested_by(SANDBOX, fields, locals, main, child)
}

/// The same, with sub-VMs that this request starts.
pub(super) fn nested_by(request: &str, fields: &str, locals: &str, main: &str, child: &str) -> String {
    let (request, len) = encoded(request);
    format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (data (i32.const 1024) "{request}")
        {fields}
        (func $spawn
            (if (call $gl (i32.const 1024) (i32.const {len}) (i32.const 16)) (then unreachable))
            (drop (call $close (i32.load (i32.const 16)))))
        (func $child {locals} {child})
        (func (export "_start") (local $i i32)
            ;; Only the main sub-VM may write.
            (if (i32.eq (call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 6))
                (then (call $child) (return)))
            (loop $l {main} (br $l))))"#
    )
}

/// A module that does `body` in an endless loop, with locals of its own.
pub(super) fn endless(fields: &str, locals: &str, body: &str) -> String {
    format!("(module {fields} (func (export \"_start\") {locals} (loop $l {body} (br $l))))")
}
