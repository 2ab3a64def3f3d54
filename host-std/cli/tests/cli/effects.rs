//! What a run did, as people and programs are told it.

use subvm_core::calldata::Value;

use super::*;

/// A contract that makes these requests, whatever comes of each, having written to page 1 of slot 0. A non-deterministic block of it does the
/// same, and is refused all but the last request.
pub(crate) fn contract(dir: &Path, name: &str, requests: &[&str]) -> String {
    let (mut data, mut calls) = (String::new(), String::new());
    let mut at = 4096;
    for request in requests {
        let bytes = request.parse::<Value>().unwrap().encode().unwrap();
        let digits: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        data += &format!("(data (i32.const {at}) \"{digits}\")");
        calls += &format!("(drop (call $call (i32.const {at}) (i32.const {}) (i32.const 0)))", bytes.len());
        at += bytes.len();
    }
    let text = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) {data}
        (func (export "_start")
            (drop (call $write (i32.const 64) (i32.const 33) (i32.const 4096) (i32.const 2)))
            {calls}))"#
    );
    write(dir, name, text.as_bytes())
}

const EVENT: &str = r#"{"EmitEvent": {"topics": [], "blob": {"said": "\u202eabc"}}}"#;
const POST: &str = r#"{"PostMessage": {"address": addr#00112233445566778899aabbccddeeff00112233, "calldata": 1, "value": 7, "on": "finalized"}}"#;
pub(crate) const NONDET: &str = r#"{"RunNondet": {"data_leader": b#, "data_validator": b#}}"#;
pub(crate) const RETURN: &str = r#"{"Return": "a\u202e\u2028\u0085\u2066b"}"#;
const BALANCE: &str = "0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0=7";
const SLOT: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn events_messages_writes_and_blocks_are_shown() {
    let world = run::World::new();
    let contract = contract(world.dir.path(), "effects.wat", &[EVENT, POST, NONDET, RETURN]);
    let message = world.message("null");
    let run = |more: &[&str]| {
        let output = subvm(&[&["run", "--message", &message], more, &[&contract]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = run(&["--balance", BALANCE]);
    let lines: Vec<&str> = shown.lines().collect();
    let fields = r#"{"address":addr#00112233445566778899aabbccddeeff00112233,"calldata":1,"on":"finalized","value":7}"#;
    let written = format!("write:    slot {SLOT}, page 1: 000e");
    assert_eq!(lines[0], r#"return:   "a\u202e\u2028\u0085\u2066b""#);
    assert_eq!(lines[1], r#"event:    {"blob":{"said":"\u202eabc"},"topics":[]}"#);
    assert_eq!(lines[2], format!("message:  PostMessage {fields}"));
    assert!(lines[3].starts_with(&written), "{shown}");
    assert_eq!(lines[4], r#"nondet:   call 0: return "a\u202e\u2028\u0085\u2066b""#);
    let labels: Vec<&str> = lines[5..].iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(labels, ["gas", "receipt"], "{shown}");

    let json: Json = serde_json::from_str(&run(&["--json", "--balance", BALANCE])).unwrap();
    assert_eq!(json["messages"][0]["request"], "EmitEvent");
    assert_eq!(json["messages"][1], serde_json::json!({ "request": "PostMessage", "fields": fields }));
    let page = &json["storage"][0];
    assert_eq!((&page["slot"], &page["page"]), (&SLOT.into(), &1.into()));
    assert!(page["content"].as_str().unwrap().starts_with("000e") && json["storage"].as_array().unwrap().len() == 1);
    let value = r#""a\u202e\u2028\u0085\u2066b""#;
    assert_eq!(json["nondet"], serde_json::json!([{ "outcome": "return", "value": value, "message": null }]));
    // What is shown is what was meant.
    let meant: Value = "\"a\u{202e}\u{2028}\u{85}\u{2066}b\"".parse().unwrap();
    assert_eq!(json["value"].as_str().unwrap().parse::<Value>(), Ok(meant));

    // Without money nothing is sent.
    let json: Json = serde_json::from_str(&run(&["--json"])).unwrap();
    assert_eq!(json["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_shown_is_bounded_and_json_has_all() {
    let world = run::World::new();
    let long = format!(r#"{{"EmitEvent": {{"topics": [], "blob": {{"x": "{}"}}}}}}"#, "é".repeat(2000));
    let requests: Vec<&str> = std::iter::once(&*long).chain([EVENT; 24]).chain([RETURN]).collect();
    let contract = contract(world.dir.path(), "many.wat", &requests);
    let message = world.message("null");
    let shown = String::from_utf8(subvm(&["run", "--message", &message, &contract]).stdout).unwrap();
    let events: Vec<&str> = shown.lines().filter(|line| line.starts_with("event: ")).collect();
    assert_eq!(events.len(), 20);
    assert!(events[0].chars().count() < 1100 && events[0].ends_with("é.. (4029 bytes)"), "{}", events[0]);
    assert!(shown.contains("\n          and 5 more events and messages: see --json\n"), "{shown}");
    let json: Json =
        serde_json::from_slice(&subvm(&["run", "--json", "--message", &message, &contract]).stdout).unwrap();
    assert_eq!(json["messages"].as_array().unwrap().len(), 25);
}

#[test]
fn a_contract_is_given_arguments() {
    let world = run::World::new();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (drop (call $sizes (i32.const 0) (i32.const 4)))
            (call $exit (i32.load (i32.const 0)))))"#;
    let contract = write(world.dir.path(), "args.wat", text.as_bytes());
    let message = world.message("null");
    let status = |args: &[&str]| subvm(&[&["run", "--message", &message, &contract], args].concat()).status.code();
    assert_eq!((status(&[]), status(&["--", "one", "--two"])), (Some(1), Some(3)));
}

#[test]
fn balances_are_checked() {
    let world = run::World::new();
    let message = world.message("null");
    let refused = |balance: &str, says: &str| {
        fails(&["run", "--message", &message, "--balance", balance, run::ORACLE], 126, &["--balance", says]);
    };
    let account = "c0".repeat(20);
    refused(&account, "has no '='");
    refused("c0=1", "is no address: write 40 hexadecimal digits");
    for amount in ["", "-1", "+1", "1.5", "0x10", " 1", &format!("1{}", "0".repeat(78))] {
        refused(&format!("{account}={amount}"), "is no amount: write an integer from 0 to 2^256 - 1");
    }
}

#[test]
fn a_fingerprint_takes_a_line_for_each_frame_and_is_bounded() {
    let world = run::World::new();
    let message = world.message("null");
    let output = subvm(&["run", "--message", &message, &guest("trap_deep")]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let frames = "machine:  in trap_deep: function 3\nmachine:  called by trap_deep: function 2\n";
    assert!(shown.contains(frames) && shown.contains("\nmachine:  memory trap_deep 0: "), "{shown}");

    let output = subvm(&["exec", "--fingerprint", &guest("recursion")]);
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.lines().all(|line| line.len() < 200) && shown.lines().count() < 60, "{shown}");
    assert!(shown.contains("fingerprint: in main: function ") && shown.contains(" and 108 more frames"), "{shown}");
    let refused = subvm(&["exec", "--fingerprint", &guest("not_valid")]);
    assert!(String::from_utf8_lossy(&refused.stderr).ends_with("fingerprint: in no function: no wasm was running\n"));
}

#[test]
fn what_guests_and_files_say_is_shown_and_not_obeyed() {
    let dir = scratch("obeyed");
    let obeyed = "\u{1b}[2J\u{85}\u{9b}\u{7f}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}";
    let world = run::World::new();
    let said = Value::from(obeyed).to_string();
    let (trace, error) = (format!(r#"{{"Trace": {{"Message": {said}}}}}"#), format!(r#"{{"UserError": {said}}}"#));
    let contract = contract(dir.path(), "says.wat", &[&trace, &error]);
    let message = world.message("null");
    let result = write(
        dir.path(),
        "value.hex",
        &subvm(&["calldata", "encode", &write(dir.path(), "a", said.as_bytes())]).stdout,
    );
    let name: String = obeyed.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let named = format!("(module (import \"{name}\" \"{name}\" (func)) (func (export \"_start\")))");
    let named = write(dir.path(), "named.wat", named.as_bytes());
    for args in [
        &["run", "--message", &message, &contract][..],
        &["run", "--json", "--message", &message, &contract],
        &["calldata", "decode", &result],
        &["inspect", &named],
        &["inspect", "--json", &named],
        &["exec", &named],
        &["exec", "--json", &named],
        &["exec", "--env", &format!("{obeyed}=1"), &guest("done")],
        &["exec", &format!("no{obeyed}such.wasm")],
        &["exec", &format!("--{obeyed}")],
    ] {
        let Output { stdout, stderr, .. } = subvm(args);
        let shown = String::from_utf8([stdout, stderr].concat()).unwrap();
        let found = shown.chars().find(|c| *c != '\n' && obeyed.contains(*c));
        assert_eq!(found.filter(|c| !"[2J".contains(*c)), None, "{args:?}: {shown:?}");
        assert!(shown.contains("202e"), "{args:?}: {shown}");
    }
    // It reads as the same value.
    let decoded = String::from_utf8(subvm(&["calldata", "decode", &result]).stdout).unwrap();
    assert_eq!(decoded.trim_end().parse::<Value>(), Ok(Value::from(obeyed)));
}

#[test]
fn a_vote_says_what_differs_and_a_refusal_why() {
    let world = run::World::new();
    let dir = world.dir.path();
    let (one, other) = (contract(dir, "one.wat", &[NONDET, RETURN]), contract(dir, "other.wat", &[r#"{"Return": 1}"#]));
    let message = world.message("null");
    let receipt = dir.join("receipt");
    let receipt = receipt.to_str().unwrap();
    assert_eq!(subvm(&["run", "--message", &message, "--receipt", receipt, &one]).status.code(), Some(0));
    let vote = |role: &str, more: &[&str], contract: &str| {
        let args = ["run", "--json", "--message", &message, "--role", role, "--leader", receipt, "--vote"];
        let output = subvm(&[&args, more, &[contract]].concat());
        let json: Json = serde_json::from_slice(&output.stdout).unwrap();
        ["vote", "vote_field", "vote_call", "vote_reason"].map(|key| json[key].clone())
    };
    let null = Json::Null;
    assert_eq!(vote("sync", &[], &one), ["agree".into(), null.clone(), null.clone(), null.clone()]);
    // Its own block returns something else than true.
    assert_eq!(vote("validator", &[], &one), ["disagree".into(), "nondet".into(), 0.into(), null.clone()]);
    let [what, field, call, _] = vote("sync", &[], &other);
    assert_eq!((what, field, call), ("disagree".into(), "nondet".into(), 0.into()));
    let [what, field, call, why] = vote("sync", &["--gas-time", "999999"], &one);
    assert_eq!((what, field, call), ("timeout".into(), null.clone(), null.clone()));
    assert!(why.as_str().unwrap().contains("params"), "{why}");

    let json: Json = serde_json::from_slice(&subvm(&["exec", "--json", &guest("unknown_import")]).stdout).unwrap();
    assert!(json["diagnostics"][0].as_str().unwrap().contains("fd_conjure"), "{json}");
}
