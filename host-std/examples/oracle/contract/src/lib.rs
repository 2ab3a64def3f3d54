//! An oracle: it asks a web page, and keeps the answer once the nodes agree on it.
//!
//! | method | fields | does | returns |
//! |---|---|---|---|
//! | `ask` | `url` | asks the page, keeps its answer, counts it | `{"answer": str, "count": int}` |
//! | `get` | | | the same, as kept |
//! | `fail` | `message` | ends with this user error | |
//! | `trap` | | writes to storage, then traps: the write must not last | |
//!
//! The methods are deterministic. Only [`fetch`] is not: it runs in a sub-VM of its own, in the same module, that
//! starts at [`_start`] as well and learns from its message which part it plays.

#![no_std]

extern crate alloc;

mod calldata;
mod host;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use calldata::Value::{self, Array, Bool, Bytes, Int, Null, Str};

/// Slot 0: the answer, as its length (u32, little-endian) and then its bytes.
const ANSWER: host::Slot = host::slot(0);
/// Slot 1: how often a page was asked (u64, little-endian).
const COUNT: host::Slot = host::slot(1);

/// A value to return, or the text of a user error.
type Outcome = Result<Value, String>;

/// Every sub-VM of this contract starts here.
#[unsafe(no_mangle)]
pub extern "C" fn _start() {
    match run() {
        Ok(value) => host::end("Return", value),
        Err(text) => host::end("UserError", Str(text)),
    }
}

/// Reads the message on descriptor 0 and plays the part that it asks for.
fn run() -> Outcome {
    let message = Value::decode(&host::read_to_end(0)?).ok_or("malformed message")?;
    let Some(Bytes(data)) = message.get("entry_data") else { return Err("message without data".into()) };
    match (message.get("entry_kind"), message.get("entry_stage_data")) {
        (Some(Int(0)), _) => call(&Value::decode(data).ok_or("malformed call")?),
        (Some(Int(2)), Some(Null)) => fetch(data),
        (Some(Int(2)), Some(stage)) => validate(data, stage),
        _ => Err("this contract has no sandboxed code".into()),
    }
}

/// Deterministic: one method call.
fn call(call: &Value) -> Outcome {
    let text = |field| match call.get(field) {
        Some(Str(text)) => Ok(text.as_str()),
        _ => Err(["the call needs a string: ", field].concat()),
    };
    match text("method")? {
        "ask" => ask(text("url")?),
        "get" => kept(),
        "fail" => Err(text("message")?.to_string()),
        "trap" => {
            host::storage_write(&COUNT, 0, &[0xff; 8])?;
            core::arch::wasm32::unreachable()
        }
        other => Err(["unknown method: ", other].concat()),
    }
}

/// Has the page asked, and keeps the answer that the nodes agreed on.
fn ask(url: &str) -> Outcome {
    let data = || Bytes(url.into());
    let request = Value::map([("data_leader", data()), ("data_validator", data())]);
    let result = host::gl_call("RunNondet", request)?;
    let answer = match result.split_first() {
        Some((0, data)) => Value::decode(data),
        Some((1, text)) => return Err(String::from_utf8_lossy(text).into()),
        _ => return Err("the page could not be asked".into()),
    };
    let Some(Str(answer)) = answer else { return Err("the answer is no text".into()) };

    host::storage_write(&ANSWER, 0, &(answer.len() as u32).to_le_bytes())?;
    host::storage_write(&ANSWER, 4, answer.as_bytes())?;
    host::storage_write(&COUNT, 0, &(count()? + 1).to_le_bytes())?;
    host::print(&[url, " answered ", &answer, "\n"].concat())?;
    emit_answered(answer)?;
    kept()
}

/// What storage holds: an empty answer and a count of 0 before the first `ask`.
fn kept() -> Outcome {
    let mut len = [0; 4];
    host::storage_read(&ANSWER, 0, &mut len)?;
    let mut answer = alloc::vec![0; u32::from_le_bytes(len) as usize];
    host::storage_read(&ANSWER, 4, &mut answer)?;
    let answer = String::from_utf8(answer).map_err(|_| "the stored answer is no text")?;
    Ok(Value::map([("answer", Str(answer)), ("count", Int(count()?.into()))]))
}

fn count() -> Result<u64, String> {
    let mut count = [0; 8];
    host::storage_read(&COUNT, 0, &mut count)?;
    Ok(u64::from_le_bytes(count))
}

fn emit_answered(answer: String) -> Result<(), String> {
    let mut topic = [0; 32];
    topic[..8].copy_from_slice(b"answered");
    let blob = Value::map([("answer", Str(answer))]);
    let topics = Array([Bytes(topic.into())].into());
    host::gl_call("EmitEvent", Value::map([("blob", blob), ("topics", topics)])).map(drop)
}

/// Not deterministic: the page's text, without white space around it. What the leader gets here is a proposal.
fn fetch(url: &[u8]) -> Outcome {
    let url = String::from_utf8_lossy(url).into();
    let response = host::gl_call(
        "WebRequest",
        Value::map([("body", Null), ("headers", Value::map([])), ("method", Str("GET".into())), ("url", Str(url))]),
    )?;
    let response = Value::decode(&response).ok_or("malformed response")?;
    let page = response.get("ok").ok_or("the page is not there")?;
    match (page.get("status"), page.get("body")) {
        (Some(Int(200)), Some(Bytes(body))) => {
            let text = core::str::from_utf8(body).map_err(|_| "the page is no text")?;
            Ok(Str(text.trim().into()))
        }
        _ => Err("the page is not there".into()),
    }
}

/// Not deterministic: asks again, and agrees with a leader who got exactly this, be it an answer or a failure.
fn validate(url: &[u8], stage: &Value) -> Outcome {
    let own: Vec<u8> = match fetch(url) {
        Ok(value) => [&[0], value.encode().as_slice()].concat(),
        Err(text) => [&[1], text.as_bytes()].concat(),
    };
    Ok(Bool(matches!(stage.get("leaders_result"), Some(Bytes(leader)) if *leader == own)))
}
