//! Host calls, and `gl_call` requests that are dear to take apart.

use subvm_core::Mode;
use subvm_core::calldata::{Int, Value};

use super::{Case, text};

/// A request that is an array of `count` values of one byte.
fn array_of(byte: u8, count: u32) -> String {
    let head = text::uleb(u64::from(count) << 3 | 5);
    let (start, len) = (1024 + head.len(), head.len() as u32 + count);
    format!(
        r#"(module (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32))) (memory 100)
            (data (i32.const 1024) "{}")
            (func (export "_start") (memory.fill (i32.const {start}) (i32.const {byte}) (i32.const {count}))
                (loop $l (drop (call $gl (i32.const 1024) (i32.const {len}) (i32.const 16))) (br $l))))"#,
        text::escaped(&head)
    )
}

/// This request, again and again, which is none for all its values.
fn request_of(value: &Value) -> String {
    let bytes = value.encode().expect("within the limits");
    let (data, len) = (text::escaped(&bytes), bytes.len());
    format!(
        r#"(module (import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32))) (memory 80)
            (data (i32.const 1024) "{data}")
            (func (export "_start")
                (loop $l (drop (call $gl (i32.const 1024) (i32.const {len}) (i32.const 16))) (br $l))))"#
    )
}

/// Integers of 19,700 digits, nearly the longest that may be.
fn long_integers(count: usize) -> Value {
    let long: Int = "9".repeat(19_700).parse().expect("digits");
    Value::array(vec![Value::Int(long); count])
}

/// Keys that are short, or that are told apart at their last byte.
fn keys(count: u32, before: &str) -> Value {
    Value::Map((0..count).map(|number| (format!("{before}{number:06}"), Value::Null)).collect())
}

/// Calls of a function of the system interface that has this type.
fn calls(name: &str, ty: &str, call: &str, times: usize) -> String {
    let import = format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func $f {ty})) (memory 16)");
    text::endless(&import, "(local $i i32)", &format!("(drop {call})").repeat(times))
}

fn random() -> String {
    calls("random_get", "(param i32 i32) (result i32)", "(call $f (i32.const 0) (i32.const 1))", 16)
}

pub(super) fn cases() -> Vec<Case> {
    let request = |name: &str, what, before, byte, count| {
        let ticks = 100 * 32_768 + u64::from(count) * 160;
        Case::of_text(name, what, before, move || array_of(byte, count)).with(|setting| setting.ticks = ticks)
    };
    const MANY: u32 = 4 << 20;
    vec![
        request("request_nulls", "a request of 4 Mi nulls", "", 0, MANY),
        request("request_arrays", "a request of 4 Mi empty arrays", "32x", 5, MANY),
        request("request_maps", "a request of 4 Mi empty maps", "32x", 6, MANY),
        request("request_strings", "a request of 4 Mi empty strings", "", 4, MANY),
        request("request_arrays_small", "requests of 64 empty arrays", "", 5, 64)
            .with(|setting| setting.ticks = 40_000_000),
        Case::of_text("request_integers", "a request of 100 integers of 19,700 digits", "", || {
            request_of(&long_integers(100))
        })
        .with(|setting| setting.ticks = 80_000_000),
        Case::of_text("request_text", "a request of 1 MiB of text that is not ASCII", "", || {
            request_of(&Value::from("\u{20ac}".repeat(350_000)))
        })
        .with(|setting| setting.ticks = 80_000_000),
        Case::of_text("request_keys", "a request of 30,000 keys", "", || request_of(&keys(30_000, "")))
            .with(|setting| setting.ticks = 80_000_000),
        Case::of_text("request_long_keys", "a request of 3,000 keys of 1,000 bytes, which begin alike", "", || {
            request_of(&keys(3_000, &"k".repeat(994)))
        })
        .with(|setting| setting.ticks = 80_000_000),
        Case::of_text("random_node", "random_get of one byte, non-deterministic", "21x", random)
            .with(|setting| setting.program = Some(Mode::NonDeterministic)),
        Case::of_text("random_seeded", "random_get of one byte, deterministic", "", random)
            .with(|setting| setting.program = Some(Mode::Deterministic)),
        Case::of_text("iovecs", "fd_write of 1,024 empty iovecs", "", || {
            calls(
                "fd_write",
                "(param i32 i32 i32 i32) (result i32)",
                "(call $f (i32.const 1) (i32.const 4096) (i32.const 1024) (i32.const 16))",
                4,
            )
        }),
    ]
}
