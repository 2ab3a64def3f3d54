//! Contracts in GenVM's packaging, whose runners `--runners` finds.

use std::fs;

use subvm_core::calldata::Value;
use subvm_runners::Registry;

use super::{fails, subvm};

/// A runner that returns what stands on descriptor 0.
const ECHO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "genlayer_sdk" "gl_call" (func $call (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\0e\06Return")
  (data (i32.const 8192) "\08\00\00\00\00\10\00\00")
  (func (export "_start")
    (drop (call $read (i32.const 0) (i32.const 8192) (i32.const 1) (i32.const 8200)))
    (drop (call $call (i32.const 0) (i32.add (i32.const 8) (i32.load (i32.const 8200))) (i32.const 8204)))))"#;

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new(line: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let registry = Registry::open(dir.path()).expect("it is there");
        let mut registry = if line == "0.3" { registry } else { registry.nix() };
        registry.add("echo", &wat::parse_str(ECHO).expect("it is a module")).expect("it can be written");
        Self { dir }
    }

    fn contract(&self, text: &str) -> String {
        let path = self.dir.path().join("contract.py");
        fs::write(&path, text).expect("it can be written");
        path.display().to_string()
    }

    /// The options of a run of `text`.
    fn run(&self, line: &str, text: &str, more: &[&str]) -> Vec<String> {
        let (dir, contract) = (self.dir.path().display().to_string(), self.contract(text));
        let options = ["run", "--line", line, "--runners", &dir].map(str::to_owned);
        options.into_iter().chain([contract]).chain(more.iter().map(|more| (*more).to_owned())).collect()
    }
}

#[test]
fn a_contract_finds_its_runner_and_is_called_by_its_lines_convention() {
    let contract = "# { \"Depends\": \"echo:test\" }\nprint('hi')\n";
    for (line, args, entry) in [
        ("0.1", &["get"][..], r#"{"method": "get"}"#),
        ("0.2", &["add", "[1, \"a\"]"], r#"{"args": [1, "a"], "method": "add"}"#),
        ("0.3", &["add", "{\"to\": 5}"], r#"{"": "add", "kwargs": {"to": 5}}"#),
        ("0.3", &["__init__", "[7]"], r#"{"args": [7]}"#),
    ] {
        let world = World::new(line);
        let options = world.run(line, contract, &[&["--json", "--"], args].concat());
        let output = subvm(&options.iter().map(String::as_str).collect::<Vec<_>>());
        let done: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let message: Value = done["value"].as_str().unwrap_or_else(|| panic!("{done}")).parse().expect("a value");
        let data = message["entry_data"].as_bytes().expect("bytes");
        assert_eq!(Value::decode(data), Ok(entry.parse().expect(entry)), "{line}");
        assert_eq!(message["is_init"], Value::from(args[0] == "__init__"));
    }
}

#[test]
fn what_a_contract_says_wrongly_is_said_in_its_lines_words() {
    for (line, text, failure, why) in [
        ("0.3", "print(1)\n", "invalid_contract runner absent", "begin the text with a comment"),
        ("0.2", "print(1)\n", "invalid_contract absent_runner_comment", "begin the text with a comment"),
        ("0.3", "# {\"Depend\": 1}\n", "invalid_contract runner malformed", "line 1"),
        ("0.2", "# {\"Depend\": 1}\n", "invalid_contract malformed_runner", "line 1"),
    ] {
        let world = World::new(line);
        let options = world.run(line, text, &["--", "get"]);
        fails(&options.iter().map(String::as_str).collect::<Vec<_>>(), 125, &[failure, why]);
    }
    let world = World::new("0.3");
    // Nobody's floating name stands for two.
    let options = world.run("0.3", "# { \"Depends\": \"nobody:test\" }\n", &["--", "get"]);
    fails(&options.iter().map(String::as_str).collect::<Vec<_>>(), 127, &["nobody"]);
    let options = world.run("0.3", "# { \"Depends\": \"echo:test\" }\n", &["--", "get", "5"]);
    fails(&options.iter().map(String::as_str).collect::<Vec<_>>(), 126, &["neither map nor array"]);
    let options = world.run("0.3", "# { \"Depends\": \"echo:test\" }\n", &["--arg0", "x", "--", "get"]);
    assert_eq!(subvm(&options.iter().map(String::as_str).collect::<Vec<_>>()).status.code(), Some(126));
}

/// A runner that calls the contract at `0xc1c1..` and returns what it read, be it what that returned or how it failed.
fn caller() -> String {
    let other = "\\c1".repeat(20);
    // {"CallContract": {"address": .., "calldata": {}, "state": 0}}
    let request = format!("\\0e\\0cCallContract\\1e\\07address\\18{other}\\08calldata\\06\\05state\\01");
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "genlayer_sdk" "gl_call" (func $call (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\0e\06Return")
  (data (i32.const 4096) "{request}")
  (data (i32.const 8192) "\0a\00\00\00\00\08\00\00")
  (func (export "_start")
    (drop (call $call (i32.const 4096) (i32.const 61) (i32.const 8204)))
    (drop (call $read (i32.load (i32.const 8204)) (i32.const 8192) (i32.const 1) (i32.const 8200)))
    ;; As bytes of a length of two digits.
    (i32.store8 (i32.const 8) (i32.or (i32.and (i32.shl (i32.load (i32.const 8200)) (i32.const 3)) (i32.const 0x7f)) (i32.const 0x83)))
    (i32.store8 (i32.const 9) (i32.shr_u (i32.load (i32.const 8200)) (i32.const 4)))
    (drop (call $call (i32.const 0) (i32.add (i32.const 10) (i32.load (i32.const 8200))) (i32.const 8204)))))"#
    )
}

#[test]
fn a_contract_calls_another_that_was_deployed_into_the_store() {
    for line in ["0.1", "0.3"] {
        let world = World::new(line);
        let registry = Registry::open(world.dir.path()).expect("it is there");
        let mut registry = if line == "0.3" { registry } else { registry.nix() };
        registry.add("caller", &wat::parse_str(caller()).expect("it is a module")).expect("it can be written");
        let store = world.dir.path().join("store").display().to_string();
        let message = |to: &str| {
            let path = world.dir.path().join(format!("{to}.txt"));
            let text = format!(
                r#"{{"contract_address": addr#{}, "sender_address": addr#{}, "calldata": {{}}}}"#,
                to.repeat(20),
                "5e".repeat(20)
            );
            fs::write(&path, text).expect("it can be written");
            path.display().to_string()
        };
        let called = |to: &str, runner: &str, method: &str| {
            let text = format!("# {{ \"Depends\": \"{runner}:test\" }}\n");
            let options =
                world.run(line, &text, &["--store", &store, "--message", &message(to), "--json", "--", method]);
            let output = subvm(&options.iter().map(String::as_str).collect::<Vec<_>>());
            let done: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let value: Value = done["value"].as_str().unwrap_or_else(|| panic!("{done}")).parse().expect("a value");
            value
        };
        let nobody = called("c0", "caller", "get");
        let failed =
            if line == "0.3" { "invalid_contract runner absent" } else { "invalid_contract absent_runner_comment" };
        assert_eq!(nobody, Value::Bytes([b"\x02", failed.as_bytes()].concat()));
        called("c1", "echo", "__init__");
        let answer = called("c0", "caller", "get");
        let answer = answer.as_bytes().expect("bytes");
        let seen = Value::decode(&answer[1..]).expect("what the other returned");
        assert_eq!((answer[0], &seen["stack"]), (0, &Value::array([Value::Address(subvm_core::Address([0xc0; 20]))])));
    }
}

/// A contract that says in its root slot that there are so many locked slots.
fn locker(line: &str, count: u32) -> Vec<u8> {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let list = subvm_runners::root::slot(&[0; 32], if line == "0.3" { 3 } else { 2 });
    let wat = format!(
        r#"(module
  (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "{}{}")
  (func (export "_start")
    (if (call $write (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 4)) (then unreachable))))"#,
        text(&list.0),
        text(&count.to_le_bytes())
    );
    wat::parse_str(wat).expect("it is a module")
}

#[test]
fn a_contract_that_breaks_its_root_slot_is_malformed_and_no_fault_of_the_node() {
    for (line, failure) in [("0.1", "invalid_contract malformed_runner"), ("0.3", "invalid_contract runner malformed")]
    {
        for (count, breaks) in [(256, false), (257, true), (u32::MAX, true)] {
            let world = World::new(line);
            let dir = world.dir.path().display().to_string();
            let (contract, store) = (world.dir.path().join("contract.wasm"), world.dir.path().join("store"));
            fs::write(&contract, locker(line, count)).expect("it can be written");
            let [contract, store] = [contract, store].map(|path| path.display().to_string());
            let run = |method| ["run", "--line", line, "--runners", &dir, &contract, "--store", &store, "--", method];
            assert!(subvm(&run("__init__")).status.success());
            if breaks {
                fails(&run("get"), 125, &[failure]);
            } else {
                assert!(subvm(&run("get")).status.success(), "{count}");
            }
        }
    }
}

/// What a libc does first: it looks for the root, and ends with 71 where it is told that there is none.
const LIBC: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (if (call $prestat (i32.const 3) (i32.const 0)) (then (call $exit (i32.const 71))))
    (if (i32.ne (i32.load (i32.const 4)) (i32.const 1)) (then (call $exit (i32.const 1))))))"#;

#[test]
fn a_program_of_a_stock_libc_starts_on_every_line() {
    for line in ["0.1", "0.2", "0.3"] {
        let world = World::new(line);
        let (dir, contract) = (world.dir.path().display().to_string(), world.dir.path().join("contract.wasm"));
        fs::write(&contract, wat::parse_str(LIBC).expect("it is a module")).expect("it can be written");
        let contract = contract.display().to_string();
        let run = ["run", "--line", line, "--runners", &dir, &contract, "--", "get"];
        let output = subvm(&run);
        assert!(output.status.success(), "{line}: {output:?}");
        fails(&[&run[..5], &["--personality", "seed"], &run[5..]].concat(), 71, &["exit_code 71"]);
    }
}

#[test]
fn a_line_has_the_time_that_its_python_takes() {
    // CPython takes a billion ticks to start; so does memory of 30,000 pages, and at once.
    let grows = r#"(module (memory (export "memory") 1)
      (func (export "_start") (if (i32.eq (memory.grow (i32.const 30000)) (i32.const -1)) (then unreachable))))"#;
    let world = World::new("0.1");
    let (dir, contract) = (world.dir.path().display().to_string(), world.dir.path().join("contract.wasm"));
    fs::write(&contract, wat::parse_str(grows).expect("it is a module")).expect("it can be written");
    let contract = contract.display().to_string();
    let output = subvm(&["run", "--line", "0.1", "--runners", &dir, &contract, "--", "get"]);
    assert!(output.status.success(), "{output:?}");
    // As much as a contract has by the library's word.
    let little = ["run", "--line", "0.1", "--runners", &dir, "--gas-time", "800000000", &contract, "--", "get"];
    fails(&little, 125, &["timeout"]);
}
