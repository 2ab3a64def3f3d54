//! `subvm replay --at` and `--step`, and `subvm bisect`.

use std::io::Write;

use super::recording::recorded;
use super::*;

/// Rounds 2.75 and 7.25 in function 0 and keeps the sums in memory.
const ROUNDS: &str = r#"(module $rounding
    (memory (export "memory") 1)
    (func $round (param f64) (result i64) (i64.trunc_f64_s (f64.nearest (local.get 0))))
    (func $keep (param $at i32) (param $value f64) (local $i i32)
        (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3000))))
        (i64.store (local.get $at) (call $round (local.get $value))))
    (func (export "_start")
        (call $keep (i32.const 64) (f64.const 7.25))
        (call $keep (i32.const 72) (f64.const 2.75))
        (call $keep (i32.const 80) (f64.const 7.25))))"#;

fn program() -> (tempfile::TempDir, String) {
    let dir = scratch("looking");
    let (module, recording) = (write(dir.path(), "rounds.wat", ROUNDS.as_bytes()), dir.path().join("a.rec"));
    let recording = recording.to_str().unwrap().to_owned();
    let output = subvm(&["exec", "--record", &recording, &module]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    (dir, recording)
}

fn said(args: &[&str], status: i32) -> String {
    let output = subvm(args);
    assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn object(args: &[&str], status: i32, schema: &str) -> Json {
    let json = serde_json::from_str(&said(args, status)).expect("exactly one object");
    json::check_against(schema, &json);
    json
}

#[test]
fn a_fault_is_found_to_its_instruction_and_none_where_there_is_none() {
    let (_dir, recording) = program();
    let found = said(&["bisect", &recording, "--engine-b", "wasmi", "--fault-b", "0"], 1);
    let first: Vec<&str> = found.lines().take(5).collect();
    assert_eq!(first[0], "differs:  f64.nearest in round", "{found}");
    assert!(first[1].contains("instruction 1 of function 0, byte 0x"), "{found}");
    assert_eq!(
        (first[2], first[3]),
        ("first:    0x4008000000000000 (3)", "second:   0x4000000000000000 (2)"),
        "{found}"
    );
    assert!(
        first[4].starts_with("up to:    ") && first[4].ends_with("after 0 host calls, they are the same"),
        "{found}"
    );
    assert!(
        found.contains("stack:    rounding: keep (function 1)\nstack:    rounding: _start (function 2)"),
        "{found}"
    );

    let json = object(&["bisect", "--json", &recording, "--codegen-b", "plain", "--fault-b", "0"], 1, "bisect");
    assert_eq!((&json["same"], &json["divergence"]["instruction"]["text"]), (&false.into(), &"f64.nearest".into()));
    let json = object(&["bisect", "--json", &recording, "--engine-b", "wasmi"], 0, "bisect");
    assert_eq!((&json["same"], &json["left"]), (&true.into(), &serde_json::json!([null, null])));
    assert!(said(&["bisect", &recording, "--codegen-b", "plain"], 0).starts_with("same:     nothing differs: "));

    fails(&["bisect", &recording], 126, &["both sides are the same"]);
    fails(&["bisect", &recording, "--engine-b", "wasmi", "--codegen-b", "plain"], 126, &["--codegen is wasmtime's"]);
    fails(&["bisect", "no/such/file", "--engine-b", "wasmi"], 126, &["cannot read no/such/file"]);
    fails(&["bisect", "README.md", "--engine-b", "wasmi"], 126, &["README.md"]);
    fails(&["bisect", &recording, "--engine-b", "wasmi", "--sub-vm", "1"], 126, &["is no sub-VM"]);
    fails(&["bisect", &recording, "--engine-b", "wasmi", "--sub-vm", "0.0"], 126, &["it has no sub-VM 0.0"]);
}

#[test]
fn a_replay_stops_at_a_tick_a_call_and_the_end() {
    let (_world, recording, _) = recorded(&[]);
    let at_call = said(&["replay", &recording, "--at", "call:3", "--memory", "0x100000,16"], 0);
    assert!(at_call.lines().next().unwrap().ends_with("ticks into sub-VM 0, after 3 host calls"), "{at_call}");
    for line in
        ["stack:    oracle.wasm: _start", "local:    0: i32 0x", "bytes:    0x00100000: ", "open:     3: directory /"]
    {
        assert!(at_call.contains(line), "{line} is missing from {at_call}");
    }
    let on_wasmi = said(&["replay", &recording, "--engine", "wasmi", "--at", "call:3", "--memory", "0x100000,16"], 0);
    assert_eq!(at_call, on_wasmi);
    let json = object(&["replay", "--json", &recording, "--at", "trap"], 0, "look");
    assert_eq!((&json["sub_vms"][0]["path"], &json["calls"]), (&serde_json::json!([0]), &6.into()));
    let json = object(&["replay", "--json", &recording, "--at", "600000", "--memory", "0,4"], 0, "look");
    assert_eq!(json["bytes"][0]["bytes"], "00000000");
    fails(&["replay", &recording, "--at", "10", "--sub-vm", "0.5"], 126, &["it has no sub-VM 0.5"]);
    fails(&["replay", &recording, "--at", "call:7000"], 126, &["it has no host call 7000"]);
    fails(&["replay", &recording, "--at", "soon"], 126, &["is no moment"]);
    fails(&["replay", &recording, "--memory", "0,4"], 126, &["--at"]);
    fails(&["replay", &recording, "--at", "1", "--memory", "0,99999999"], 126, &["65536 bytes at most"]);
}

#[test]
fn a_run_is_stepped_through_forward_and_backward() {
    let (_world, recording, _) = recorded(&[]);
    let script = "next\nfind storage_read\nlocals\nback 1000000\nstep 600000\ngo trap\nprev\nfind nothing\nfds\nmemory 0x100000,4\n\
                  globals\nstorage\nhelp\nnonsense\nstep x\nquit\nnever\n";
    let mut child = Command::new(env!("CARGO_BIN_EXE_subvm"))
        .current_dir(ROOT)
        .args(["replay", &recording, "--step"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (said, erred) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{erred}");
    let places: Vec<&str> = said.lines().filter(|line| line.starts_with("at: ")).collect();
    assert_eq!(places[0], "at:       0 ticks into sub-VM 0, after 0 host calls");
    assert!(places[1].ends_with("after 1 host calls") && places[2].ends_with("after 3 host calls"), "{places:?}");
    assert_eq!(places[3], places[0], "backward is further back than the beginning");
    assert!(places[4].starts_with("at:       600000 ticks into sub-VM 0"), "{places:?}");
    assert!(places[5].starts_with("at:       the end of sub-VM 0"), "{places:?}");
    assert!(places[6].ends_with("after 5 host calls"), "{places:?}");
    assert_eq!(places.len(), 7);
    assert!(said.contains("call:     3: storage_read(") && said.contains("local:    0: i32 0x"), "{said}");
    assert!(said.contains("no host call after call 5 has nothing in its name"), "{said}");
    assert!(said.contains("find NAME") && said.contains("open:     1: standard output"), "{said}");
    assert_eq!(erred.lines().count(), 2, "{erred}");
    assert!(erred.contains("\"nonsense\" is no command") && erred.contains("\"x\" is no number"), "{erred}");
}
