//! Host calls, with arguments that get somewhere.

use subvm_core::calldata::Value;
use subvm_core::wasi::{FUNCTIONS, Function, ParamType};

/// Where requests begin; paths, lists of iovecs and what is asked of `poll_oneoff`; and where answers go.
pub(super) const REQUESTS: u32 = 1024;
const PATHS: [(u32, u32); 4] = [(16_384, 5), (16_384, 4_094), (20_480, 14), (20_992, 13)];
const IOVECS: u32 = 24_576;
const SUBSCRIPTIONS: u32 = 40_960;
const ANSWERS: u32 = 49_152;
/// Bytes that may be read and written, to the end of the smallest memory.
const BYTES: u32 = 65_536;

/// What a request is, in the text form of calldata.
const TEXTS: &[&str] = &[
    r#"{"Sandbox": {"data": b#, "allow_write_storage": false, "allow_send_messages": false}}"#,
    r#"{"Sandbox": {"data": b#00, "allow_write_storage": false, "allow_send_messages": false, "gas_time": 30000}}"#,
    r#"{"RunNondet": {"data_leader": b#, "data_validator": b#}}"#,
    r#"{"RunNondetWith": {"data": b#, "strategy": "StrictEq"}}"#,
    r#"{"RunNondetWith": {"data": b#, "strategy": {"Numeric": {"abs": 1, "rel_ppm": 5}}}}"#,
    r#"{"CallContract": {"address": addr#0101010101010101010101010101010101010101, "calldata": null, "state": 0}}"#,
    r#"{"CallContract": {"address": addr#0101010101010101010101010101010101010101, "calldata": [1, 2], "state": 1}}"#,
    r#"{"EthCall": {"address": addr#0101010101010101010101010101010101010101, "calldata": b#}}"#,
    r#"{"PostMessage": {"address": addr#0101010101010101010101010101010101010101, "calldata": null, "value": 0, "on": "accepted"}}"#,
    r#"{"PostMessage": {"address": addr#0101010101010101010101010101010101010101, "calldata": null, "value": 1, "on": "finalized"}}"#,
    r#"{"DeployContract": {"calldata": null, "code": b#00, "value": 0, "on": "accepted", "salt_nonce": 1}}"#,
    r#"{"EthSend": {"address": addr#0101010101010101010101010101010101010101, "calldata": b#, "value": 0}}"#,
    r#"{"EmitEvent": {"topics": [], "blob": {}}}"#,
    r#"{"WebRequest": {"method": "GET", "url": "", "headers": {}, "body": null}}"#,
    r#"{"ExecPrompt": {"prompt": "", "response_format": "text", "images": []}}"#,
    r#"{"Trace": {"Message": ""}}"#,
    r#"{"Trace": "RuntimeMicroSec"}"#,
    r#"{"Sandbox": {}}"#,
    r#"{"a": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"#,
    "[]",
];

/// Requests, each where it stands in memory, and its length.
pub(super) struct Requests {
    pub(super) placed: Vec<(u32, u32)>,
    /// All of them, one after the other.
    pub(super) bytes: Vec<u8>,
}

impl Requests {
    pub(super) fn new() -> Self {
        let (mut placed, mut bytes) = (Vec::new(), Vec::new());
        for text in TEXTS {
            let request = text.parse::<Value>().expect("a value").encode().expect("within the limits");
            placed.push((REQUESTS + bytes.len() as u32, request.len() as u32));
            bytes.extend_from_slice(&request);
        }
        // Many values in few bytes: an array of 100 empty arrays, and one that ends too early.
        let many = [&[0xa5, 0x06][..], &[5; 100]].concat();
        for len in [102, 50] {
            placed.push((REQUESTS + bytes.len() as u32, len));
        }
        bytes.extend_from_slice(&many);
        Self { placed, bytes }
    }
}

/// What memory holds beside requests, as pieces: where, and what.
pub(super) fn pieces() -> Vec<(u32, Vec<u8>)> {
    let iovecs = (0..1024_u32).flat_map(|number| {
        let (place, len): (u32, u32) = (BYTES + number * 32, if number % 2 == 0 { 0 } else { 32 });
        [place.to_le_bytes(), len.to_le_bytes()].concat()
    });
    vec![
        (PATHS[0].0, b"a/../".repeat(819)),
        (PATHS[2].0, b"a/b/c/file.txt".to_vec()),
        (PATHS[3].0, b"d/file_000500".to_vec()),
        (IOVECS, iovecs.collect()),
    ]
}

/// Functions that do not end the sub-VM.
pub(super) fn functions() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(|function| function.returns)
}

/// The instruction that pushes an argument, by what it is called, and two numbers.
pub(super) fn argument(function: &Function, at: usize, how: [u8; 3]) -> String {
    let choose = |numbers: &[u32], number: u8| numbers[usize::from(number) % numbers.len()];
    let name = function.params[at];
    let path = PATHS[usize::from(how[0]) % PATHS.len()];
    let value = match name {
        "to" | "dirfd" => choose(&[3, 4, 5, 6], how[0]),
        name if name.ends_with("fd") && !name.starts_with("ro") => match how[1] % 6 {
            // What was opened last.
            0 => return format!("(i32.load (i32.const {ANSWERS}))"),
            number => choose(&[3, 0, 1, 3, 4], number),
        },
        "path" | "old_path" | "new_path" => path.0,
        "path_len" | "old_path_len" | "new_path_len" => path.1,
        "iovs" => IOVECS,
        "iovs_len" => choose(&[1, 2, 16, 1024], how[2]),
        "subscriptions" => SUBSCRIPTIONS,
        "nsubscriptions" => choose(&[1, 8, 150], how[2]),
        "buf_len" | "len" => choose(&[0, 1, 24, 32, 4096, 16_384, 65_536], how[2]),
        "fs_rights_base" => 0x20_0026,
        "offset" | "cookie" => choose(&[0, 1, 500, 65_536], how[2]),
        "whence" | "dirflags" | "oflags" | "fdflags" | "flags" | "precision" | "id" => choose(&[0, 0, 0, 1], how[1]),
        "buf" | "argv" | "environ" => BYTES,
        "argv_buf" | "environ_buf" => BYTES + 8192,
        _ => ANSWERS,
    };
    match function.types[at] {
        ParamType::I32 => format!("(i32.const {value})"),
        ParamType::I64 => format!("(i64.const {value})"),
    }
}

/// Where answers go.
pub(super) const fn answers() -> u32 {
    ANSWERS
}
