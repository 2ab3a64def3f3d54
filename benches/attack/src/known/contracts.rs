//! Requests that start sub-VMs, or are kept for the receipt: what is copied, encoded, compared and held for them.

use subvm_core::Role;

use super::{Case, text};

/// Calls the contract itself, which is another one to the run: it may only read.
const CALL: &str =
    r#"{"CallContract": {"address": addr#0101010101010101010101010101010101010101, "calldata": null, "state": 0}}"#;

/// Values of a large request.
const MANY: u32 = 1 << 20;

/// A request with `count` bytes, each `byte`, where its text form has `@`: what comes before them, what behind, and how long it is. The container
/// or string around them is `kind` of calldata.
fn filled(before: &[u8], kind: u64, byte: u8, count: u32, behind: &[u8]) -> (String, u32) {
    let head = [before, &text::uleb(u64::from(count) << 3 | kind)].concat();
    let (start, end) = (1024 + head.len(), 1024 + head.len() as u32 + count);
    let fields = format!(
        r#"(data (i32.const 1024) "{}") (data $behind "{}")
        (func $fill (memory.fill (i32.const {start}) (i32.const {byte}) (i32.const {count}))
            (memory.init $behind (i32.const {end}) (i32.const 0) (i32.const {})))"#,
        text::escaped(&head),
        text::escaped(behind),
        behind.len()
    );
    (fields, end - 1024 + behind.len() as u32)
}

/// A contract that makes a large request again and again, and does nothing where it is started by that.
fn repeated((fields, len): (String, u32)) -> String {
    format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (memory 80) {fields}
        (func (export "_start")
            (if (call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (then (return)))
            (call $fill)
            (loop $l
                (if (call $gl (i32.const 1024) (i32.const {len}) (i32.const 16)) (then unreachable))
                (drop (call $close (i32.load (i32.const 16)))) (br $l))))"#
    )
}

/// A contract whose block returns an array of so many empty arrays and a number, which is close to the leader's.
fn checked(count: u32) -> String {
    let (block, block_len) =
        text::encoded(r#"{"RunNondetWith": {"data": b#, "strategy": {"Numeric": {"abs": 1, "rel_ppm": 0}}}}"#);
    // Its last item is 5.
    let head = [b"\x0e\x06Return".to_vec(), text::uleb(u64::from(count + 1) << 3 | 5)].concat();
    let start = 1024 + head.len() as u32;
    format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory 80) (data (i32.const 256) "{block}") (data (i32.const 1024) "{}")
        (func (export "_start")
            (if (call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
                (then
                    (memory.fill (i32.const {start}) (i32.const 5) (i32.const {count}))
                    (i32.store8 (i32.const {}) (i32.const 0x29))
                    (drop (call $gl (i32.const 1024) (i32.const {}) (i32.const 16)))))
            (if (call $gl (i32.const 256) (i32.const {block_len}) (i32.const 16)) (then unreachable))))"#,
        text::escaped(&head),
        start + count,
        head.len() as u32 + count + 1
    )
}

/// What the leader of [`checked`] says that its block came to.
fn leaders(count: u32) -> Vec<u8> {
    let head = [vec![0], text::uleb(u64::from(count + 1) << 3 | 5)].concat();
    [head, vec![5; count as usize], vec![0x31]].concat()
}

pub(super) fn cases() -> Vec<Case> {
    let calling = |main: &str, child: &str| text::nested_by(CALL, "(memory 1)", "", main, child);
    // Fields in the order of their names, as calldata has them.
    let call = b"\x0e\x0cCallContract\x1e\x07address\x18\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x08calldata";
    let sandbox = b"\x0e\x07Sandbox\x1e\x13allow_send_messages\x08\x13allow_write_storage\x08\x04data";
    vec![
        Case::of_text("calls", "contracts called one after the other", "", move || calling("(call $spawn)", "")),
        Case::of_text(
            "calls_deep",
            "contracts called by contracts, 512 deep, each of which is told of all above it",
            "",
            move || calling("(call $spawn)", "(call $spawn) (call $spawn)"),
        )
        .with(|setting| setting.ticks = 100_000_000),
        Case::of_text("call_arrays", "contracts called with 1 Mi empty arrays", "", || {
            repeated(filled(call, 5, 5, MANY, b"\x05state\x01"))
        })
        .with(|setting| setting.ticks = 400_000_000),
        Case::of_text("sandbox_data", "sandboxes that are given 4 MiB of bytes", "", || {
            repeated(filled(sandbox, 3, 0, 4 << 20, b""))
        })
        .with(|setting| setting.ticks = 200_000_000),
        Case::of_text("pages", "storage that is written 64 KiB at a time, all that a run may", "", || {
            // Bytes of a slot from one place on, the rest of 2^20 pages.
            let write = "(drop (call $write (i32.const 0) (local.get $i) (i32.const 0) (i32.const 65536)))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 65536))) (i32.const 0x2000000))) (return)";
            let import = r#"(import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
            text::endless(&format!("{import} (memory 1)"), "(local $i i32)", write)
        })
        .holding(16 << 20)
        .with(|setting| setting.ticks = 200_000_000),
        Case::of_text("blocks", "non-deterministic blocks, all that a run may have", "", || {
            let block = r#"{"RunNondet": {"data_leader": b#, "data_validator": b#}}"#;
            text::nested_by(block, "(memory 1)", "", "(call $spawn)", "")
        })
        .with(|setting| setting.ticks = 200_000_000),
        Case::of_text("events", "events, which the receipt carries", "", || {
            let (event, len) = text::encoded(r#"{"EmitEvent": {"topics": [], "blob": {}}}"#);
            let import = r#"(import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32))) (memory 1)"#;
            let call = format!("(drop (call $gl (i32.const 1024) (i32.const {len}) (i32.const 16)))");
            text::endless(&format!(r#"{import} (data (i32.const 1024) "{event}")"#), "", &call)
        })
        .with(|setting| setting.ticks = 400_000_000),
        Case::of_text("checked", "a leader's answer of 4 Mi empty arrays, compared with one's own", "", || {
            checked(4 << 20)
        })
        .with(|setting| {
            setting.ticks = 100 * 32_768 + (4 << 20) * 80;
            setting.role = Role::Validator { results: vec![leaders(4 << 20)] };
        }),
    ]
}
