//! Contracts in GenVM's packaging, found their runners by `--runners`.

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
