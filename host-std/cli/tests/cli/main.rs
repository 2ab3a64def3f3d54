//! The command line, as a user meets it: what goes well, and one clear line and the right exit status for what does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

mod bundle;
mod calldata;
mod check;
mod divergence;
mod effects;
mod engine;
mod exec;
mod fingerprint;
#[cfg(unix)]
mod genvm;
mod input;
mod json;
mod ledger;
mod linking;
mod looking;
mod new;
mod packaged;
mod page;
mod profile;
mod receipt;
mod recording;
mod scenarios;
mod snapshot;
#[path = "../../../modules/tests/support/mod.rs"]
mod support;
mod terminal;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn subvm(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    // Nothing that the surroundings set may show.
    command.current_dir(ROOT).args(args).stdin(Stdio::null()).env("RUST_BACKTRACE", "1");
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.output().expect("the binary runs")
}

fn guest(name: &str) -> String {
    format!("tests/guests/wat/{name}.wat")
}

/// A failing command: its status, and the one line that it prints.
#[track_caller]
fn fails(args: &[&str], status: i32, says: &[&str]) {
    let output = subvm(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
    let lines = stderr.trim_end().lines().filter(|line| !line.starts_with("  "));
    assert_eq!(lines.count(), 1, "{args:?}: one line and the stack, not: {stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    for text in says {
        assert!(stderr.contains(text), "{args:?}: {text:?} is missing from: {stderr}");
    }
}

fn scratch(name: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(name).tempdir().expect("a temporary directory")
}

fn write(dir: &Path, name: &str, content: &[u8]) -> String {
    let path = dir.join(name);
    fs::write(&path, content).expect("the temporary directory is writable");
    path.to_str().expect("its path is UTF-8").to_owned()
}

const REPORT: [&str; 7] = [
    "--map",
    "tests/guests/report/data=/data",
    "tests/guests/report/report.wasm",
    "--",
    "/data/numbers.txt",
    "/data",
    "7",
];

#[test]
fn a_stock_program_runs_twice_with_the_same_output_and_receipt() {
    let runs: Vec<Output> =
        (0..2).map(|_| subvm(&[&["exec", "--arg0", "report.wasm"], &REPORT[..]].concat())).collect();
    let expected = fs::read(format!("{ROOT}/tests/guests/report/expected.txt")).unwrap();
    assert_eq!(runs[0].status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&runs[0].stdout), String::from_utf8_lossy(&expected));
    assert_eq!(runs[0], runs[1]);

    let digests: Vec<Json> = (0..2)
        .map(|_| {
            let output = subvm(&[&["exec", "--json"], &REPORT[..]].concat());
            let mut json: Json = serde_json::from_slice(&output.stdout).expect("exactly one object");
            json["wall_ms"] = Json::Null;
            json
        })
        .collect();
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0]["outcome"], "vm_error");
    assert_eq!(digests[0]["exit_code"], 7);
    assert!(digests[0]["gas"]["time"].as_u64() > Some(1_000_000), "{digests:?}");
}

#[test]
fn what_is_not_wasm_is_refused() {
    let dir = scratch("not-wasm");
    fails(&["exec", &write(dir.path(), "a.wasm", b"hello")], 126, &["a.wasm is not WebAssembly"]);
    fails(&["exec", &write(dir.path(), "b.wat", b"(module (func")], 126, &["cannot parse", "b.wat"]);
    fails(&["exec", "no/such/file.wasm"], 126, &["cannot read no/such/file.wasm"]);
    fails(&["inspect", &write(dir.path(), "c.wasm", b"\0asm\x01\0\0\0\xff")], 126, &["would be refused"]);
}

#[test]
fn inspect_says_what_is_there_and_what_lowering_makes_of_it() {
    let dir = scratch("inspect");
    let text = "(module $named (import \"wasi_snapshot_preview1\" \"fd_close\" (func (param i32) (result i32))) (memory 1)
        (func (local f64) (f64.sqrt (local.get 0)) (local.set 0)) (func $f) (start $f) (@custom \"notes\" \"dropped\"))";
    let module = write(dir.path(), "m.wat", text.as_bytes());
    let shown = subvm(&["inspect", &module]);
    let size = wat::parse_str(text).unwrap().len();
    let expected = [
        &format!("module     named, {size} bytes"),
        "defines    2 functions, 1 memories, 0 tables, a start function",
        "imports    1",
        "           func wasi_snapshot_preview1.fd_close",
        "floats     1 scalar and 0 vector instructions",
        "           f64.sqrt",
    ];
    let shown = String::from_utf8(shown.stdout).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[..expected.len()], expected, "{shown}");
    let labels: Vec<&str> = lines[expected.len()..].iter().map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(labels, ["lowered", "", "values", "frames", "", ""], "{shown}");
    assert!(shown.contains("dropped: notes\n"), "{shown}");
    // A frame is 8, its slots, and an eighth of its instructions.
    assert!(shown.ends_with("function 1: 10\n           function 2: 8\n"), "{shown}");

    let json: Json = serde_json::from_slice(&subvm(&["inspect", "--json", &module]).stdout).unwrap();
    assert_eq!(json["floats"]["operators"], serde_json::json!(["f64.sqrt"]));
    assert_eq!(json["largest_frames"][0], serde_json::json!({ "func": 1, "units": 10 }));
    assert!(json["values"]["module"].as_u64() >= json["values"]["most_in_a_function"].as_u64());
}

#[test]
fn inspect_shows_exceptions_and_says_who_may_have_them() {
    let dir = scratch("inspect-exceptions");
    let text = "(module (tag $e) (tag (param i32)) (func (export \"_start\")
        (block $caught (try_table (catch $e $caught) (throw $e)) (unreachable))
        (block $all (try_table (catch_all $all)))))";
    let module = write(dir.path(), "m.wat", text.as_bytes());
    let shown = String::from_utf8(subvm(&["inspect", &module]).stdout).unwrap();
    let line =
        "exceptions 2 tags, 1 instructions that throw, 2 try_table; refused where the parameter `exceptions` is off";
    assert!(shown.lines().any(|shown| shown == line), "{shown}");
    let json: Json = serde_json::from_slice(&subvm(&["inspect", "--json", &module]).stdout).unwrap();
    assert_eq!(json["exceptions"], serde_json::json!({ "tags": 2, "throws": 1, "try_tables": 2 }));
    assert_eq!(subvm(&["check", &module]).status.code(), Some(1), "a contract may have none");
    assert_eq!(subvm(&["check", "--exceptions", "true", &module]).status.code(), Some(0));
}

#[test]
fn truncated_wasm_is_an_invalid_contract() {
    let dir = scratch("truncated");
    let whole = fs::read(format!("{ROOT}/tests/guests/report/report.wasm")).unwrap();
    let module = write(dir.path(), "cut.wasm", &whole[..whole.len() / 2]);
    fails(&["exec", &module], 125, &["invalid_contract wasm validating"]);
}

#[test]
fn traps_and_limits_have_their_own_texts() {
    fails(&["exec", &guest("trap")], 125, &["wasm_trap unreachable"]);
    fails(&["exec", &guest("out_of_bounds")], 125, &["wasm_trap memory_out_of_bounds"]);
    fails(&["exec", &guest("recursion")], 125, &["wasm_trap stack_overflow"]);
    fails(&["exec", &guest("exit")], 125, &["exit_code 300"]);
    fails(&["exec", "--gas-time", "1000", &guest("loop")], 125, &["out_of gas time"]);
}

#[test]
fn an_endless_loop_ends_at_its_deadline() {
    fails(&["exec", "--deadline", "100ms", &guest("loop")], 127, &["internal", "deadline"]);
}

#[test]
fn refused_surroundings_are_named() {
    fails(&["exec", "--env", "LD_PRELOAD=x", &guest("trap")], 125, &["invalid_contract env", "LD_PRELOAD"]);
    fails(&["exec", "--map", "no/such/dir=/x", &guest("trap")], 126, &["cannot map no/such/dir"]);
    fails(&["exec", &guest("trap"), "--", "a\u{1}b"], 125, &["invalid_contract args"]);
}

#[test]
fn wrong_usage_has_status_126() {
    for args in [
        &["exec"][..],
        &["frob"],
        &["exec", "--floats", "odd", "x.wasm"],
        &["run", "x.wasm"],
        &["exec", "--deadline", "soon", "x"],
    ] {
        fails(args, 126, &["try --help"]);
    }
    fails(&[], 126, &["a command is missing"]);
    fails(&["exec", "--frob", "x.wasm"], 126, &["'--frob'", "try --help"]);
    for old in [&["exec", "--announce-root", "true", "x.wasm"][..], &["exec", "--announce-root=false", "x.wasm"]] {
        fails(old, 126, &["--announce-root is no option any more", "--personality program", "--personality seed"]);
    }
    fails(&["exec", "--personality", "odd", "x.wasm"], 126, &["'odd'", "seed, program"]);
    fails(&["exec", "--log", "web=loud", "x.wasm"], 126, &["run.log", "web=loud"]);
    assert_eq!(subvm(&["--help"]).status.code(), Some(0));
}

/// Contracts on the embedded store.
mod run {
    use super::*;

    pub(crate) const MESSAGE: &str = r#"{
        "contract_address": "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0",
        "sender_address": "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e",
        "calldata": CALL
    }"#;
    pub(crate) const ORACLE: &str = "host-std/examples/oracle/oracle.wasm";

    pub(crate) struct World {
        pub(crate) dir: tempfile::TempDir,
    }

    impl World {
        pub(crate) fn new() -> Self {
            Self { dir: scratch("run") }
        }

        pub(crate) fn message(&self, call: &str) -> String {
            write(self.dir.path(), "message.json", MESSAGE.replace("CALL", call).as_bytes())
        }

        pub(crate) fn store(&self) -> PathBuf {
            self.dir.path().join("store")
        }

        pub(crate) fn run(&self, call: &str) -> Json {
            let store = self.store();
            let message = self.message(call);
            let output = subvm(&["run", "--json", "--message", &message, "--store", store.to_str().unwrap(), ORACLE]);
            serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
        }
    }

    #[test]
    fn a_contract_reads_fails_and_traps_without_a_trace_in_the_store() {
        let world = World::new();
        assert_eq!(world.run(r#"{"method": "get"}"#)["value"], r#"{"answer":"","count":0}"#);
        let failed = world.run(r#"{"method": "fail", "message": "no"}"#);
        assert_eq!((&failed["outcome"], &failed["message"]), (&"user_error".into(), &"no".into()));
        assert!(failed["fingerprint"].is_object());
        // It wrote 0xff over the count before it trapped.
        assert_eq!(world.run(r#"{"method": "trap"}"#)["message"], "wasm_trap unreachable");
        assert_eq!(world.run(r#"{"method": "get"}"#)["value"], r#"{"answer":"","count":0}"#);
    }

    #[test]
    fn malformed_messages_are_refused_before_anything_runs() {
        let world = World::new();
        let dir = world.dir.path();
        let run = |name: &str, content: &[u8], says: &[&str]| {
            let message = write(dir, name, content);
            fails(&["run", "--message", &message, "--store", dir.join("none").to_str().unwrap(), ORACLE], 126, says);
            assert!(!dir.join("none").exists(), "no store is made for a message that cannot be read");
        };
        run("a.json", b"{", &["a.json"]);
        run("b.json", b"{\"calldata\": 1.5}", &["b.json", "floating"]);
        run("c.json", b"{\"calldata\": 1}", &["sender_address is missing"]);
        run("d.json", b"{\"calldata\": 1, \"colour\": 2}", &["unknown field \"colour\""]);
        run("e.json", b"{\"calldata\": 1, \"sender_address\": \"xyz\"}", &["sender_address has to be an address"]);
        run("f.json", b"\xff", &["not UTF-8"]);
    }

    #[test]
    fn a_damaged_store_and_a_foreign_receipt_are_reported() {
        let world = World::new();
        world.run(r#"{"method": "get"}"#);
        let message = world.message(r#"{"method": "get"}"#);
        let store = world.store();
        for entry in fs::read_dir(&store).unwrap() {
            let path = entry.unwrap().path();
            if fs::metadata(&path).unwrap().len() > 0 {
                fs::write(&path, [0x55; 4096]).unwrap();
            }
        }
        fails(&["run", "--message", &message, "--store", store.to_str().unwrap(), ORACLE], 126, &["store"]);
        let receipt = write(world.dir.path(), "bad.receipt", b"\x05");
        fails(&["run", "--message", &message, "--role", "validator", "--leader", &receipt, ORACLE], 126, &["receipt"]);
    }

    #[test]
    fn a_store_that_another_process_holds_is_reported() {
        let world = World::new();
        let held = subvm_host_std::ledger::RedbLedger::open(&world.store()).unwrap();
        let message = world.message(r#"{"method": "get"}"#);
        fails(&["run", "--message", &message, "--store", world.store().to_str().unwrap(), ORACLE], 126, &["is in use"]);
        drop(held);
    }

    #[test]
    fn a_receipt_that_cannot_be_written_leaves_the_store_as_it_was() {
        let world = World::new();
        let message = world.message(r#"{"method": "get"}"#);
        let store = world.store();
        let store = store.to_str().unwrap();
        let receipt = world.dir.path().join("no/such/dir/receipt");
        let args = ["run", "--message", &message, "--store", store, "--receipt", receipt.to_str().unwrap(), ORACLE];
        fails(&args, 126, &["cannot write the receipt"]);
        let mut ledger = subvm_host_std::ledger::RedbLedger::open(&world.store()).unwrap();
        assert_eq!(subvm_host_std::ledger::Ledger::heights(&mut ledger).unwrap().accepted, 0);
    }

    #[test]
    fn an_old_receipt_is_never_taken_for_this_runs() {
        let world = World::new();
        let receipt = world.dir.path().join("receipt");
        let run = |message: &str, more: &[&str]| {
            fs::write(&receipt, b"of an earlier run").unwrap();
            let args = [&["run", "--message", message, "--receipt", receipt.to_str().unwrap()], more, &[ORACLE]];
            subvm(&args.concat()).status.code()
        };
        assert_eq!(run(&world.message(r#"{"method": "get"}"#), &[]), Some(0));
        let written = fs::read(&receipt).unwrap();
        assert!(subvm_core::Receipt::from_bytes(&written).unwrap().returned());
        // A failure of the contract has a receipt, too.
        assert_eq!(run(&world.message(r#"{"method": "trap"}"#), &[]), Some(125));
        assert!(!subvm_core::Receipt::from_bytes(&fs::read(&receipt).unwrap()).unwrap().returned());
        assert_eq!(run(&world.message(r#"{"method": "get"}"#), &["--deadline", "1ns"]), Some(127));
        assert!(!receipt.exists(), "an internal error has none");
        assert_eq!(run("no/such/message", &[]), Some(126));
        assert!(!receipt.exists(), "nothing ran");
        let names: Vec<_> = fs::read_dir(world.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["message.json"], "nothing is left behind");

        let message = world.message(r#"{"method": "get"}"#);
        fails(&["run", "--message", &message, "--receipt", &message, ORACLE], 126, &["it is read by this run"]);
        assert!(Path::new(&message).exists());
    }

    #[test]
    fn what_a_contract_says_stays_one_line() {
        let world = World::new();
        let message = world.message(r#"{"method": "fail", "message": "a\nerror: b\u001b[2J"}"#);
        fails(&["run", "--message", &message, ORACLE], 125, &["a\\nerror: b\\u{1b}[2J"]);
    }

    #[test]
    fn a_leader_writes_a_receipt_that_a_validator_agrees_with() {
        let world = World::new();
        let message = world.message(r#"{"method": "get"}"#);
        let receipt = world.dir.path().join("leader.receipt");
        let receipt = receipt.to_str().unwrap();
        let leader = subvm(&["run", "--message", &message, "--receipt", receipt, ORACLE]);
        assert_eq!(leader.status.code(), Some(0), "{}", String::from_utf8_lossy(&leader.stderr));
        let validate = |leader: &str| {
            let output = subvm(&[
                "run",
                "--message",
                &message,
                "--role",
                "validator",
                "--leader",
                leader,
                "--vote",
                "--json",
                ORACLE,
            ]);
            serde_json::from_slice::<Json>(&output.stdout).unwrap()["vote"].clone()
        };
        assert_eq!(validate(receipt), "agree");
        // The gas that the leader claims is another.
        let mut bytes = fs::read(receipt).unwrap();
        let at = bytes.windows(4).position(|four| four == b"time").unwrap() + 4;
        bytes[at] ^= 8;
        let tampered = write(world.dir.path(), "tampered.receipt", &bytes);
        assert_eq!(validate(&tampered), "disagree");
    }
}

#[test]
fn a_contract_tells_its_schema() {
    let oracle = "tests/guests/contracts/wasm/oracle.wasm";
    let shown = subvm(&["schema", oracle]);
    assert_eq!(shown.status.code(), Some(0));
    let lines: Json = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(lines["methods"]["ask"]["arguments"]["url"], "string");
    let line = subvm(&["schema", "--json", oracle]).stdout;
    assert_eq!(
        (line.iter().filter(|byte| **byte == b'\n').count(), serde_json::from_slice(&line).ok()),
        (1, Some(lines))
    );
    fails(&["schema", "tests/guests/report/report.wasm"], 126, &["tells no schema", "subvm.schema"]);
    let dir = scratch("schema");
    fails(&["schema", &write(dir.path(), "c.wasm", b"\0asm\x01\0\0\0\xff")], 126, &["tells no schema", "malformed"]);
}
