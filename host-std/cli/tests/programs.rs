//! Programs that nobody here wrote, and what they print on a runtime that is not ours (`tests/programs`).

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

#[path = "../../modules/tests/support/mod.rs"]
mod support;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn exec(program: &Json, more: &[&str]) -> Output {
    let strings = |key: &str| -> Vec<String> {
        let items = program[key].as_array().into_iter().flatten();
        items.map(|item| item.as_str().expect("a string").to_owned()).collect()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    command.current_dir(ROOT).args(["exec", "--stdin", "/dev/null"]).args(more).stdin(Stdio::null());
    for map in strings("maps") {
        command.args(["--map", &map]);
    }
    for link in strings("links") {
        command.args(["--link", &link]);
    }
    command.arg(program["module"].as_str().expect("a module")).arg("--").args(strings("args"));
    command.output().expect("the binary runs")
}

fn programs() -> Vec<Json> {
    let manifest = fs::read(format!("{ROOT}/tests/programs/programs.json")).unwrap();
    let manifest: Json = serde_json::from_slice(&manifest).unwrap();
    manifest["programs"].as_array().unwrap().clone()
}

/// Brings what can be brought. Without a registry, programs are missing, and each is named.
fn fetch() {
    let status = Command::new("bash").current_dir(ROOT).arg("tests/programs/fetch.sh").stdin(Stdio::null()).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "tests/programs/fetch.sh brought something else than it should"
    );
}

#[test]
fn programs_print_what_they_print_elsewhere() {
    fetch();
    for program in programs() {
        let name = program["name"].as_str().unwrap();
        if !Path::new(ROOT).join(program["module"].as_str().unwrap()).exists() {
            support::skipped(&format!("{name}: its module could not be fetched"));
            continue;
        }
        let output = exec(&program, &[]);
        let expected = fs::read(format!("{ROOT}/{}", program["expected"].as_str().unwrap())).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&expected), "{name}: {stderr}");
        assert_eq!(output.status.code().map(i64::from), program["exit"].as_i64(), "{name}: {stderr}");
    }
}

/// Bytes of a module that is translated, lowered and interpreted in seconds where nothing is optimised.
const SMALL: u64 = 8 << 20;

/// What they print, the ticks that they use, and all else that a run comes to.
#[test]
fn programs_come_to_the_same_on_wasmi() {
    fetch();
    for program in programs() {
        let (name, module) = (&program["name"], Path::new(ROOT).join(program["module"].as_str().unwrap()));
        match fs::metadata(module) {
            Err(_) => support::skipped(&format!("{name}: its module could not be fetched")),
            Ok(metadata) if metadata.len() > SMALL => {}
            Ok(_) => {
                let [first, second] = ["wasmtime", "wasmi"].map(|engine| {
                    let output = exec(&program, &["--json", "--engine", engine]);
                    let mut json: Json = serde_json::from_slice(&output.stdout)
                        .unwrap_or_else(|error| panic!("{name}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
                    json["wall_ms"] = Json::Null;
                    json
                });
                assert_eq!(first, second, "{name}");
            }
        }
    }
}

#[test]
fn under_the_seed_a_libc_gives_up_and_the_option_is_named() {
    for program in programs() {
        let Some(exit) = program["exit_seed"].as_i64() else { continue };
        let output = exec(&program, &["--personality", "seed"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code().map(i64::from), Some(exit), "{}: {stderr}", program["name"]);
        if exit == 71 {
            assert!(stderr.contains("--personality program"), "{}: {stderr}", program["name"]);
        }
    }
}
