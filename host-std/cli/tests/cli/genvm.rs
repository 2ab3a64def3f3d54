//! `subvm genvm run`, as a node starts it: by a node in Python, `tests/genvm/host.py`.

use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use subvm_core::calldata::{Address, Map, Value};

use super::{ROOT, fails};

/// A contract that returns null, by falling off its end.
const MODULE: &str =
    "0061736d01000000010401600000030201000503010001071302066d656d6f72790200065f737461727400000a040102000b";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn data() -> String {
    let address = || Value::Address(Address([9; 20]));
    let message = Map::from([
        ("contract_address", address()),
        ("sender_address", address()),
        ("origin_address", address()),
        ("signer_address", address()),
        ("chain_id", Value::from(1)),
        ("value", Value::from(0)),
        ("is_init", Value::from(false)),
    ]);
    let data = Map::from([("calldata", Value::Bytes(vec![6])), ("message", Value::Map(message))]);
    hex(&Value::Map(data).encode().expect("canonical"))
}

/// What a node saw that started the command with these arguments behind `run`; `None`, loudly, where there is no Python.
fn started(change: impl FnOnce(&mut Json), arguments: &[&str]) -> Option<Json> {
    let mut command =
        vec![env!("CARGO_BIN_EXE_subvm"), "genvm", "--log-fd={log}", "run", "--host", "{host0}", "--cache", "off"];
    command.extend(arguments);
    // The slot of the code: SHA3-256 of the root slot and offset 2.
    let slot = "ba005630745acf3014aaf162e9933040302ca0bef3f56fe2d73c0a08f82c610b";
    let code = format!("{:08x}", (MODULE.len() as u32 / 2).swap_bytes()) + MODULE;
    let mut scenario =
        json!({"command": command, "stdin": data(), "storage": {}, "runner_ids": ["contract"], "patience": 60});
    scenario["storage"][format!("{}/{slot}", "09".repeat(20))] = json!(code);
    change(&mut scenario);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), scenario.to_string()).expect("it can be written");
    let script = format!("{ROOT}/tests/genvm/host.py");
    let output = Command::new("python3").arg("-B").arg(script).arg(file.path()).stderr(Stdio::inherit()).output();
    match output {
        Ok(output) => Some(serde_json::from_slice(&output.stdout).expect("JSON")),
        Err(error) => {
            println!("SKIPPED: no node starts the executor: python3 does not start: {error}");
            None
        }
    }
}

#[test]
fn a_node_starts_it_over_every_kind_of_socket() {
    for listen in ["unix", "tcp", "fd"] {
        let Some(seen) = started(
            |scenario| scenario["listen"] = json!(listen),
            &["--permissions", "r", "--genvm-id=7", "--debug-mode", "disabled"],
        ) else {
            return;
        };
        assert_eq!((&seen["status"], &seen["hashes"]), (&json!(0), &json!(true)), "{listen}: {seen:#}");
        assert_eq!(
            (&seen["code"], &seen["result"]["kind"], &seen["result"]["data"]),
            (&json!(0), &json!("Return"), &Json::Null),
            "{seen:#}"
        );
        assert_eq!((&seen["stdout"], &seen["eof"]), (&json!(""), &json!(1)));
    }
}

#[test]
fn what_goes_wrong_is_in_the_log_and_in_the_status() {
    let fault = json!({"method": "storage_read", "number": 2, "what": "close"});
    let Some(seen) = started(|scenario| scenario["fault"] = fault, &[]) else { return };
    assert_eq!(seen["status"], json!(127));
    let said = "host 0 at unix://";
    assert!(seen["stderr"].as_str().unwrap().starts_with(&format!("error: {said}")), "{seen:#}");
    let log: Json = serde_json::from_str(seen["log"].as_str().unwrap().trim()).expect("a line of JSON");
    assert!(
        log["level"] == "error" && log["message"].as_str().unwrap().contains("storage_read, byte 0 of the answer"),
        "{log}"
    );
    // A contract that cannot be loaded is a result; people are told why.
    let Some(seen) = started(|scenario| scenario["storage"] = json!({}), &[]) else { return };
    assert_eq!((&seen["status"], &seen["result"]["data"]), (&json!(0), &json!("invalid_contract runner absent")));
    assert!(seen["log"].as_str().unwrap().contains("there is no code at the contract's address"), "{seen:#}");
}

#[test]
fn it_may_be_killed_at_any_time() {
    for (method, number) in [("storage_read", 1), ("storage_read", 4), ("consume_result", 1)] {
        let fault = json!({"method": method, "number": number, "what": "kill"});
        let Some(seen) = started(|scenario| scenario["fault"] = fault, &[]) else { return };
        assert_eq!((&seen["status"], &seen["gone"]), (&json!(-9), &json!(1)), "{seen:#}");
        // The next run is whole: nothing was left behind.
        let Some(seen) = started(|_| {}, &[]) else { return };
        assert_eq!(seen["status"], json!(0));
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let run = |more: &'static [&'static str]| [&["genvm", "run"], more].concat();
    fails(&run(&[]), 126, &["--host"]);
    fails(&run(&["--host", "wss://a"]), 126, &["neither unix://<path>, fd://<number> nor <host>:<port>"]);
    // Standard input is empty here.
    fails(&run(&["--host", "unix:///a", "--cache", "off"]), 127, &["execution data: "]);
    fails(&run(&["--host", "unix:///a", "--permissions", "wx"]), 126, &["there is no permission 'x'; there are rwscn"]);
    fails(
        &run(&["--host", "unix:///a", "--cache", "off", "--line", "0.1", "--execution-data", "/dev/null"]),
        126,
        &["--line 0.1"],
    );
    fails(&run(&["--host", "unix:///a", "--execution-data", "/nowhere"]), 126, &["--execution-data /nowhere"]);
    fails(
        &run(&["--host", "unix:///a", "--execution-data", "fd://77"]),
        126,
        &["this process was started without that descriptor"],
    );
}

#[test]
fn a_node_gives_a_run_the_time_that_its_python_takes() {
    // A billion ticks: more than the library gives where nobody says.
    let grows = r#"(module (memory (export "memory") 1)
      (func (export "_start") (if (i32.eq (memory.grow (i32.const 30000)) (i32.const -1)) (then unreachable))))"#;
    let code = wat::parse_str(grows).expect("it is a module");
    let stored = hex(&[&(code.len() as u32).to_le_bytes()[..], &code].concat());
    let change = |scenario: &mut Json| {
        let slots = scenario["storage"].as_object_mut().expect("slots");
        slots.values_mut().for_each(|slot| *slot = json!(stored));
    };
    let Some(seen) = started(change, &[]) else { return };
    assert_eq!((&seen["code"], &seen["result"]["kind"]), (&json!(0), &json!("Return")), "{seen:#}");
}
